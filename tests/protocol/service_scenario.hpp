// SPDX-License-Identifier: MIT
// A log and a machine for scenarios that read like a conversation: peers say what they propose, and the
// effects come back as text, `granted s2#1 token 2 door`. Times in commands are 0, so that a token is its
// grant's place in the log.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "service/locks/listing.hpp"
#include "service/state_machine.hpp"

namespace coord::service {

using namespace std::chrono_literals;

inline std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

struct EffectText {
  static std::string number(std::uint64_t value) { return std::to_string(value); }
  static std::string hold(SessionId session, std::uint64_t request) {
    return "s" + number(session.value) + "#" + number(request);
  }
  static std::string timer(TimerKind kind, Token token) {
    static const std::map<TimerKind, std::string> names{{TimerKind::lock_delay, "lock delay"},
                                                        {TimerKind::min_hold, "minimum hold"},
                                                        {TimerKind::barrier_after, "delay"},
                                                        {TimerKind::barrier_late, "lateness"},
                                                        {TimerKind::idle_epoch, "idle epoch"}};
    return names.at(kind) + " of " + number(token.value);
  }
  std::string operator()(const Registered& e) const { return "registered " + number(e.client.value); }
  std::string operator()(const RaiseApplied& e) const {
    return "level " + number(e.level) + (e.in_force ? " in force" : " void");
  }
  std::string operator()(const NotRegistered& e) const {
    return "not registered, current " + number(e.current.value);
  }
  std::string operator()(const Opened& e) const { return "opened s" + number(e.session.value); }
  std::string operator()(const Granted& e) const {
    return "granted " + hold(e.session, e.request) + " token " + number(e.token.value) + " " +
           (e.leadership.empty() ? joined(e.names) : "leads " + e.leadership);
  }
  std::string operator()(const Dismissed& e) const {
    return "dismissed " + hold(e.session, e.request) + ": " + describe(e.why);
  }
  std::string operator()(const StepDown& e) const {
    return std::string(e.preempted ? "preempted " : "deposed ") + hold(e.session, e.request);
  }
  std::string operator()(const LeadershipChanged&) const { return ""; }
  std::string operator()(const Deadlocked& e) const {
    return "deadlocked " + hold(e.session, e.request) + cycle(e.cycle);
  }
  std::string operator()(const BreakAsked& e) const {
    return "to break s" + number(e.session.value) + " for " + e.user;
  }
  std::string operator()(const Joined& e) const {
    return "joined " + hold(e.session, e.request) + " status " + std::to_string(e.status);
  }
  static std::string cycle(const Cycle& links) {
    std::string text;
    for (const CycleLink& link : links) {
      text += ": s" + number(link.waiter.value) + " waits for " + link.name +
              (link.holds ? " of s" : " behind s") + number(link.blocker.value);
    }
    return text;
  }
  std::string operator()(const Queued& e) const { return "queued " + hold(e.session, e.request); }
  std::string operator()(const Refused& e) const { return "refused: " + describe(e.why) + cycle(e.cycle); }
  std::string operator()(const Cancelled& e) const { return "cancelled " + hold(e.session, e.request); }
  std::string operator()(const AlreadyGranted& e) const {
    return "already granted " + hold(e.session, e.request);
  }
  std::string operator()(const Released& e) const { return "released " + hold(e.session, e.request); }
  std::string operator()(const Closed& e) const {
    return "closed s" + number(e.session.value) + (e.why == CloseReason::expired ? " expired" : "");
  }
  std::string operator()(const Renewed& e) const {
    std::string text = "renewed";
    for (const auto& [id, renewal] : e.renewed) text += " s" + number(id.value) + ":" + number(renewal);
    for (const SessionId id : e.gone) text += " gone s" + number(id.value);
    return text;
  }
  std::string operator()(const TimerStarted& e) const { return timer(e.kind, e.token) + " starts"; }
  std::string operator()(const TimerEnded& e) const { return timer(e.kind, e.token) + " ends"; }
  std::string operator()(const Duplicate&) const { return "duplicate"; }
  std::string operator()(const ValueAnswered& e) const {
    return (e.why == Refusal::none ? "version " : std::string(name_of(e.why)) + ", version ") +
           number(e.version.value);
  }
  std::string operator()(const RingAnswered& e) const {
    return (e.why == Refusal::none ? std::string() : std::string(name_of(e.why)) + ", ") + "number " +
           std::to_string(e.number.value);
  }
  std::string operator()(const CommitAnswered& e) const {
    return (e.why == Refusal::none ? std::string("generation ")
                                   : std::string(name_of(e.why)) + ", generation ") +
           number(e.generation.value);
  }
  std::string operator()(const CommitChanged& e) const { return "changed " + e.transaction; }
  std::string operator()(const DecisionAnswered& e) const {
    return (e.why == Refusal::none ? std::string("generation ")
                                   : std::string(name_of(e.why)) + ", generation ") +
           number(e.generation.value);
  }
  std::string operator()(const DecisionChanged& e) const { return "changed " + e.decision; }
  std::string operator()(const RingChanged& e) const { return "changed ring " + e.ring; }
  std::string operator()(const ValueChanged& e) const { return "changed " + e.key; }
  std::string operator()(const Stale&) const { return "stale"; }
  std::string operator()(const BarrierArrived& e) const {
    return "arrived s" + number(e.session.value) + " in " + e.name + " " + number(e.generation);
  }
  std::string operator()(const BarrierDeparted& e) const { return "departed s" + number(e.session.value); }
  std::string operator()(const BarrierStays& e) const { return "stays s" + number(e.session.value); }
  std::string operator()(const BarrierDone&) const { return "done"; }
  std::string operator()(const BarrierMoved& e) const {
    const bool broken = e.generation.stage == GenerationStage::broken;
    const std::string& trigger = e.generation.trigger;
    std::string text = (broken ? "broken " : "released ") + e.name + " " + number(e.number);
    if (!trigger.empty() || !broken) text += " by " + (trigger.empty() ? "time" : trigger);
    const bool commands =
        std::ranges::any_of(e.generation.arrivals, [](const auto& a) { return a.second.command; });
    if (broken && e.generation.cause >= BreakCause::said)
      text += std::string(" (") + name_of(e.generation.cause) + ")";
    if (commands && e.generation.over() && !broken) text += ", over";
    if (!e.generation.turn.empty()) text += ", turn of " + e.generation.turn;
    text += ":";
    for (const SessionId id : e.sessions) text += " s" + number(id.value);
    return text;
  }
};

inline std::string text_of(const Effects& effects) {
  std::string text;
  for (const Effect& effect : effects) {
    const std::string one = std::visit(EffectText{}, effect);
    text += (text.empty() || one.empty() ? "" : "; ") + one;
  }
  return text;
}

// One group's log, and the machine that it is applied to.
struct Log {
  StateMachine machine{};
  std::uint64_t last = 0;
  Effects effects{};  // of the last command
  Command command{};  // the last one

  std::string apply(const Command& next) {
    command = next;
    effects = machine.apply(LogIndex{++last}, next);
    return text_of(effects);
  }
  std::string leader(Body body) { return apply(Command{.client = {}, .body = std::move(body)}); }
  template <class E>
  E find() const {
    for (const Effect& effect : effects) {
      if (const auto* found = std::get_if<E>(&effect)) return *found;
    }
    FAIL("no such effect in: " + text_of(effects));
    return {};
  }
};

// A peer's process: registers when it is made and numbers its commands.
struct Peer {
  Log& log;
  NodeId node;
  ClientId client{};
  std::uint64_t sequence = 0;
  std::uint64_t acknowledged = 0;

  Peer(Log& of, std::uint64_t number, std::uint64_t nonce = 1) : log(of), node{number} {
    log.apply(Command{.body = Register{node, nonce, log.machine.registration(node), newest_level}});
    client = log.find<Registered>().client;
  }

  std::string propose(Body body) {
    return log.apply(Command{.node = node,
                             .client = client,
                             .sequence = ++sequence,
                             .acknowledged = acknowledged,
                             .wall = {},
                             .body = std::move(body)});
  }
  static Open open(Duration ttl = 10s) {
    return Open{Owner{"peer", "host", 1000, "user", 42, "command"}, ttl, 7};
  }
  // A session with its first request, number 1.
  std::string lock(std::vector<std::string> names, Mode mode = Mode::exclusive, bool wait = true) {
    return propose(Acquire{.open = open(),
                           .session = {},
                           .request = 1,
                           .names = std::move(names),
                           .terms = {.mode = mode},
                           .wait = wait});
  }
  std::string lock(Acquire acquire) {
    acquire.open = open();
    acquire.request = 1;
    return propose(std::move(acquire));
  }
  std::string release(std::uint64_t session, std::uint64_t request = 1) {
    return propose(Release{SessionId{session}, request});
  }
  std::string cancel(std::uint64_t session, std::uint64_t request = 1) {
    return propose(Cancel{SessionId{session}, request});
  }
  std::string close(std::uint64_t session, CloseReason why = CloseReason::finished) {
    return propose(Close{SessionId{session}, why});
  }
};

}  // namespace coord::service
