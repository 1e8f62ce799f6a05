// SPDX-License-Identifier: MIT
// What is looked at while the users run: who runs beside whom, under which token, and what a listing says.
#include <algorithm>
#include <tuple>
#include <utility>

#include "sweep/tools.hpp"

namespace coord::sweep {

// Both guards of a command may be out: the wrapper was killed, and the peer is stopped or was
// started anew without the records of what it had told. Then only the token protects (the man page
// says so), and it is not counted here.
bool Tools::guarded(const Run& run) const {
  return run.wrapper ||
         (world_.state(run.host) == sim::NodeState::running && run.disks == disks_of(run.host));
}

std::uint64_t Tools::disks_of(NodeId host) const {
  return world_.disk(host).counts().of(sim::FaultKind::disk_replaced);
}

// Who does not wait has an answer within 4 s, whatever becomes of leaders and disks: by its host's clock,
// which may be slow, and unless its peer is stopped meanwhile. A peer that dies takes the run with it.
void Tools::expect_answer(std::uint64_t id) {
  constexpr Duration limit = std::chrono::milliseconds(4000) * 5 / 4;
  const std::uint64_t pauses = world_.faults().of(sim::FaultKind::pause);
  world_.at(world_.now() + limit, [this, id, pauses] {
    const Run* asks = find(id);
    const bool due = asks != nullptr && !asks->answered && asks->stage == Stage::asking && asks->connected;
    if (due && world_.faults().of(sim::FaultKind::pause) == pauses &&
        world_.state(asks->host) == sim::NodeState::running)
      world_.fail("no_wait_is_answered", "run " + std::to_string(id) + " asked with -n and has no answer",
                  asks->host);
  });
}

void Tools::check_overlap(const Run& run) {
  const bool exclusive = run.request.mode == local::Mode::exclusive;
  const bool leads = run.request.candidacy.has_value();
  for (std::size_t at = 0; at < run.request.names.size(); ++at) {
    const std::string& name = run.request.names[at];
    std::set<std::uint64_t> beside;  // who runs inside of one hold counts once
    for (const auto& [id, other] : runs_) {
      if (&other == &run || !other.command || other.request.candidacy.has_value() != leads) continue;
      const auto same = std::find(other.request.names.begin(), other.request.names.end(), name);
      if (same == other.request.names.end()) continue;
      const std::uint64_t family =
          other.families[static_cast<std::size_t>(same - other.request.names.begin())];
      if (family == run.families[at]) continue;
      if (!guarded(other)) continue;
      beside.insert(family);
      const bool both_shared = !exclusive && other.request.mode == local::Mode::shared;
      if (both_shared || (run.request.permits > 1 && beside.size() < run.request.permits)) continue;
      return world_.fail(leads                     ? "one_leader"
                         : run.request.permits > 1 ? "slots"
                                                   : "one_holder",
                         "run " + std::to_string(run.connection.value) + " on node " +
                             std::to_string(run.host.value) + " begins under token " +
                             std::to_string(run.token.value) + " while run " + std::to_string(id) +
                             " on node " + std::to_string(other.host.value) + " runs under token " +
                             std::to_string(other.token.value) + ", both on " + name,
                         run.host);
    }
  }
}

// What a resource that compares tokens would see.
void Tools::check_fencing(const Run& run) {
  if (run.request.mode == local::Mode::shared || run.request.permits > 1 || run.outer != 0) return;
  for (const std::string& name : run.request.names) {
    Token& last = last_exclusive_[run.request.candidacy ? leadership_of(name) : name];
    if (run.token <= last) {
      world_.fail("tokens_increase",
                  name + " was held under token " + std::to_string(last.value) + " and now under " +
                      std::to_string(run.token.value),
                  run.host);
    }
    last = run.token;
  }
}

// When it is told of its turn (`attempt`), and when its command begins (0). An attempt is written down before
// a command begins: no number is told twice. A runner alone in its group may be taken back by a power cut
// with all that it did.
void Tools::check_slot(const Run& run, std::uint32_t attempt) {
  if (restored_ || !run.request.candidacy || !run.request.candidacy->slot) return;
  const service::SlotWish& wish = *run.request.candidacy->slot;
  const std::string& name = run.request.names.front();
  SlotSeen& seen = slots_[{name, wish.key}];
  const auto fail = [&](const std::string& what) {
    world_.fail("slot", name + ", slot " + wish.key + ": " + what, run.host);
  };
  if (attempt != 0) {
    if (attempt > wish.attempts || !seen.attempts.insert(attempt).second)
      fail("attempt " + std::to_string(attempt) + " of " + std::to_string(wish.attempts) +
           " is told to run " + std::to_string(run.connection.value));
    return;
  }
  if (seen.complete) fail("begun again after it was complete");
  if (++seen.starts > wish.attempts)
    fail("begun more often than " + std::to_string(wish.attempts) + " times");
  if (wish.period == Duration{}) return;
  auto& [term, latest] = last_period_[name];
  if (run.token > term && wish.key < latest) fail("begun after " + latest);
  if (run.token > term) std::tie(term, latest) = std::pair(run.token, wish.key);
}

void Tools::slot_is_complete(const Run& run) {
  const service::SlotWish& wish = *run.request.candidacy->slot;
  if (std::exchange(slots_[{run.request.names.front(), wish.key}].complete, true) && !restored_)
    world_.fail("slot", run.request.names.front() + ", slot " + wish.key + ": complete twice", run.host);
}

void Tools::look(NodeId host, bool must) {
  if (world_.node(host) == nullptr || world_.state(host) != sim::NodeState::running) return;
  const std::uint64_t id = ++last_id_;
  const bool leaders = random_.chance(2 * config_.candidacy);
  looks_[id] = Look{host, world_.now(), must, leaders, false, {}, {}, {}};
  const replica::ConnectionId connection{id};
  say(host, connection, local::Hello{local::protocol_version, "dlock"});
  if (leaders) {
    say(host, connection, local::ListLeaders{1, {}, false});
  } else {
    say(host, connection, local::ListLocks{1, {}, false});
  }
}

void Tools::look_everywhere() {
  for (std::size_t host = 1; host <= world_.nodes(); ++host) look(NodeId{host}, true);
}

void Tools::hear_look(std::uint64_t id, const local::Answer& answer) {
  Look& look = looks_.at(id);
  if (const auto* refused = std::get_if<local::Refused>(&answer)) {
    const bool may_go_later =
        refused->kind == local::RefusedKind::no_quorum || refused->kind == local::RefusedKind::unknown;
    if (look.insists && may_go_later)
      later(std::chrono::milliseconds(50), std::chrono::milliseconds(200),
            [this, host = look.host, order = *look.insists] { stand(host, order, true); });
    if (look.must)
      world_.fail("service_is_back", "a listing was refused long after the last fault", look.host);
  } else if (const auto* locks = std::get_if<local::Locks>(&answer)) {
    for (const local::LockRecord& lock : locks->locks) {
      for (const local::LockParty& holder : lock.holders) {
        look.held.emplace(lock.name, holder.token);
        look.sessions.push_back(holder.session);
      }
    }
    if (locks->more) return;
    ++listings_;
    check_look(look);
    if (!look.must && !look.sessions.empty() && random_.chance(config_.breaking)) {
      const SessionId session = look.sessions[random_.below(look.sessions.size())];
      say(look.host, replica::ConnectionId{id}, local::Break{2, session});
    }
  } else if (const auto* leaders = std::get_if<local::Leaders>(&answer)) {
    for (const local::LeaderRecord& record : leaders->leaders) {
      if (record.leader) look.held.emplace(record.name, record.term);
    }
    if (leaders->more) return;
    ++listings_;
    check_look(look);
    if (!look.must && !look.held.empty() && random_.chance(config_.breaking)) {
      look.over = true;
      return say(look.host, replica::ConnectionId{id}, local::Depose{2, look.held.begin()->first, {}, false});
    }
  } else if (!look.over || std::holds_alternative<local::Welcome>(answer)) {
    return;
  }
  world_.input(look.host, replica::ToolGone{replica::ConnectionId{id}});
  looks_.erase(id);
  heard_.erase(id);
}

// Who was told before the question that it holds the lock, and still uses it, must be in the answer; who was
// told before the question that its lock is released must not.
void Tools::check_look(const Look& look) {
  if (restored_) return;
  for (const Seen& seen : seen_) {
    if (seen.token == Token{} || !seen.ran || seen.leads != look.leaders) continue;
    const bool listed = look.held.contains({seen.name, seen.token});
    const bool surely_held = seen.answered < look.asked && !seen.ended && !seen.unguarded_from;
    const bool surely_free = seen.released_by && *seen.released_by < look.asked && !seen.lingers &&
                             world_.nodes() > 1;  // a peer alone may lose a release in a power cut
    if ((surely_held && !listed) || (surely_free && listed)) {
      return world_.fail("listing_is_current",
                         seen.name + (listed ? " is listed" : " is not listed") + " as held under token " +
                             std::to_string(seen.token.value) + ", which run " + std::to_string(seen.run) +
                             (listed ? " had released before" : " has held since before"),
                         look.host);
    }
  }
}

std::optional<std::string> Tools::wrong_history(bool& undecided) const {
  if (restored_) return std::nullopt;
  std::multimap<Token, Unheard> unheard = ledger_.grants();
  for (const Seen& seen : seen_) {
    if (seen.token != Token{}) unheard.erase(seen.token);
  }
  HistoryOptions options;
  options.refusals_need_holder = config_.plain && world_.nodes() > 1;
  return not_linearizable(history_of(seen_, unheard), options, undecided);
}

}  // namespace coord::sweep
