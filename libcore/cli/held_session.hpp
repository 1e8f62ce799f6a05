// SPDX-License-Identifier: MIT
// Running a command while holding a session at the peer: what dlock and delect have in common.
//
// A tool asks for something (locks, a leadership), waits for its turn, runs a command while it has it, and
// lets go. In between the session may be lost, the peer may be killed and come back, and whatever happens the
// command must have ended before anybody else may have the same (lost means stopped): KILL comes at the
// latest 0.8 TTL after the sending of the last renewal that succeeded, TERM a grace before that. What the
// answers mean to a user, and which exit status that is, the tool decides.
//
// Threading: one owner; wait_for_verdict(), run() and let_go() block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/lease.hpp"
#include "cli/child.hpp"
#include "cli/local_line.hpp"
#include "cli/speaker.hpp"
#include "process/cgroup.hpp"

namespace coord::cli {

inline constexpr std::uint64_t only_request = 1;  // a connection of a tool makes one, and numbers it so
// for what a healthy peer answers at once
inline constexpr Duration answer_patience = std::chrono::seconds(2);

// The words of a command as listings show them, cut to what a request may carry.
std::string command_line(const std::vector<std::string>& argv);

using MessageCounts = std::map<std::string, std::uint64_t>;  // sent and received, by type

struct SessionTerms {
  std::string tool;
  std::string object;  // what it is about, as messages show it
  ConnectOptions peer;
  local::Acquire request;      // number only_request; its `wait` false: -n
  int holder = -1;             // pidfd of the process that the request names, if it does
  std::optional<Instant> end;  // of the wait, on CLOCK_BOOTTIME; none: as long as it takes
  Duration grace{};            // from TERM to KILL, at most 0.4 of the TTL
  bool verbose = false;
};

// What became of the request. Cancelled: its time is over. Refused: also for a peer that does not answer.
using Verdict = std::variant<local::Granted, local::Refused, local::Joined, local::Cancelled>;

// While it waits: each news of the peer about what for, a call every second, and what a part of the peer says
// (each may be empty).
struct WhileWaiting {
  std::function<void(const local::Waiting&)> news{};
  std::function<void()> glance{};
  std::function<void(const local::FromPart&)> part{};
};

class HeldSession {
 public:
  // `peer`: a connection over which terms.request went out. `group`: for a command that will be started, if
  // it was made already, while the peer was at work.
  HeldSession(SessionTerms terms, engine::LocalConnection peer, MessageCounts& counts,
              std::optional<process::Cgroup> group);
  HeldSession(const HeldSession&) = delete;
  HeldSession& operator=(const HeldSession&) = delete;

  // An Error: the peer is gone, and the request was not to wait.
  Result<Verdict> wait_for_verdict(const WhileWaiting& meanwhile);

  // ---- once it is granted

  const local::Granted& grant() const { return grant_; }
  int hold() const { return hold_.get(); }  // who inherits it holds the session
  const local::Resume& resume() const { return resume_; }
  engine::LocalConnection& peer() { return line_.peer(); }
  // The grant is too old to begin anything with.
  bool too_late() const;
  // The session is lost, or about to be.
  bool lost() const { return lost_; }
  Instant sent() const { return sent_; }  // of the last renewal that succeeded
  // What is held elsewhere counts from then: the peer's renewals are no longer than that from now on.
  void bound_by(Instant sent) { sent_ = std::min(sent_, sent); }
  Instant kill_at() const { return lease::stop_by(sent_, terms_.request.ttl); }

  // The grant was not taken up in time, or its session has ended before: somebody else's turn. Nothing has
  // run; wait_for_verdict() stands in line anew.
  struct PassedOn {};
  // `child` has ended and been reaped (null: it has not begun); as long as it is kept, signals
  // to us are held back.
  struct Ended {
    Outcome outcome;
    std::unique_ptr<Child> child;
  };
  // Until the program has ended, or was stopped because the session was lost or `max_run` was over. It is
  // guarded by the peer as well, which has it before it begins; `before`, if any, is done in between, and its
  // error ends it all. The first program takes the grant up. An Error: it was not begun.
  using Run = std::variant<Ended, SpawnError, PassedOn, Error>;
  Run run(const Program& program, std::optional<Duration> max_run = {},
          const std::function<Status()>& before = {});
  // The same; `along` was asked before, and where it says no nothing has run either: PassedOn.
  using IsAnswer = std::function<bool(const local::Answer&)>;
  struct Along {
    local::Request request;
    IsAnswer is_answer;
    std::function<bool()> says_yes;  // its answer has come
  };
  Run run_if(const Along& along, const Program& program, std::optional<Duration> max_run);
  void ask(const Along& along);
  // Takes it up for what we are about to become (`pidfd` and `pid` are our own), or without a process (0).
  // True: we have it, and have the answer of `along`, if there is one. False: as PassedOn.
  Result<bool> take_up(std::uint32_t pid, int pidfd, const Along* along = nullptr);
  // Without a process, in two steps: in between ask() may ask, and hears the answer on the way.
  void begin_to_take_up();
  Result<bool> taken_up();
  bool passed_on() const { return is_passed_on_; }
  // The control group that was prepared for a command, for who runs it without the session.
  std::optional<process::Cgroup> take_group() { return std::move(group_); }

  // Sends `request` and waits for the answer of type T while the session is held, at most until `end()`,
  // which renewals may move: over a line that breaks again and again, if `insist`. False: not answered.
  template <class T>
  bool ask(const local::Request& request, const std::function<Instant()>& end, bool insist) {
    return ask(request, end, insist,
               [](const local::Answer& answer) { return std::holds_alternative<T>(answer); });
  }

  bool ask(const local::Request& request, const std::function<Instant()>& end, bool insist,
           const IsAnswer& is_answer);

  // Whether the answer is among what has come; nothing is waited for.
  bool has_heard(const IsAnswer& is_answer);

  // Ends the connection; nothing can be asked any more.
  void hang_up() { line_.hang_up(); }

  // Until the peer says that it is over, or that background work of the command goes on holding: that gets a
  // guard of its own. `status`: of the command, if it ran to its end.
  void let_go(std::optional<int> status = {});

 private:
  engine::Spoken opening();
  bool hear_greeting(const local::Request& request, Instant end);
  bool hear_until(const IsAnswer& is_answer, Instant end);
  Result<std::optional<Verdict>> take_waiting(const local::Answer& answer, const WhileWaiting& meanwhile);
  Status granted(const local::Granted& grant);
  bool ask_anew();
  Run never_begun();
  void say_started();
  Result<bool> hear_taken_up(const Along* along = nullptr);
  Run run_with(const Along* along, const Program& program, std::optional<Duration> max_run,
               const std::function<Status()>& before);
  bool ask_older_again(const local::Answer& answer);
  Verdict no_answer() const;
  Deadline deadline() const;
  void take(const local::Answer& answer, Child* child);
  void release(std::optional<std::uint8_t> status);
  void guard_what_is_left(const Descriptor& watch, std::optional<std::uint8_t> status);
  void count(const char* type) { ++counts_[type]; }
  void note(const std::string& text);
  void stopped(StopCause cause, std::optional<Duration> max_run);

  SessionTerms terms_;
  Instant began_;
  LocalLine line_;
  MessageCounts& counts_;
  Speaker speaker_;
  std::optional<process::Cgroup> group_;  // for the command, then what it left of it
  std::string group_path_;
  std::unique_ptr<Sentinel> sentinel_;  // on its way out of that
  bool in_group_;                       // of peers
  local::Granted grant_;
  Descriptor hold_;
  bool is_granted_ = false, is_passed_on_ = false;
  bool has_begun_ = false;  // something under it
  bool resumes_ = false;    // over a line that was tied anew, before it was taken up
  Descriptor command_;      // pidfd of what runs, or is about to
  local::Resume resume_;    // makes the session known to a peer that was started again
  Instant sent_;            // of the last renewal that succeeded
  bool lost_ = false;
  Instant stop_by_;  // once it is lost
};

}  // namespace coord::cli
