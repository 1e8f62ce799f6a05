// SPDX-License-Identifier: MIT
// Matrix clocks (Wuu and Bernstein, "Efficient Solutions to the Replicated Log and
// Dictionary Problems", PODC 1984).
//
// Problem: when may a host forget an event that it keeps for others? A vector says what this host knows, not
// what the others know. Row k of the matrix is the latest vector of host k that has been heard of, directly
// or through others: an event number t of host j is known to all once min over k of M[k][j] >= t, and may
// then be discarded.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "clock/relation.hpp"
#include "clock/vector_clock.hpp"

namespace coord::clock {

class MatrixClock {
 public:
  using Rows = std::map<std::string, VectorClock, std::less<>>;

  MatrixClock() = default;
  explicit MatrixClock(Rows rows) : rows_(std::move(rows)) {}

  const Rows& rows() const { return rows_; }
  const VectorClock& row(std::string_view host) const;  // what `host` is known to know; empty if nothing

  Status tick(std::string_view host);
  // `host` receives a message of `sender` stamped `message`: every row is joined with the message's, the own
  // row also with the sender's, then one tick. Refused, with nothing changed,
  // where VectorClock::receive refuses.
  Status receive(std::string_view host, std::string_view sender, const MatrixClock& message);
  void join(const MatrixClock& other);

  // How many events of `origin` every host of `group` is known to know: those may be discarded. A
  // host that nothing has been heard of knows nothing, so an incomplete `group` is the caller's
  // error: it would discard too much.
  std::uint64_t discardable(std::string_view origin, const std::vector<std::string>& group) const;
  // All hosts that a row or an entry names.
  std::vector<std::string> hosts() const;

  bool operator==(const MatrixClock&) const = default;

 private:
  Rows rows_;
};

}  // namespace coord::clock
