// SPDX-License-Identifier: MIT
// A totally ordered log of the group's commands, as one host sees it: what the desk stands on (desk.hpp).
//
// Problem: a host's tools want commands executed once, in an order that all hosts share, and want to know
// what came of them. Who keeps that order is another matter: this host may be one of the voters that do
// (Replica), or ask one of them (Forwarder), and the desk must not care. So the desk says Submit, Retract and
// Query, and hears Outcome, Applied, Replaced, QueryReady and QueryFailed (events.hpp) from whichever it is.
//
// What every one of them promises:
//   - a command takes effect at most once, and its Outcome comes when it was applied, never before;
//   - each entry's Applied comes once and in the order of the log, or Replaced comes in place of some;
//   - machine() is the state after what was told last, and no later one;
//   - QueryReady comes when machine() is at least as new as all that was acknowledged before the Query.
// Whoever is behind it is a pure state machine. Threading: none; one owner.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "replica/events.hpp"
#include "service/state_machine.hpp"

namespace coord::replica {

// Whether the group's level can rise, as this peer sees it.
struct LevelView {
  enum class Missing : std::uint8_t {
    unreachable,   // nothing stands with it
    earlier,       // its program knows no later level
    unregistered,  // its process has only begun, or is not the one that had announced
  };
  Level level = first_level;            // 0: the log was not read yet
  Level next = first_level;             // == level: this program knows no later one
  std::map<NodeId, Missing> missing{};  // voters that have not announced `next`
  std::optional<Instant> due;           // of who will do it by itself: a leader, or the first gateway
};

class OrderedLog {
 public:
  OrderedLog() = default;
  OrderedLog(const OrderedLog&) = default;
  OrderedLog(OrderedLog&&) = default;
  OrderedLog& operator=(const OrderedLog&) = default;
  OrderedLog& operator=(OrderedLog&&) = default;
  virtual ~OrderedLog() = default;

  // Tells what happened. The actions are to be performed in order, those of one step before those of the
  // next; DiskJobs may be begun after what comes behind them. `wall` goes into commands, for display.
  [[nodiscard]] virtual Actions step(Instant now, WallTime wall, const Event& event) = 0;
  // To be called when no more events are at hand: sends what the last steps have gathered, in one message.
  [[nodiscard]] virtual Actions settle(Instant now, WallTime wall) = 0;
  // Something was submitted, or a question put, since it last settled.
  virtual bool is_asked() const = 0;
  // When to be ticked next. Early ticks are harmless.
  virtual std::optional<Instant> deadline() const = 0;

  virtual const service::StateMachine& machine() const = 0;
  virtual LogIndex applied() const = 0;
  // The registration of this host; 0 until it has one.
  virtual service::ClientId client() const = 0;
  // This life of the host, for its greetings (Greeted::life).
  virtual std::uint64_t life() const = 0;
  // What is sent and greeted with.
  virtual Level speaks() const = 0;
  virtual LevelView level_view() const = 0;
  // Who leads the voters, and had a majority a moment ago; 0: nobody is known to.
  virtual NodeId leader() const = 0;
  bool has_quorum() const { return leader() != NodeId{}; }

  // There is a state to speak of. Until then: which nodes it waits for.
  virtual bool has_begun() const = 0;
  virtual std::vector<NodeId> waits_for() const = 0;
  // In words for users, why it does not serve, where that is not want of a majority of peers; else empty.
  virtual const std::string& trouble() const {
    static const std::string none;
    return none;
  }
};

}  // namespace coord::replica
