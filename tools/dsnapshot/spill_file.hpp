// SPDX-License-Identifier: MIT
// Output of a command that waits while its state is asked for, in a file without a name: in TMPDIR, else
// /var/tmp or /tmp. It is opened when it is needed first, and is gone with its process.
//
// Space is given out by segments, and a segment is used again when nothing in it is remembered any more, so
// that the file stays near what waits. Threading: one owner.
#pragma once

#include <cstdint>
#include <vector>

#include "base/descriptor.hpp"
#include "protocol/channel/channel.hpp"

namespace coord::dsnapshot {

class SpillFile final : public channel::Spill {
 public:
  // Nothing: no file is to be had, it is full, or the disk is.
  std::optional<std::uint64_t> put(ByteView bytes) override;
  std::optional<Bytes> get(std::uint64_t at, std::size_t size) override;
  void forget(std::uint64_t at, std::size_t size) override;

  // What was put there cannot be read any more: what the command has said is lost.
  bool is_broken() const { return is_broken_; }

 private:
  bool open();
  bool find_room(std::size_t size);

  Descriptor file_;
  bool has_tried_ = false, is_broken_ = false;
  std::vector<std::uint64_t> live_;  // bytes that are remembered, by segment
  std::size_t segment_ = 0;          // that is being filled
  std::size_t filled_ = 0;           // of it
};

}  // namespace coord::dsnapshot
