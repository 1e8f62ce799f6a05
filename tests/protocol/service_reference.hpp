// SPDX-License-Identifier: MIT
// The machine again, naive: one flat list of parties, and the granting rule word for word, tried until
// nothing changes. Slow and without indexes, timers or limits, so that it can be read and believed; the real
// one must do the same.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "service/commands.hpp"
#include "service/effects.hpp"

namespace coord::service {

class Reference {
 public:
  struct Party {  // holds, waits, or (over) keeps its names shut
    LogIndex place;
    SessionId session;
    std::uint64_t number = 0;
    std::set<std::string> names;
    Mode mode = Mode::exclusive;
    std::uint32_t permits = 1;
    Duration lock_delay{};
    Duration min_hold{};
    bool held = false;
    bool over = false;
    Token token{};
    std::vector<SessionId> inside{};
    std::map<std::string, LogIndex> family{};  // of a hold: whom it counts with, by the first one's place
  };
  struct Session {
    NodeId node;
    Duration ttl{};
    std::uint64_t renewal = 0;
  };
  struct Node {
    ClientId client;
    std::uint64_t nonce = 0;
    std::set<std::uint64_t> done;
    std::uint64_t settled = 0;
  };
  struct Answer {
    OutcomeKind kind = OutcomeKind::done;
    Refusal why = Refusal::none;
  };

  std::list<Party> parties;  // by place
  std::map<SessionId, Session> sessions;
  std::map<NodeId, Node> nodes;
  std::vector<Party*> granted;  // by the last apply, in order
  std::size_t deadlocked = 0;   // waits that the last apply ended

  Answer apply(LogIndex at, const Command& command) {
    index_ = at;
    granted.clear();
    deadlocked = 0;
    answer_ = {};
    std::visit([&](const auto& body) { guarded(command, body); }, command.body);
    grant_all();
    end_deadlocks();
    return answer_;
  }

  Party* find(SessionId session, std::uint64_t number) {
    for (Party& party : parties) {
      if (!party.over && party.session == session && party.number == number) return &party;
    }
    return nullptr;
  }

 private:
  static bool clash(const Party& one, const Party& other) {
    return one.mode == Mode::exclusive || other.mode == Mode::exclusive;
  }

  // The holds of this name by those that the party is inside of, outermost first, then by number.
  std::vector<const Party*> outer_holds(const Party& party, const std::string& name) const {
    std::vector<const Party*> holds;
    for (const SessionId outer : party.inside) {
      std::map<std::uint64_t, const Party*> of_session;
      for (const Party& other : parties) {
        if (other.held && other.session == outer && other.names.contains(name) &&
            other.permits == party.permits)
          of_session[other.number] = &other;
      }
      for (const auto& [number, hold] : of_session) holds.push_back(hold);
    }
    return holds;
  }
  const Party* entered(const Party& party, const std::string& name) const {
    for (const Party* hold : outer_holds(party, name)) {
      if (party.mode == Mode::shared || hold->mode == Mode::exclusive) return hold;
    }
    return nullptr;
  }
  bool exclusive_in_shared(const Party& party) const {
    return std::ranges::any_of(party.names, [&](const std::string& name) {
      return !outer_holds(party, name).empty() && entered(party, name) == nullptr;
    });
  }

  // Holders that count together count once; those who wait for the name since before count as if all of them
  // held. `stays`: of all these, only who will not go by itself.
  template <class Stays>
  bool fits(const Party& party, const std::string& name, const Stays& stays) const {
    if (entered(party, name) != nullptr) return true;
    std::size_t waiting = 0;
    std::set<LogIndex> families;
    for (const Party& other : parties) {
      const bool holds = other.held || other.over;
      if (&other == &party || !other.names.contains(name) || !stays(other)) continue;
      if (!holds && other.place > party.place) continue;
      if (party.permits == 1 && clash(party, other)) return false;
      if (holds) families.insert(other.family.at(name));
      if (!holds) ++waiting;
    }
    return party.permits == 1 || families.size() + waiting < party.permits;
  }
  template <class Stays>
  bool fits(const Party& party, const Stays& stays) const {
    return std::ranges::all_of(party.names,
                               [&](const std::string& name) { return fits(party, name, stays); });
  }
  bool fits(const Party& party) const {
    return fits(party, [](const Party&) { return true; });
  }
  void grant_all() {
    for (bool again = true; again;) {
      again = false;
      for (Party& party : parties) {
        if (party.held || party.over || !fits(party)) continue;
        for (const std::string& name : party.names) {
          const Party* outer = entered(party, name);
          party.family[name] = outer == nullptr ? party.place : outer->family.at(name);
        }
        party.held = again = true;
        granted.push_back(&party);
        break;  // the oldest first, always
      }
    }
  }

  // ---- deadlocks: whoever waits and could not even be let in if all went that are not held up themselves
  using Waits = std::set<const Party*>;
  static bool holds_up(const Party& wait, const Party& hold) {
    return wait.session == hold.session || std::ranges::find(wait.inside, hold.session) != wait.inside.end();
  }
  Waits stuck() const {
    Waits waits;
    for (const Party& party : parties) {
      if (!party.held && !party.over) waits.insert(&party);
    }
    const auto stays = [&](const Party& other) {
      if (!other.held) return waits.contains(&other);
      return std::ranges::any_of(waits, [&](const Party* wait) { return holds_up(*wait, other); });
    };
    while (std::erase_if(waits, [&](const Party* wait) { return fits(*wait, stays); }) > 0) {
    }
    return waits;
  }
  bool waits_for(const Party& one, const Party& other) const {
    return std::ranges::any_of(one.names, [&](const std::string& name) {
      if (entered(one, name) != nullptr) return false;
      const auto minds = [&](const Party& who) {
        return who.names.contains(name) && (one.permits > 1 || clash(one, who));
      };
      if (minds(other) && other.place < one.place) return true;
      return std::ranges::any_of(
          parties, [&](const Party& hold) { return hold.held && minds(hold) && holds_up(other, hold); });
    });
  }
  void end_deadlocks() {
    for (;;) {
      const Waits waits = stuck();
      Party* victim = nullptr;
      for (Party& party : parties) {
        if (!waits.contains(&party)) continue;
        std::set<const Party*> reached;
        std::vector<const Party*> todo{&party};
        while (!todo.empty()) {
          const Party* from = todo.back();
          todo.pop_back();
          for (const Party* next : waits) {
            if (waits_for(*from, *next) && reached.insert(next).second) todo.push_back(next);
          }
        }
        if (reached.contains(&party)) victim = &party;  // the last one is the youngest
      }
      if (victim == nullptr) return;
      remove(victim);
      ++deadlocked;
      grant_all();
    }
  }

  template <class Body>
  void guarded(const Command& command, const Body& body) {
    if constexpr (std::is_same_v<Body, Register> || std::is_same_v<Body, Expire> ||
                  std::is_same_v<Body, TimerOver> || std::is_same_v<Body, TokenFloor> ||
                  std::is_same_v<Body, Shut> || std::is_same_v<Body, Forget> ||
                  std::is_same_v<Body, KeepVoters> || std::is_same_v<Body, Move> ||
                  std::is_same_v<Body, Replacing>) {
      on(body);
    } else {
      const auto it = nodes.find(command.node);
      if (it == nodes.end() || command.client.value == 0 || it->second.client != command.client) {
        answer_.kind = OutcomeKind::stale;
        return;
      }
      Node& node = it->second;
      if (!node.done.insert(command.sequence).second) {
        answer_.kind = OutcomeKind::forgotten;  // stands for: applied before
        return;
      }
      node.settled = std::max(node.settled, command.acknowledged);
      node_ = command.node;
      on(body);
    }
  }

  void refuse(Refusal why) { answer_ = {OutcomeKind::refused, why}; }
  Refusal usable(SessionId id) const {
    const auto it = sessions.find(id);
    if (it == sessions.end()) return Refusal::no_such_session;
    return it->second.node == node_ ? Refusal::none : Refusal::not_your_session;
  }

  // Leaderships: service_elections_random_test.cpp.
  void on(const Complete&) {}
  void on(const Depose&) {}
  void on(const Enroll&) {}
  void on(const Withdraw&) {}
  void on(const Register& body) {
    Node& node = nodes[body.node];
    if (node.client.value != 0 && node.nonce == body.nonce) return;
    if (node.client == body.replaces) node = Node{ClientId{index_.value}, body.nonce, {}, 0};
  }
  void on(const Acquire& body) {
    if (!body.open && usable(body.session) != Refusal::none) return refuse(usable(body.session));
    if (!body.open && find(body.session, body.request) != nullptr) return refuse(Refusal::request_in_use);
    Party party{index_,
                body.open ? SessionId{index_.value} : body.session,
                body.request,
                {body.names.begin(), body.names.end()},
                body.terms.mode,
                body.terms.permits,
                body.terms.lock_delay,
                body.terms.min_hold};
    for (const SessionId outer : body.inside) {
      const bool known = std::ranges::find(party.inside, outer) != party.inside.end();
      if (usable(outer) == Refusal::none && !known) party.inside.push_back(outer);
    }
    for (const Party& other : parties) {
      const bool shares_name =
          std::ranges::any_of(party.names, [&](auto& name) { return other.names.contains(name); });
      if (shares_name && other.permits != party.permits) return refuse(Refusal::permits_differ);
    }
    if (exclusive_in_shared(party)) return refuse(Refusal::exclusive_in_shared);
    if (!body.wait && !fits(party)) return refuse(Refusal::held);
    if (!fits(party)) {
      parties.push_back(party);
      const bool never = stuck().contains(&parties.back());
      parties.pop_back();
      if (never) return refuse(Refusal::deadlock);
    }
    if (body.open) sessions[party.session] = Session{node_, body.open->ttl, 0};
    answer_.kind = fits(party) ? OutcomeKind::granted : OutcomeKind::queued;
    parties.push_back(party);
  }
  void on(const Cancel& body) {
    if (usable(body.session) != Refusal::none) return refuse(usable(body.session));
    Party* party = find(body.session, body.request);
    if (party == nullptr) return refuse(Refusal::no_such_request);
    answer_.kind = party->held ? OutcomeKind::already_granted : OutcomeKind::cancelled;
    if (!party->held) remove(party);
  }
  void on(const Release& body) {
    if (usable(body.session) != Refusal::none) return refuse(usable(body.session));
    Party* party = find(body.session, body.request);
    if (party == nullptr) return refuse(Refusal::no_such_request);
    if (!party->held) return refuse(Refusal::not_held);
    answer_.kind = OutcomeKind::released;
    party->lock_delay = Duration::zero();
    end(party);
  }
  void on(const Close& body) {
    if (usable(body.session) != Refusal::none) return refuse(usable(body.session));
    answer_.kind = OutcomeKind::closed;
    close(body.session, body.why == CloseReason::holder_gone);
  }
  void on(const Renew& body) {
    answer_.kind = OutcomeKind::renewed;
    for (const SessionId id : body.sessions) {
      if (usable(id) == Refusal::none) ++sessions[id].renewal;
    }
  }
  void on(const Expire& body) {
    const auto it = sessions.find(body.session);
    if (it != sessions.end() && it->second.renewal == body.renewal) close(body.session, true);
  }
  void on(const TimerOver& body) {
    for (Party& party : parties) {
      if (party.token != body.token) continue;
      if (body.kind == TimerKind::min_hold) party.min_hold = Duration::zero();
      if (body.kind == TimerKind::lock_delay && party.over) party.lock_delay = Duration::zero();
      if (party.over && party.min_hold == Duration::zero() && party.lock_delay == Duration::zero())
        remove(&party);
      return;
    }
  }
  void on(const TokenFloor&) {}
  void on(const Shut&) {}
  void on(const Forget&) {}
  void on(const KeepVoters&) {}
  void on(const Move&) {}
  void on(const Replacing&) {}
  void on(const Break&) {}  // service_break_test.cpp
  // Barriers have a judge of their own (service_barriers_run.hpp).
  void on(const Arrive&) {}
  void on(const Depart&) {}
  void on(const Finish&) {}
  void on(const ResetBarrier&) {}
  // Values: service_values_test.cpp, and the sweep.
  void on(const PutValue&) {}
  void on(const JoinRing&) {}
  void on(const LeaveRing&) {}
  void on(const SettleRing&) {}
  void on(const RemoveValue&) {}
  void on(const ProposeValue&) {}
  void on(const ForgetDecision&) {}
  void on(const OpenDecision&) {}
  void on(const JoinCommit&) {}
  void on(const VoteCommit&) {}
  void on(const AbandonCommit&) {}
  void on(const FinishCommit&) {}
  void on(const ForgetCommit&) {}
  void on(const LearnCommit&) {}

  void close(SessionId id, bool lost) {
    sessions.erase(id);
    for (bool again = true; again;) {
      again = false;
      for (Party& party : parties) {
        if (party.over || party.session != id) continue;
        if (!lost) party.lock_delay = Duration::zero();
        party.held ? end(&party) : remove(&party);
        again = true;
        break;
      }
    }
  }
  void end(Party* party) {
    party->held = false;
    party->over = true;
    if (party->min_hold == Duration::zero() && party->lock_delay == Duration::zero()) remove(party);
  }
  void remove(Party* party) {
    parties.remove_if([&](const Party& other) { return &other == party; });
  }

  LogIndex index_{};
  NodeId node_{};
  Answer answer_{};
};

}  // namespace coord::service
