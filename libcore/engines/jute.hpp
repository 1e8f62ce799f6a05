// SPDX-License-Identifier: MIT
// ZooKeeper's records (jute) as bytes: big-endian numbers, and strings, buffers and lists behind their
// length. Pure; what is read is bounded by what is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace coord::engines {

class JuteWriter {
 public:
  JuteWriter& number(std::int32_t value);
  JuteWriter& longer(std::int64_t value);
  JuteWriter& flag(bool value);
  JuteWriter& text(std::string_view value);
  JuteWriter& buffer(ByteView value);
  JuteWriter& append(ByteView written);  // as it is
  const Bytes& out() const { return out_; }

 private:
  Bytes out_;
};

class JuteReader {
 public:
  explicit JuteReader(ByteView bytes) : left_(bytes) {}

  std::int32_t number();
  std::int64_t longer();
  bool flag();
  ByteView buffer();  // none and an empty one are alike
  std::string text();
  // How many there are in a list, each of which takes four bytes at least.
  std::size_t count();
  bool failed() const { return failed_; }
  ByteView left() const { return left_; }

 private:
  std::uint64_t big_endian(std::size_t size);

  ByteView left_;
  bool failed_ = false;
};

// A connection's bytes as its frames: each behind its length.
class JuteFrames {
 public:
  void add(ByteView bytes) { in_.insert(in_.end(), bytes.begin(), bytes.end()); }
  // Nothing: it has not come to its end yet, or cannot be read.
  std::optional<Bytes> next();
  bool failed() const { return failed_; }
  // Of the frame that has only begun: to which request it is the answer; 0: not known yet. Behind next().
  std::int32_t begun() const;

 private:
  Bytes in_;
  std::size_t at_ = 0;  // up to here all was given out
  bool failed_ = false;
};

}  // namespace coord::engines
