// SPDX-License-Identifier: MIT
#include "protocol/membership/roster.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"

namespace coord::membership {

namespace {

std::uint64_t mixed(std::uint64_t z) {  // SplitMix64's
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace

Roster::Roster(Founders founders) : founders_(std::move(founders)) {
  COORD_CHECK(founders_ &&
              std::ranges::adjacent_find(*founders_, std::ranges::greater_equal{}) == founders_->end());
  for (const NodeId node : *founders_) count(node, {}, true);
}

void Roster::set(NodeId node, Member member) {
  const auto before = find(node);
  if (before) {
    count(node, *before, false);
  } else {
    joined_.push_back(node);
  }
  changed_[node] = member;
  count(node, member, true);
}

void Roster::forget_dead_before(Instant time) {
  std::erase_if(joined_, [&](NodeId node) {
    const auto found = changed_.find(node);
    if (is_present(found->second.state) || found->second.since >= time) return false;
    count(node, found->second, false);
    changed_.erase(found);
    return true;
  });
}

std::optional<Member> Roster::find(NodeId node) const {
  if (const auto found = changed_.find(node); found != changed_.end()) return found->second;
  return is_founder(node) ? std::optional(Member{}) : std::nullopt;
}

NodeId Roster::at(std::size_t place) const {
  return place < founders_->size() ? (*founders_)[place] : joined_[place - founders_->size()];
}

Rumours Roster::table(NodeId by) const {
  Rumours all;
  for (std::size_t place = 0; place < std::min(size(), table_rumours); ++place) {
    const Member member = *find(at(place));
    all.push_back({at(place), member.incarnation, member.state, by});
  }
  return all;
}

bool Roster::is_founder(NodeId node) const {
  return std::ranges::binary_search(*founders_, node);
}

void Roster::count(NodeId node, const Member& member, bool in) {
  if (is_present(member.state)) {
    present_ = in ? present_ + 1 : present_ - 1;
    digest_ ^= mixed(mixed(node.value + 0x9e3779b97f4a7c15U) + member.incarnation.value);
  } else if (member.state == State::dead) {
    dead_ = in ? dead_ + 1 : dead_ - 1;
  }
}

Shuffle::Shuffle(std::size_t size, std::uint64_t key) : size_(size), key_(key) {
  while ((std::uint64_t{1} << (2 * half_bits_)) < size_) ++half_bits_;
}

// A Feistel network over the next power of four, again until the value is below the size (Black and Rogaway,
// "Ciphers with Arbitrary Finite Domains", 2002).
std::size_t Shuffle::operator()(std::size_t place) const {
  std::uint64_t value = place;
  do {
    value = once(value);
  } while (value >= size_);
  return static_cast<std::size_t>(value);
}

std::uint64_t Shuffle::once(std::uint64_t value) const {
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  std::uint64_t left = value >> half_bits_, right = value & mask;
  for (std::uint64_t round = 1; round <= 4; ++round) {
    left ^= mixed(key_ + round * 0x9e3779b97f4a7c15U + right) & mask;
    std::swap(left, right);
  }
  return (left << half_bits_) | right;
}

}  // namespace coord::membership
