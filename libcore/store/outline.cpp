// SPDX-License-Identifier: MIT
#include "store/outline.hpp"

#include <algorithm>

namespace coord::store {

void Outline::begin(const LogState& state) {
  state_ = state;
  first_ = state.next;
  runs_.clear();
}

bool Outline::install(const SnapshotRef& ref) {
  if (ref.index <= state_.snapshot.index) return false;
  state_.snapshot = ref;
  state_.next = first_ = LogIndex{ref.index.value + 1};
  runs_.clear();
  return true;
}

bool Outline::append(LogIndex first, std::uint64_t count, std::uint64_t segment) {
  if (first > state_.next || first <= state_.snapshot.index || count > UINT64_MAX - first.value) return false;
  while (!runs_.empty() && runs_.back().first >= first) runs_.pop_back();
  if (runs_.empty() || runs_.back().segment != segment) runs_.push_back({first, segment});
  first_ = std::min(first_, first);
  state_.next = LogIndex{first.value + count};
  return true;
}

bool Outline::compact(const SnapshotRef& ref) {
  if (ref.index <= state_.snapshot.index || ref.index >= state_.next) return false;
  state_.snapshot = ref;
  return true;
}

void Outline::reserve(Token upto) {
  state_.tokens = std::max(state_.tokens, upto);
}

std::uint64_t Outline::oldest_needed(std::uint64_t current) const {
  const std::uint64_t wanted = state_.snapshot.index.value + 1;
  if (state_.next.value <= wanted) return current;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const LogIndex end = i + 1 < runs_.size() ? runs_[i + 1].first : state_.next;
    if (end.value > wanted) return runs_[i].segment;
  }
  return current;
}

}  // namespace coord::store
