// SPDX-License-Identifier: MIT
#include "clock/matrix_clock.hpp"

#include <algorithm>
#include <limits>
#include <set>

namespace coord::clock {

const VectorClock& MatrixClock::row(std::string_view host) const {
  static const VectorClock nothing;
  const auto found = rows_.find(host);
  return found == rows_.end() ? nothing : found->second;
}

Status MatrixClock::tick(std::string_view host) {
  return rows_[std::string(host)].tick(host);
}

Status MatrixClock::receive(std::string_view host, std::string_view sender, const MatrixClock& message) {
  VectorClock own = row(host);
  // The own row of the message is older than ours unless our state was lost: receive()
  // of the vector checks both.
  VectorClock incoming = message.row(sender);
  incoming.join(message.row(host));
  if (auto received = own.receive(host, incoming); !received) return received;
  join(message);
  rows_[std::string(host)] = std::move(own);
  return done();
}

void MatrixClock::join(const MatrixClock& other) {
  for (const auto& [host, known] : other.rows_) rows_[host].join(known);
}

std::uint64_t MatrixClock::discardable(std::string_view origin, const std::vector<std::string>& group) const {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (const auto& host : group) least = std::min(least, row(host).at(origin));
  return group.empty() ? 0 : least;
}

std::vector<std::string> MatrixClock::hosts() const {
  std::set<std::string> names;
  for (const auto& [host, known] : rows_) {
    names.insert(host);
    for (const auto& [other, count] : known.counts()) names.insert(other);
  }
  return {names.begin(), names.end()};
}

}  // namespace coord::clock
