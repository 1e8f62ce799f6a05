// SPDX-License-Identifier: MIT
// The candidacies that a host has without anybody waiting for them there (`delect --enroll`).
//
// The problem. A crontab's line asks "does this host lead?" once a minute and is gone again: between two
// questions nothing of it runs that could hold a leadership. A file of coordd's that says for which names it
// is to stand would be lost with the disk, and could not be listed elsewhere. So the enrolment is a fact of
// the log, and the enrolled host's peer does what a tool would do: it opens a session with a candidacy for
// each name, renews it, and asks anew when it has ended. A restarted peer takes its sessions up again: no
// command runs under them, and the earlier process is surely gone, so that its leaderships go on.
//
// A clerk of the desk (desk.hpp), without connections. Pure; one owner, no threads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "replica/ledger.hpp"
#include "service/state_machine.hpp"

namespace coord::replica {

// In the nonce of every session of an enrolment; never in a tool's.
inline constexpr std::uint64_t enrolled_mark = std::uint64_t{1} << 63U;

class Enrolments {
 public:
  explicit Enrolments(Ledger& ledger) : ledger_(ledger) {}

  // `client`: this peer's registration; before it has one, the log that it applies is an old one.
  void on(Instant now, const Applied& event, service::ClientId client, const service::StateMachine& machine);
  void on(Instant now, const Replaced&, service::ClientId client, const service::StateMachine& machine);
  void tick(Instant now, const service::StateMachine& machine);
  std::optional<Instant> deadline() const;

 private:
  struct Standing {
    SessionId session;      // 0: none
    bool asking = false;    // the Acquire, or the Close, is on its way
    service::Enrolment as;  // what was asked for
    Instant not_before;     // of the next try
  };

  void review(Instant now, const service::StateMachine& machine);
  void look_after(Instant now, const std::string& name, const service::Enrolment& as,
                  const service::StateMachine& machine);
  void leave(const std::string& name, Standing& standing);
  SessionId left_by_earlier_life(const std::string& name, const service::StateMachine& machine) const;
  void submit(const std::string& name, service::Body body);
  void heard(const Ledger::Heard& heard, const std::string& name);

  Ledger& ledger_;
  bool registered_ = false;
  bool due_ = false;  // something changed that a review must see
  std::map<std::string, Standing> standings_;
  bool renewing_ = false;  // a Renew is on its way
  Instant renewed_;        // when the last one was sent
};

}  // namespace coord::replica
