// SPDX-License-Identifier: MIT
// One random run by seed: three peers with restarts, commands lost, doubled, late and out of order, leaders
// that change, time that passes, machines restored from snapshots - and after every command the real machine
// against the naive one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "service/locks/listing.hpp"
#include "service/timers.hpp"
#include "service_reference.hpp"

namespace coord::service {

class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed) : random_(seed) {}

  // What went wrong first, or nothing.
  std::optional<std::string> run(int steps) {
    for (int step = 0; step < steps && !violation_; ++step) {
      pass_time(std::chrono::milliseconds(random_.below(120)));
      if (random_.chance(0.02)) change_leader();
      if (random_.chance(0.02)) restore();
      if (random_.chance(0.6)) propose();
      deliver(random_.chance(0.15));
    }
    drain();
    return violation_;
  }
  std::uint64_t grants() const { return grants_; }
  std::uint64_t reentered() const { return reentered_; }
  // Waits that were refused since they would close a cycle, and those that were ended since one had closed.
  std::uint64_t refusals() const { return refusals_; }
  std::uint64_t deadlocks() const { return deadlocks_; }

 private:
  static constexpr std::size_t peers = 3;
  using Milliseconds = std::chrono::milliseconds;

  void fail(const std::string& what) {
    if (!violation_) violation_ = "after command " + std::to_string(index_) + ": " + what;
  }
  void check(bool holds, const char* what) {
    if (!holds) fail(what);
  }
  template <class Container>
  auto& any_of(Container& container) {
    return *std::next(container.begin(), static_cast<std::ptrdiff_t>(random_.below(container.size())));
  }

  // ---- time and leaders

  void pass_time(Duration length) {
    now_ += length;
    for (LeaderTimers& leader : leaders_) {
      if (!leader.deadline() || *leader.deadline() > now_) continue;
      for (Command& made : leader.due(now_, {}, machine_)) {
        check_due(made);
        pending_.push_back(std::move(made));
      }
    }
  }
  // A lease is not ended early: not before its TTL has passed since its last renewal,
  // nor since this leader began.
  void check_due(const Command& made) {
    if (const auto* expire = std::get_if<Expire>(&made.body)) {
      const Duration ttl = reference_.sessions[expire->session].ttl;
      check(now_ >= std::max(renewed_at_[expire->session], led_since_) + ttl,
            "a lease is ended before its time");
    } else if (const auto* over = std::get_if<TimerOver>(&made.body)) {
      const auto started = timers_.find({over->kind, over->token});
      check(started != timers_.end() && now_ >= started->second, "a timer is over before its time");
    }
  }
  void change_leader() {
    for (LeaderTimers& leader : leaders_) {
      if (leader.leading()) leader.lost_leadership();
    }
    if (random_.chance(0.3)) return;  // nobody leads for a while
    led_since_ = now_;
    leaders_[random_.below(peers)].became_leader(now_, machine_);
  }
  void restore() {
    Result<StateMachine> restored = StateMachine::restore(machine_.state());
    if (!restored) return fail(restored.error().text());
    check(restored->state() == machine_.state(), "a restored machine has another state");
    machine_ = std::move(restored).value();
  }

  // ---- what peers propose

  struct PeerSide {
    std::uint64_t sequence = 0;
    ClientId client{};
    std::uint64_t nonce = 0;
  };

  void propose() {
    const std::uint64_t number = random_.below(peers);
    const NodeId node{number + 1};
    PeerSide& peer = peers_[number];
    const ClientId current = machine_.registration(node);
    if (current != peer.client || current.value == 0 || random_.chance(0.02)) {
      if (current == peer.client) ++nonces_, peer.nonce = nonces_;  // a new process
      peer.client = current;
      pending_.push_back(Command{.body = Register{node, peer.nonce, current}});
      if (random_.chance(0.7)) return;
      peer.sequence = 0;
    }
    Command command{.node = node, .client = peer.client, .sequence = ++peer.sequence, .body = body()};
    const auto& done = reference_.nodes[node].done;
    while (done.contains(command.acknowledged + 1) && command.acknowledged + 1 < command.sequence)
      ++command.acknowledged;
    if (random_.chance(0.05))
      command.body = TokenFloor{Token{machine_.state().last_token.value + random_.below(50)}};
    pending_.push_back(command);
  }

  Body body() {
    const State& state = machine_.state();
    const std::uint64_t kind = random_.below(100);
    const SessionId session = state.sessions.empty() ? SessionId{1} : any_of(state.sessions).first;
    std::uint64_t request = random_.below(3);
    if (!machine_.of<Locks>().requests_of(session).empty() && random_.chance(0.8))
      request = any_of(machine_.of<Locks>().requests_of(session)).first;
    if (kind < 45) return acquire(session, random_.below(3));
    if (kind < 60) return Release{session, request};
    if (kind < 68) return Cancel{session, request};
    if (kind < 80) return Close{session, static_cast<CloseReason>(random_.below(3))};
    Renew renew;
    for (const auto& [id, ignored] : state.sessions) {
      if (random_.chance(0.7)) renew.sessions.push_back(id);
    }
    return renew;
  }
  Acquire acquire(SessionId session, std::uint64_t request) {
    Acquire acquire{.session = session, .request = request};
    if (random_.chance(0.7)) {
      acquire.session = {};
      acquire.open = Open{{}, Milliseconds(200 + random_.below(2000)), random_.next()};
    }
    const std::uint64_t count = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < count; ++i)
      acquire.names.emplace_back(1, static_cast<char>('a' + random_.below(4)));
    if (random_.chance(0.5)) acquire.terms.mode = Mode::shared;
    if (random_.chance(0.3)) {
      acquire.terms.mode = Mode::exclusive;
      acquire.terms.permits = 2;
      for (std::string& name : acquire.names) name = "pool" + name;
    }
    if (random_.chance(0.05)) acquire.terms.permits = acquire.terms.mode == Mode::exclusive ? 3 : 1;
    acquire.wait = random_.chance(0.8);
    if (random_.chance(0.6)) {
      for (std::uint64_t i = random_.below(3); i > 0 && !machine_.state().sessions.empty(); --i)
        acquire.inside.push_back(any_of(machine_.state().sessions).first);
    }
    if (random_.chance(0.3)) acquire.terms.lock_delay = Milliseconds(random_.below(800));
    if (random_.chance(0.2)) acquire.terms.min_hold = Milliseconds(random_.below(800));
    return acquire;
  }

  // ---- the log

  void deliver(bool repeat) {
    if (repeat && !sent_.empty()) return commit(Command(any_of(sent_)));
    if (pending_.empty()) return;
    const auto it = pending_.begin() + static_cast<std::ptrdiff_t>(random_.below(pending_.size()));
    const Command command = std::move(*it);
    pending_.erase(it);
    if (random_.chance(0.05)) return;  // lost
    sent_.push_back(command);
    if (sent_.size() > 200) sent_.erase(sent_.begin());
    commit(command);
  }

  void commit(const Command& command) {
    const Token before = machine_.state().last_token;
    const Effects effects = machine_.apply(LogIndex{++index_}, command);
    const Reference::Answer answer = reference_.apply(LogIndex{index_}, command);
    for (LeaderTimers& leader : leaders_) leader.applied(now_, effects, machine_);
    if (const auto* floor = std::get_if<TokenFloor>(&command.body)) floor_ = std::max(floor_, floor->token);
    note_times(effects);
    check_grants(effects, before);
    check_answer(command, effects, answer);
    check_state();
  }

  void note_times(const Effects& effects) {
    for (const Effect& effect : effects) {
      if (const auto* opened = std::get_if<Opened>(&effect)) renewed_at_[opened->session] = now_;
      if (const auto* started = std::get_if<TimerStarted>(&effect))
        timers_[{started->kind, started->token}] = now_ + started->length;
      if (const auto* renewed = std::get_if<Renewed>(&effect)) {
        for (const auto& [id, number] : renewed->renewed) renewed_at_[id] = now_;
      }
    }
  }

  void check_grants(const Effects& effects, Token last) {
    std::size_t count = 0;
    for (const Effect& effect : effects) {
      const auto* grant = std::get_if<Granted>(&effect);
      if (grant == nullptr) continue;
      ++grants_;
      reentered_ += grant->reentered ? 1 : 0;
      if (!grant->reentered) {
        check(grant->token > last && grant->token > floor_, "a token does not increase");
        last = grant->token;
      }
      if (count == reference_.granted.size()) return fail("a request is granted that must wait");
      Reference::Party* expected = reference_.granted[count++];
      const auto place = machine_.of<Locks>().requests_of(grant->session).find(grant->request);
      if (place == machine_.of<Locks>().requests_of(grant->session).end())
        return fail("what was granted is gone");
      expected->token = machine_.state().requests.at(place->second).token;
      check(expected->session == grant->session && expected->number == grant->request,
            "granted out of order");
    }
    check(count == reference_.granted.size(), "a request is not granted that could be");
    std::size_t deadlocked = 0;
    for (const Effect& effect : effects) {
      if (std::holds_alternative<Deadlocked>(effect)) ++deadlocked;
      if (const auto* refused = std::get_if<Refused>(&effect)) refusals_ += refused->why == Refusal::deadlock;
    }
    check(deadlocked == reference_.deadlocked, "more or fewer waits are ended as deadlocked");
    deadlocks_ += deadlocked;
  }

  void check_answer(const Command& command, const Effects& effects, Reference::Answer expected) {
    if (std::holds_alternative<Register>(command.body)) return;
    if (std::holds_alternative<TokenFloor>(command.body) || command.client.value == 0) return;
    const AnswerTo to{command.node, command.client, command.sequence};
    std::size_t answers = 0;
    for (const Effect& effect : effects) {
      std::visit(
          [&]<class T>(const T& one) {
            if constexpr (requires { one.to; } && !std::is_same_v<T, Opened>) answers += one.to == to ? 1 : 0;
          },
          effect);
    }
    check(answers == 1, "a command has not exactly one answer");
    if (expected.kind == OutcomeKind::stale)
      return check(std::holds_alternative<Stale>(effects.front()), "a dead process's command is not stale");
    if (expected.kind == OutcomeKind::forgotten)
      return check(std::holds_alternative<Duplicate>(effects.front()),
                   "a retried command is not a duplicate");
    const Outcome outcome = machine_.outcome(command.node, command.client, command.sequence);
    check(outcome.kind == expected.kind && outcome.why == expected.why, "a command is answered otherwise");
  }

  void check_state() {
    const State& state = machine_.state();
    check(state.sessions.size() == reference_.sessions.size(), "other sessions");
    for (const auto& [id, session] : reference_.sessions) {
      const Session* real = machine_.session(id);
      check(real != nullptr && real->node == session.node && real->renewal == session.renewal,
            "another session");
    }
    std::set<std::string> in_use;
    std::size_t requests = 0;
    for (const Reference::Party& party : reference_.parties) {
      in_use.insert(party.names.begin(), party.names.end());
      if (party.over) {
        check(state.lingering_holds.contains(party.token), "a name is not kept shut");
        continue;
      }
      ++requests;
      const auto it = state.requests.find(party.place);
      check(it != state.requests.end() && it->second.held() == party.held && it->second.token == party.token,
            "another request");
    }
    check(requests == state.requests.size(), "more or fewer requests");
    check(reference_.parties.size() - requests == state.lingering_holds.size(),
          "more or fewer names kept shut");
    check(in_use.size() == machine_.of<Locks>().table().all().size(),
          "free names are stored, or used ones are not");
    for (const auto& [node, registration] : state.registrations)
      check(registration.client == reference_.nodes[node].client, "another registration");
  }

  // All goes well from now on, and nobody renews: everything ends.
  void drain() {
    if (violation_) return;
    for (LeaderTimers& leader : leaders_) leader.lost_leadership();
    led_since_ = now_;
    leaders_[0].became_leader(now_, machine_);
    pending_.clear();
    for (int i = 0; i < 100 && !violation_; ++i) {
      pass_time(Milliseconds(200));
      for (const Command& command : std::exchange(pending_, {})) commit(command);
    }
    check(machine_.state().sessions.empty() && machine_.of<Locks>().table().all().empty(),
          "something is left for ever");
  }

  Random random_;
  StateMachine machine_;
  Reference reference_;
  LeaderTimers leaders_[peers];
  PeerSide peers_[peers];
  std::vector<Command> pending_;
  std::vector<Command> sent_;
  Instant now_{};
  Instant led_since_{};
  std::map<SessionId, Instant> renewed_at_;
  std::map<std::pair<TimerKind, Token>, Instant> timers_;
  Token floor_{};
  std::uint64_t index_ = 0;
  std::uint64_t nonces_ = 0;
  std::uint64_t grants_ = 0, reentered_ = 0, refusals_ = 0, deadlocks_ = 0;
  std::optional<std::string> violation_;
};

}  // namespace coord::service
