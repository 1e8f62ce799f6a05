// SPDX-License-Identifier: MIT
// One random run of barriers by seed, against what a user of them must be able to rely on. The judge does not
// compute barriers once more: it keeps, of each generation, who is surely in it, and looks at what every
// effect says of them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "service/state_machine.hpp"
#include "service/timers.hpp"

namespace coord::service {

class BarrierRun {
 public:
  // Every other run is of a group of level 2, with turns and failures.
  explicit BarrierRun(std::uint64_t seed)
      : random_(seed), level_(seed % 2 == 0 ? 2 : 1), machine_(StateMachine::at_level(level_)) {
    for (std::uint64_t node = 1; node <= 2; ++node) {
      commit(Command{.body = Register{NodeId{node}, node, {}, level_}});
      clients_[node] = machine_.registration(NodeId{node});
    }
    timers_.became_leader(now_, machine_);
  }

  // What went wrong first, or nothing.
  std::optional<std::string> run(int steps) {
    for (int step = 0; step < steps && !violation_; ++step) {
      now_ += Milliseconds(random_.below(60));
      if (timers_.deadline() && *timers_.deadline() <= now_) {
        for (const Command& made : timers_.due(now_, {}, machine_)) commit(made);
      }
      if (random_.chance(0.03)) restore();
      propose();
    }
    return violation_;
  }
  std::uint64_t released() const { return released_; }
  std::uint64_t late() const { return late_; }
  std::uint64_t broken() const { return broken_; }
  std::uint64_t turns() const { return turns_; }
  std::uint64_t told_of_failures() const { return told_of_failures_; }

 private:
  using Milliseconds = std::chrono::milliseconds;
  struct Member {  // one arrival, by its key
    std::string id{};
    SessionId session{};  // the one that counts
    bool command = false, breaks = false;
    bool late = false, ended = false, fail = false;
    Arrive asked{};
  };
  struct Meeting {  // one generation
    BarrierTerms terms{};
    std::map<std::uint64_t, Member> members{};  // by key
    bool released = false, broken = false, over = false;
    bool failed = false;   // somebody arrived to say so
    std::string turn{};    // whose it is
    bool no_more = false;  // turns: a command failed, or somebody is lost
    Instant began{};
  };
  using Number = std::pair<std::string, std::uint64_t>;

  void fail(const std::string& what) {
    if (!violation_) violation_ = "after command " + std::to_string(index_) + ": " + what;
  }
  void check(bool holds, const std::string& what) {
    if (!holds) fail(what);
  }
  template <class Container>
  auto& any_of(Container& container) {
    return *std::next(container.begin(), static_cast<std::ptrdiff_t>(random_.below(container.size())));
  }

  // ---- what is asked for

  void propose() {
    const std::uint64_t kind = random_.below(100);
    const auto& sessions = machine_.state().sessions;
    if (kind < 60 || sessions.empty()) return propose(1 + random_.below(2), arrival());
    const auto& [id, session] = any_of(sessions);
    const std::uint64_t node = session.node.value;
    if (kind < 75)
      return propose(node, Finish{id, static_cast<std::int32_t>(random_.below(2)), Milliseconds(5)});
    if (kind < 82) return propose(node, Depart{id});
    if (kind < 88) return propose(node, Close{id, CloseReason::holder_gone});
    if (kind < 90) return propose(node, ResetBarrier{some_name()});
    Renew renew;
    for (const auto& [other, its] : sessions) {
      if (its.node.value == node && random_.chance(0.8)) renew.sessions.push_back(other);
    }
    propose(node, renew);
  }
  void propose(std::uint64_t node, Body body) {
    commit(Command{.node = NodeId{node},
                   .client = clients_[node],
                   .sequence = ++sequences_[node],
                   .acknowledged = sequences_[node] - 1,
                   .body = std::move(body)});
  }
  std::string some_name() { return random_.chance(0.6) ? "a" : "b"; }

  // A name's terms change rarely, so that generations come together.
  Arrive arrival() {
    if (!asked_.empty() && random_.chance(0.15)) {
      const Arrive& again = any_of(asked_).second;
      if (!is_forgotten(again)) return again;
    }
    Arrive body;
    body.open.ttl = Milliseconds(400 + random_.below(2000));
    body.name = some_name();
    if (!terms_.contains(body.name) || random_.chance(0.03)) {
      BarrierTerms terms;
      terms.count = 1 + static_cast<std::uint32_t>(random_.below(4));
      if (random_.chance(0.5)) {
        terms.quorum = 1 + static_cast<std::uint32_t>(random_.below(terms.count));
        terms.after = Milliseconds(random_.below(300));
      }
      terms.in_turn = level_ >= 2 && terms.quorum == 0 && random_.chance(0.5);
      if (random_.chance(0.3) && terms.count > 1) terms.expect = {"p0", "p1"};
      terms_[body.name] = terms;
    }
    body.terms = terms_[body.name];
    body.id = "p" + std::to_string(random_.below(6));
    body.command = body.terms.in_turn || random_.chance(0.3);
    body.break_on_death = random_.chance(0.15);
    body.key = ++keys_;
    if (level_ >= 2 && random_.chance(0.05)) {
      body.fail = true;
      body.command = false;
      body.terms = BarrierTerms{.count = body.terms.count};
    }
    return body;
  }

  // Of what is long over the group remembers the latest generation only.
  bool is_forgotten(const Arrive& body) const {
    const auto& barriers = machine_.state().barriers.barriers;
    for (const auto& [number, meeting] : participants_) {
      if (!meeting.members.contains(body.key)) continue;
      const auto barrier = barriers.find(number.first);
      return barrier == barriers.end() || !barrier->second.generations.contains(number.second);
    }
    return false;
  }

  void restore() {
    Result<StateMachine> restored = StateMachine::restore(machine_.state());
    if (!restored) return fail(restored.error().text());
    check(restored->state() == machine_.state(), "a restored machine has another state");
    machine_ = std::move(restored).value();
  }

  // ---- the log, and what it says

  void commit(const Command& command) {
    const Effects effects = machine_.apply(LogIndex{++index_}, command);
    timers_.applied(now_, effects, machine_);
    dying_.clear();
    for (const Effect& effect : effects) {
      const auto* closed = std::get_if<Closed>(&effect);
      if (closed != nullptr && (closed->to.client.value != 0 || closed->why == CloseReason::expired))
        dying_.insert(closed->session);
    }
    const auto* arrive = std::get_if<Arrive>(&command.body);
    if (const auto* finish = std::get_if<Finish>(&command.body)) note_finish(*finish, effects);
    for (const Effect& effect : effects) {
      if (const auto* arrived = std::get_if<BarrierArrived>(&effect)) note_arrival(*arrive, *arrived);
      if (const auto* refused = std::get_if<Refused>(&effect); refused != nullptr && arrive != nullptr)
        check_refusal(*arrive, refused->why);
      if (const auto* moved = std::get_if<BarrierMoved>(&effect)) note_move(*moved);
      if (const auto* closed = std::get_if<Closed>(&effect)) note_end(*closed);
    }
    const auto* reset = std::get_if<ResetBarrier>(&command.body);
    if (reset != nullptr && std::ranges::any_of(effects, [](const Effect& effect) {
          return std::holds_alternative<BarrierDone>(effect);
        }))
      kept_.erase(reset->name);
    check_failures();
    check_waiting();
  }
  void note_arrival(const Arrive& body, const BarrierArrived& arrived) {
    const Number number{body.name, arrived.generation};
    for (auto& [other, meeting] : participants_) {
      const auto known = meeting.members.find(body.key);
      if (known == meeting.members.end()) continue;
      check(other == number, "one arrival is in two generations");
      if (!known->second.late && !meeting.over) known->second.session = arrived.session;
      return;
    }
    asked_.emplace(body.key, body);
    if (asked_.size() > 12) asked_.erase(asked_.begin());
    auto [it, is_new] = participants_.try_emplace(number);
    Meeting& meeting = it->second;
    if (is_new || (meeting.members.empty() && !meeting.released && !meeting.broken)) {
      meeting.terms = body.terms;
      meeting.began = now_;
      for (const auto& [other, ignored] : participants_)
        check(other.first != number.first || other.second <= number.second,
              "a generation's number comes again");
    }
    const bool by_count = body.fail || meeting.failed;
    check(by_count ? meeting.terms.count == body.terms.count : meeting.terms == body.terms,
          "terms differ within a generation");
    check(!meeting.broken || (meeting.failed && meeting.members.size() < meeting.terms.count),
          "an arrival in a generation that is broken");
    check_kept(body, number);
    for (const auto& [key, other] : meeting.members) {
      const bool there = other.id == body.id && !(other.session == SessionId{} && !meeting.released);
      check(!there, "an id is twice in a generation");
    }
    std::size_t named = 0;
    for (const auto& [key, other] : meeting.members) named += is_expected(meeting, other.id) ? 1 : 0;
    Member member{body.id, arrived.session, body.command, body.break_on_death, false, false, body.fail, body};
    member.late = meeting.released || meeting.broken;
    if (meeting.broken) {
      ++told_of_failures_;
    } else if (member.late) {
      ++late_;
      check(meeting.terms.quorum > 0 && meeting.members.size() < meeting.terms.count,
            "late where no place is left");
    }
    const std::size_t others = meeting.members.size() - named;
    check(meeting.broken || is_expected(meeting, body.id) || meeting.terms.expect.empty() ||
              others < meeting.terms.count - meeting.terms.expect.size(),
          "a place of somebody who is expected was given away");
    meeting.failed = meeting.failed || (member.fail && !member.late);
    meeting.members.emplace(body.key, std::move(member));
  }
  // Who has not heard of a failure of as many belongs to that generation.
  void check_kept(const Arrive& body, const Number& number) {
    const auto kept = kept_.find(body.name);
    if (kept == kept_.end()) return;
    const Meeting& failed = participants_.at({body.name, kept->second});
    const bool took_part =
        std::ranges::any_of(failed.members, [&](const auto& m) { return m.second.id == body.id; });
    const bool place = failed.members.size() < failed.terms.count;
    if (failed.terms.count == body.terms.count && place && !took_part)
      check(number.second == kept->second, "who comes after a failure is not told of it");
  }
  void check_failures() {
    for (const auto& [number, meeting] : participants_)
      check(!meeting.failed || meeting.broken, "a generation goes on though a participant has failed");
  }
  static bool is_expected(const Meeting& meeting, const std::string& id) {
    return std::ranges::binary_search(meeting.terms.expect, id);
  }

  void check_refusal(const Arrive& body, Refusal why) {
    if (why != Refusal::id_in_use && why != Refusal::terms_differ && why != Refusal::not_expected)
      fail("refused for an unknown reason");
    if (why != Refusal::id_in_use) return;
    bool there = false;
    for (const auto& [number, meeting] : participants_) {
      for (const auto& [key, member] : meeting.members) {
        there = there || (number.first == body.name && member.id == body.id && key != body.key &&
                          machine_.of<Barriers>().seat(member.session) != nullptr);
      }
    }
    check(there, "an id is refused though nobody has it");
  }

  void note_finish(const Finish& body, const Effects& effects) {
    for (const Effect& effect : effects) {
      if (!std::holds_alternative<BarrierDone>(effect)) continue;
      for (auto& [number, meeting] : participants_) {
        for (auto& [key, member] : meeting.members) {
          if (member.session != body.session) continue;
          member.ended = true;
          check(!meeting.terms.in_turn || meeting.turn == member.id, "a command ended out of turn");
          meeting.no_more = meeting.no_more || body.status != 0;
        }
      }
    }
  }

  void note_move(const BarrierMoved& moved) {
    const auto found = participants_.find({moved.name, moved.number});
    if (found == participants_.end()) return fail("a generation without an arrival moves");
    Meeting& meeting = found->second;
    const bool first = !meeting.released && !meeting.broken;
    if (moved.generation.stage == GenerationStage::released && first) {
      ++released_;
      meeting.released = true;
      forget_kept(number_of(moved));
      check_rule(meeting, moved);
    }
    if (moved.generation.stage == GenerationStage::broken && !meeting.broken) {
      ++broken_;
      meeting.broken = true;
      forget_kept(number_of(moved));
      if (meeting.failed) kept_[moved.name] = moved.number;
    }
    if (meeting.released && !meeting.broken) note_turn(meeting, moved.generation.turn);
    const std::set<SessionId> told(moved.sessions.begin(), moved.sessions.end());
    bool runs = false;
    for (const auto& [key, member] : meeting.members)
      runs = runs || (member.command && !member.late && !member.ended && is_there(member));
    const bool over = meeting.released && !meeting.broken && !runs;
    for (auto& [key, member] : meeting.members) {
      const bool waits = is_there(member) && !member.late && (first || member.command);
      const bool must = !meeting.over && (first || over || meeting.broken);
      check(!waits || !must || told.contains(member.session), "a participant is left behind");
    }
    meeting.over = meeting.over || over || meeting.broken;
  }
  static Number number_of(const BarrierMoved& moved) { return {moved.name, moved.number}; }
  void forget_kept(const Number& over) {
    const auto kept = kept_.find(over.first);
    if (kept != kept_.end() && kept->second < over.second) kept_.erase(kept);
  }
  void note_turn(Meeting& meeting, const std::string& turn) {
    if (!meeting.terms.in_turn || turn.empty() || turn == meeting.turn) return;
    ++turns_;
    check(!meeting.no_more, "a turn after a failure");
    for (const auto& [key, member] : meeting.members) {
      check(member.id != meeting.turn || member.ended, "a turn while another one's lasts");
      check(member.id != turn || !member.ended, "a second turn");
      check(member.id >= turn || member.ended, "a turn out of order");
    }
    meeting.turn = turn;
  }
  // Whoever dies by this command is not told.
  bool is_there(const Member& member) const {
    return member.session != SessionId{} && !dying_.contains(member.session);
  }

  // Enough of them, and all of them alive.
  void check_rule(const Meeting& meeting, const BarrierMoved& moved) {
    std::size_t there = 0;
    for (const auto& [key, member] : meeting.members) there += is_there(member) ? 1 : 0;
    const bool all = there == meeting.terms.count;
    const bool quorum = meeting.terms.quorum > 0 && there >= meeting.terms.quorum &&
                        now_ - meeting.began >= meeting.terms.after;
    check(all || quorum, "released with fewer than its rule says");
    check(moved.generation.arrivals.size() == there, "released with somebody who is gone");
  }

  void note_end(const Closed& closed) {
    for (auto& [number, meeting] : participants_) {
      for (auto it = meeting.members.begin(); it != meeting.members.end();) {
        Member& member = it->second;
        if (member.session != closed.session) {
          ++it;
          continue;
        }
        const bool died = closed.why != CloseReason::finished;
        const bool breaks =
            std::ranges::any_of(meeting.members, [](const auto& m) { return m.second.breaks; });
        if (!meeting.released && !meeting.broken && died && breaks) {
          check(meeting.members.size() == 1, "somebody died and the barrier is not broken");
          meeting.broken = meeting.over = true;  // and nobody was left to be told
          forget_kept(number);
        }
        meeting.no_more = meeting.no_more || (meeting.released && member.command && !member.ended);
        member.session = SessionId{};
        it = !meeting.released && !meeting.broken ? meeting.members.erase(it) : std::next(it);
      }
    }
  }

  // Whoever waits, waits for something: its generation gathers, or a command of it runs.
  void check_waiting() {
    for (const auto& [number, meeting] : participants_) {
      std::size_t waiting = 0;
      bool runs = false;
      for (const auto& [key, member] : meeting.members) {
        const bool lives = machine_.session(member.session) != nullptr;
        waiting += lives ? 1 : 0;
        runs = runs || (lives && member.command && !member.ended && !member.late);
      }
      if (waiting == 0) continue;
      if (meeting.released) {
        check(runs, "somebody waits in a generation that is over");
      } else {
        check(!meeting.broken, "somebody waits in a generation that is broken");
        check(waiting < meeting.terms.count, "all are there and wait");
        const bool quorum = meeting.terms.quorum > 0 && waiting >= meeting.terms.quorum;
        check(!quorum || now_ < meeting.began + meeting.terms.after + std::chrono::seconds(2),
              "a quorum is there and waits");
      }
    }
  }

  Random random_;
  Level level_;
  StateMachine machine_;
  LeaderTimers timers_;
  Instant now_{std::chrono::hours(1)};
  std::uint64_t index_ = 0, keys_ = 0;
  std::map<std::uint64_t, ClientId> clients_;
  std::map<std::uint64_t, std::uint64_t> sequences_;
  std::map<std::string, BarrierTerms> terms_;
  std::map<std::uint64_t, Arrive> asked_;  // the latest, by key
  std::map<Number, Meeting> participants_;
  std::set<SessionId> dying_;                  // by the command at hand
  std::map<std::string, std::uint64_t> kept_;  // the failure that is still told, by barrier
  std::uint64_t turns_ = 0, told_of_failures_ = 0;
  std::uint64_t released_ = 0, late_ = 0, broken_ = 0;
  std::optional<std::string> violation_;
};

}  // namespace coord::service
