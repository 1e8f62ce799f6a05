// SPDX-License-Identifier: MIT
#include "clock/vector_clock.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "clock/limits.hpp"

namespace coord::clock {

VectorClock::VectorClock(Counts counts) : counts_(std::move(counts)) {
  std::erase_if(counts_, [](const auto& entry) { return entry.second == 0; });
}

std::uint64_t VectorClock::at(std::string_view host) const {
  const auto entry = counts_.find(host);
  return entry == counts_.end() ? 0 : entry->second;
}

Status VectorClock::tick(std::string_view host) {
  if (at(host) >= largest_counter)
    return Error{ErrorKind::data, std::string(host), "counter would pass 2^53 - 1",
                 "start anew under another host name"};
  ++counts_[std::string(host)];
  return done();
}

Status VectorClock::receive(std::string_view host, const VectorClock& message) {
  const std::uint64_t own = at(host), claimed = message.at(host);
  if (claimed > own) {
    return Error{ErrorKind::data, std::string(host),
                 fmt::format("the message knows {} events of this host, its clock only {}", claimed, own),
                 "the clock's state was lost: restore it, or go on under another host name"};
  }
  if (auto ticked = tick(host); !ticked) return ticked;
  join(message);
  return done();
}

void VectorClock::join(const VectorClock& other) {
  for (const auto& [host, count] : other.counts_) {
    auto& mine = counts_[host];
    mine = std::max(mine, count);
  }
}

Relation compare(const VectorClock& a, const VectorClock& b) {
  const auto covers = [](const VectorClock& great, const VectorClock& small) {
    return std::ranges::all_of(small.counts(),
                               [&](const auto& entry) { return great.at(entry.first) >= entry.second; });
  };
  const bool a_in_b = covers(b, a), b_in_a = covers(a, b);
  if (a_in_b && b_in_a) return Relation::equal;
  if (a_in_b) return Relation::before;
  return b_in_a ? Relation::after : Relation::concurrent;
}

}  // namespace coord::clock
