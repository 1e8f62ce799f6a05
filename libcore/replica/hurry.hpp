// SPDX-License-Identifier: MIT
// How long that is waited for which is not to wait (-n, orders): for a leader, and for its place in the log.
//
// The problem. "-n" says: not for the lock. A peer that has only just been started, or whose group's leader
// was killed, knows no leader for some milliseconds, and nobody is in the way of what is asked: to refuse it
// then makes a cron job fail for nothing. To let it wait as long as it takes is what -n forbids: in a
// minority that has no end.
//
// So it waits for a leader for a while that begins with the asking, and under a leader for as long as
// anything is committed: a leader under which nothing is has lost its majority and does not know it yet, or
// its disk hangs. When that is over the request is withdrawn (Retract) and refused.
//
// Pure; one owner. Each request is known by the ticket of its command.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace coord::replica {

class Hurry {
 public:
  struct Terms {
    Duration leader = std::chrono::seconds(1);  // until one is known, from the asking
    Duration commit = std::chrono::seconds(2);  // under one, since anything was committed
    // beyond both: what is committed may be others' all the time
    Duration slack = std::chrono::milliseconds(500);
  };

  explicit Hurry(Terms terms) : terms_(terms) {}

  // `asked`: when the tool did, which may be long before. Again: as before.
  void begin(std::uint64_t ticket, Instant asked);
  void end(std::uint64_t ticket);
  void leader_is(Instant now, bool known);
  void committed(Instant now) { progress_ = now; }

  struct Late {
    std::uint64_t ticket;
    bool may_be_ordered;  // there was a leader since it was asked for: it may be in a log
  };
  // Whose time is over: they are forgotten here.
  std::vector<Late> over(Instant now);
  std::optional<Instant> deadline() const;

 private:
  Instant end_of(Instant asked) const;

  Terms terms_;
  bool leader_ = false;
  std::optional<Instant> last_led_;  // when the last leader was lost
  Instant progress_;                 // when something was committed last, or a leader became known
  struct Request {
    Instant asked;
    bool led;  // when it began here
  };
  std::map<std::uint64_t, Request> requests_;
  std::set<std::pair<Instant, std::uint64_t>> by_age_;  // who asked first is late first
};

}  // namespace coord::replica
