// SPDX-License-Identifier: MIT
// What all clerks of a desk share (desk.hpp): what they have submitted or asked and have no answer to yet,
// what they say, and whether there is a majority.
//
// Each command and each question has a ticket, one numbering for all, and with it what is to be done when
// the answer comes. Whoever no longer waits for a command withdraws it. Threading: none; one owner.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "replica/tool_events.hpp"
#include "service/state_machine.hpp"

namespace coord::replica {

// Why there is no quorum, for users. `not_begun`: what the group that never had one waits for, else empty.
std::string no_quorum_text(const std::string& not_begun);

// What a tool is told of a refusal.
local::RefusedKind kind_of(service::Refusal why);

class Ledger {
 public:
  explicit Ledger(SessionsConfig with);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();

  const SessionsConfig config;
  bool quorum = false;    // a leader with a majority is known
  std::string not_begun;  // the group has never had one, and what it waits for; empty: it has begun
  SessionActions out;

  // ---- commands
  struct Heard {
    Instant now;
    const Outcome& what;
    const service::StateMachine& machine;
  };
  using Then = std::function<void(const Heard&)>;
  std::uint64_t submit(service::Body body, Then then);
  // The command is not to wait, from `asked` on: `late` hears when that is over, with whether it may be in a
  // log (hurry.hpp). Each clerk has a Hurry of its own, so that its own requests are given up together.
  using Late = std::function<void(bool may_be_ordered)>;
  void hurry(Hurry& by, std::uint64_t ticket, Instant asked, Late late);
  void give_up_late(Hurry& by, Instant now);
  // Nobody waits for it any more: its answer is still heard, or (withdraw) not.
  void retract(std::uint64_t ticket);
  void withdraw(std::uint64_t ticket);
  void hear(Instant now, const Outcome& event, const service::StateMachine& machine);

  // ---- questions
  using Answer = std::function<void(const service::StateMachine&, WallTime)>;
  // Without a majority: refused, with `otherwise` after the reason.
  void ask(ConnectionId id, std::uint64_t request, const char* otherwise, Answer answer);
  void hear(const QueryReady& event, const service::StateMachine& machine, WallTime wall);
  void hear(const QueryFailed& event);

  // ---- the tools
  void tell(ConnectionId id, local::Answer&& answer);
  void refuse(ConnectionId id, std::uint64_t request, local::RefusedKind kind, std::string why);
  std::string no_quorum() const { return no_quorum_text(not_begun); }
  bool may_last(Duration ttl) const { return ttl >= config.ttl_low && ttl <= config.ttl_high; }
  // Of a session that is opened for this tool.
  service::Owner owner(const Credentials& who, std::uint32_t pid, const std::string& command) const;

 private:
  struct Order {
    Then then;
    Late late{};
    Hurry* hurry = nullptr;
  };
  struct Question {
    ConnectionId id;
    std::uint64_t request = 0;
    const char* otherwise = "";
    Answer answer;
  };
  std::uint64_t next_ticket_ = 1;
  std::map<std::uint64_t, Order> orders_;
  std::map<std::uint64_t, Question> questions_;
};

// After the reason for which a listing is refused.
inline constexpr const char* ask_stale = ": --stale shows local knowledge";

}  // namespace coord::replica
