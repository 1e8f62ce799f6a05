// SPDX-License-Identifier: MIT
// What is kept of locks, and in a snapshot.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/locks/commands.hpp"
#include "service/session.hpp"

namespace coord::service {

inline Token family_of(const std::vector<Token>& entered, std::size_t i, Token own) {
  return entered.empty() || entered[i].value == 0 ? own : entered[i];
}

// A hold or a wait. Its place in every queue is the place of its Acquire in the log.
struct Request {
  SessionId session{};
  std::uint64_t number = 0;          // the session's own
  std::vector<std::string> names{};  // sorted, unique
  LockTerms terms{};                 // min_hold: 0 once it has passed
  Token token{};     // 0: waits; else the grant's own number, which is also its fencing token unless...
  WallTime since{};  // of the wait, then of the hold
  std::vector<SessionId> inside{};  // sessions that end only after this, outermost first
  // ... every name was re-entered. Of each name: the token of the outermost hold that it was entered through,
  // 0: taken by this request itself. Empty: all were.
  std::vector<Token> entered{};
  WallTime asked{};
  CommandKey key{};
  bool join = false;
  LogIndex joins{};                      // waits for the end of the hold of the request at this place...
  std::optional<std::uint8_t> joined{};  // ... which has ended with this status: waits for nothing any more
  std::optional<TakePart> part{};        // held: it takes part; the sites are in its epoch then

  bool held() const { return token.value != 0; }
  bool in_line() const { return !held() && joins == LogIndex{} && !joined; }
  // What a resource checks: the grant's own number, or that of the hold (of the latest
  // one) that was re-entered.
  Token fence() const;
  std::optional<EnterBy> entry_by() const { return part ? std::optional(part->by) : std::nullopt; }
  // Whose hold this one counts with at names[i].
  Token family(std::size_t i) const { return family_of(entered, i, token); }

  bool operator==(const Request&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, number, names);
    terms.sharing(archive);
    terms.delays(archive);
    archive(token, since, inside, entered, asked, key, join, joins, joined, terms.period);
    archive.since(2, part);
  }
};

// A name that is entered by an algorithm among these sites, as long as somebody takes part, and a while
// longer (epochs.cpp).
struct Epoch {
  Token number{};  // above all tokens that were given before; those of its entries come next
  EnterBy by = EnterBy::ricart_agrawala;
  std::vector<DecisionSite> sites{};  // by node
  bool closed = false;                // it ends with the last who takes part
  bool among = false;                 // the sites are named by those who take part
  std::uint64_t tokens = 0;           // so many come after its number
  std::string user{};                 // who began it

  bool operator==(const Epoch&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, by, sites, closed, among, tokens, user);
  }
};

// A hold that is over but whose names stay taken: its minimum hold or its lock delay
// (or both) has not passed.
struct LingeringHold {
  SessionId session{};  // may have ended
  NodeId node{};
  Owner owner{};
  std::vector<std::string> names{};
  LockTerms terms{};             // of its delays what is left to be measured: 0: none, or passed
  WallTime since{};              // of the hold
  std::vector<Token> entered{};  // as the request's

  bool operator==(const LingeringHold&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, node, owner, names);
    terms.sharing(archive);
    terms.delays(archive);
    archive(since, entered, terms.period);
  }
};

// A hold that is over, as `dlock --history` tells it.
struct PastHold {
  SessionId session{};
  Owner owner{};  // the command cut
  Mode mode = Mode::exclusive;
  std::uint32_t permits = 1;
  Token token{};
  WallTime asked{}, granted{}, ended{};  // by the clocks of those who proposed what caused them
  CloseReason why = CloseReason::finished;
  std::optional<std::uint8_t> status{};

  bool operator==(const PastHold&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, owner, mode, permits, token, asked, granted, ended, why, status);
  }
};

struct NameHistory {
  LogIndex last{};                // the command that ended the last of them
  std::vector<PastHold> holds{};  // oldest first

  bool operator==(const NameHistory&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(last, holds);
  }
};

std::size_t bytes_of_hold(const PastHold& hold);

struct LockState {
  std::map<LogIndex, Request> requests{};  // by place: the order of all queues
  std::map<Token, LingeringHold> lingering_holds{};
  std::map<std::string, NameHistory> history{};
  std::map<std::string, Epoch> epochs{};

  bool operator==(const LockState&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(requests, lingering_holds, history);
    archive.since(2, epochs);
  }
};

}  // namespace coord::service
