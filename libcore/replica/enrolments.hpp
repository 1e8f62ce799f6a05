// The candidacies that a host has without anybody waiting for them there (`delect --enroll`).
//
// The problem. A crontab's line asks "does this host lead?" once a minute and is gone again: between two
// questions nothing of it runs that could hold a leadership. A file of coordd's that says for which names it
// is to stand would be lost with the disk, and could not be listed elsewhere. So the enrolment is a fact of
// the log, and the enrolled host's peer does what a tool would do: it opens a session with a candidacy for
// each name, renews it, and asks anew when it has ended. A restarted peer takes its sessions up again: no
// command runs under them, and the earlier process is surely gone, so that its leaderships go on.
//
// Told: what was applied, outcomes, the time. Answers: commands to submit. Pure; one owner, no threads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "replica/events.hpp"
#include "service/machine.hpp"

namespace coord::replica {

// In the nonce of every session of an enrolment, and in the tickets of its commands; never in a tool's.
inline constexpr std::uint64_t enrolled_mark = std::uint64_t{1} << 63U;

class Enrolments {
 public:
  struct Config {
    NodeId self;
    std::string peer;  // this peer's name
    std::string host;
    Duration ttl = std::chrono::seconds(10);
    Duration retry = std::chrono::seconds(1);  // after a refusal
  };

  explicit Enrolments(Config config) : config_(std::move(config)) {}

  // `client`: this peer's registration; before it has one, the log that it applies is an old one.
  [[nodiscard]] std::vector<Submit> on(Instant now, const Applied& event, service::ClientId client,
                                       const service::Machine& machine);
  [[nodiscard]] std::vector<Submit> on(Instant now, const Replaced&, service::ClientId client,
                                       const service::Machine& machine);
  [[nodiscard]] std::vector<Submit> on(Instant now, const Outcome& event, const service::Machine& machine);
  [[nodiscard]] std::vector<Submit> tick(Instant now, const service::Machine& machine);
  std::optional<Instant> deadline() const;

 private:
  struct Standing {
    SessionId session;      // 0: none
    bool asking = false;    // the Acquire, or the Close, is on its way
    service::Enrolment as;  // what was asked for
    Instant not_before;     // of the next try
  };

  std::vector<Submit> review(Instant now, const service::Machine& machine);
  void look_after(Instant now, const std::string& name, const service::Enrolment& as,
                  const service::Machine& machine, std::vector<Submit>& out);
  void leave(const std::string& name, Standing& standing, std::vector<Submit>& out);
  SessionId left_by_earlier_life(const std::string& name, const service::Machine& machine) const;
  Submit submit(const std::string& name, service::Body body);

  Config config_;
  bool registered_ = false;
  bool due_ = false;  // something changed that a review must see
  std::map<std::string, Standing> standings_;
  std::map<std::uint64_t, std::string> tickets_;  // of Acquire and Close: their name
  std::optional<std::uint64_t> renewing_;         // the ticket of the Renew that is on its way
  Instant renewed_;                               // when the last one was sent
  std::uint64_t next_ticket_ = 1;
};

}  // namespace coord::replica
