// What is looked at while the users run: who runs beside whom, under which token, and what a listing says.
#include <algorithm>

#include "sweep/tools.hpp"

namespace coord::sweep {

namespace {

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

// Both guards of a command may be out: the wrapper was killed and the peer is stopped. Then only the token
// protects (the man page says so), and it is not counted here.
void Tools::check_overlap(const Run& run) {
  const bool exclusive = run.request.mode == local::Mode::exclusive;
  for (const std::string& name : run.request.names) {
    std::uint32_t beside = 0;
    for (const auto& [id, other] : runs_) {
      if (&other == &run || !other.command || !has(other.request.names, name)) continue;
      if (!other.wrapper && world_.state(other.host) != sim::NodeState::running) continue;
      ++beside;
      const bool both_shared = !exclusive && other.request.mode == local::Mode::shared;
      if (both_shared || (run.request.slots > 1 && beside < run.request.slots)) continue;
      return world_.fail(run.request.slots > 1 ? "slots" : "one_holder",
                         "run " + number(run.connection.value) + " on node " + number(run.host.value) +
                             " begins under token " + number(run.token.value) + " while run " + number(id) +
                             " on node " + number(other.host.value) + " runs under token " +
                             number(other.token.value) + ", both on " + name,
                         run.host);
    }
  }
}

// What a resource that compares tokens would see.
void Tools::check_fencing(const Run& run) {
  if (run.request.mode == local::Mode::shared || run.request.slots > 1) return;
  for (const std::string& name : run.request.names) {
    Token& last = last_exclusive_[name];
    if (run.token <= last) {
      world_.fail(
          "tokens_increase",
          name + " was held under token " + number(last.value) + " and now under " + number(run.token.value),
          run.host);
    }
    last = run.token;
  }
}

void Tools::look(NodeId host, bool must) {
  if (world_.node(host) == nullptr || world_.state(host) != sim::NodeState::running) return;
  const std::uint64_t id = ++last_id_;
  looks_[id] = Look{host, world_.now(), must, {}, {}};
  const replica::ConnectionId connection{id};
  say(host, connection, local::Hello{local::protocol_version, "dlock"});
  say(host, connection, local::ListLocks{1, {}, false});
}

void Tools::look_everywhere() {
  for (std::size_t host = 1; host <= world_.nodes(); ++host) look(NodeId{host}, true);
}

void Tools::hear_look(std::uint64_t id, const local::Answer& answer) {
  Look& look = looks_.at(id);
  if (std::holds_alternative<local::Refused>(answer)) {
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
  } else {
    return;
  }
  world_.input(look.host, replica::ToolGone{replica::ConnectionId{id}});
  looks_.erase(id);
  heard_.erase(id);
}

// Who was told before the question that it holds the lock, and still uses it, must be in the answer; who was
// told before the question that its lock is released must not.
void Tools::check_look(const Look& look) {
  for (const Seen& seen : seen_) {
    if (seen.token == Token{} || !seen.ran) continue;
    const bool listed = look.held.contains({seen.name, seen.token});
    const bool surely_held = seen.answered < look.asked && !seen.ended && !seen.unguarded_from;
    const bool surely_free = seen.released_by && *seen.released_by < look.asked && !seen.lingers &&
                             world_.nodes() > 1;  // a peer alone may lose a release in a power cut
    if ((surely_held && !listed) || (surely_free && listed)) {
      return world_.fail("listing_is_current",
                         seen.name + (listed ? " is listed" : " is not listed") + " as held under token " +
                             number(seen.token.value) + ", which run " + number(seen.run) +
                             (listed ? " had released before" : " has held since before"),
                         look.host);
    }
  }
}

std::optional<std::string> Tools::wrong_history(bool& undecided) const {
  std::multimap<Token, Unheard> unheard = ledger_.grants();
  for (const Seen& seen : seen_) {
    if (seen.token != Token{}) unheard.erase(seen.token);
  }
  HistoryOptions options;
  options.refusals_need_holder = config_.plain && world_.nodes() > 1;
  return not_linearizable(history_of(seen_, unheard), options, undecided);
}

}  // namespace coord::sweep
