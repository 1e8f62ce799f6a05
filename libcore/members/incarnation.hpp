// SPDX-License-Identifier: MIT
// The incarnations that a member has used, kept over its lives.
//
// Problem: a member that comes back in an incarnation that it had before cannot deny what was said of it
// there: it stays dead. Why the obvious answer, writing down each before it is told, fails: a member denies
// its death in a hurry, and the disk may be what made it slow. So a block of them is written down ahead, and
// a life begins behind all that an earlier one may have used.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/disk.hpp"
#include "node/part.hpp"
#include "protocol/membership/swim_messages.hpp"

namespace coord::members {

using membership::Incarnation;

inline constexpr char incarnation_file[] = "incarnation";
inline constexpr std::uint64_t incarnations_ahead = 16;

// The last one that an earlier life may have used; none: there was no such life. An Error where that cannot
// be told.
Result<std::optional<Incarnation>> read_incarnation(Disk& disk);
Status write_incarnation(Disk& disk, Incarnation last);

// All up to this one may be used, once it is done.
struct Reserve final : node::Work {
  Incarnation last;
  Status outcome = done();
};

class ReserveWorker final : public node::Worker {
 public:
  using Open = std::function<Result<std::unique_ptr<Disk>>()>;
  explicit ReserveWorker(Open open) : open_(std::move(open)) {}
  void perform(std::vector<std::shared_ptr<node::Work>>& batch) override;

 private:
  Open open_;
};

}  // namespace coord::members
