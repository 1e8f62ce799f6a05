// SPDX-License-Identifier: MIT
// What a listener says, or runs, for each thing that its peer has told it, over all lives of the peer.
//
// A peer that was started again hears from the others what it has missed, and a listener tells it for how
// long it has listened: so what was cast meanwhile comes, and what has come before is known by its id.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>

#include "dcast/settings.hpp"

namespace coord::dcast {

class Listener {
 public:
  explicit Listener(const Settings& settings) : settings_(settings) {}

  casts::FromTool begin() const;
  Followed::Took take(const casts::ToTool& told);

 private:
  Status hear(const casts::ToTool& told);
  void tell(const casts::Lost& lost) const;
  void tell(const casts::Gap& gap) const;
  bool is_new(const casts::CastId& id);
  Status show(const casts::Came& came);
  Status run(const casts::Came& came);

  const Settings& settings_;
  std::optional<Instant> began_;
  std::set<casts::CastId> ids_;
  std::deque<casts::CastId> order_;
  std::uint64_t heard_ = 0;
  int worst_ = 0;  // the last status of a command that was not 0
  std::optional<Result<cli::Exit>> ended_;
};

}  // namespace coord::dcast
