// SPDX-License-Identifier: MIT
#include "service/locks/wait_graph.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "service/state_machine.hpp"

namespace coord::service {

namespace {

// Whether the request shares its name with nobody, or only up to a number: all who are there count.
bool minds_everyone(const Lock& lock, const Request& request) {
  return lock.permits > 1 || request.terms.mode == Mode::exclusive || request.part;
}

// Those who take part stand in no other's way who does: they wait for the same.
bool stands_before(const Request& other, const Request& waiter) {
  return !waiter.part || !other.part;
}

class Search {
 public:
  Search(const Locks& locks, const Request& suspect, LogIndex place)
      : locks_(locks), suspect_(suspect), place_(place) {}

  std::optional<Deadlock> deadlock();

 private:
  struct Arrival {
    LogIndex from;
    CycleLink by;
  };
  struct Seen {  // of a name: whose edges to its holders and along its line have been followed
    bool holders = false, exclusive_holders = false;
    LogIndex line, exclusive_line;  // up to here
  };
  // One walk, breadth first: the first way back to its root is a shortest cycle.
  struct Walk {
    LogIndex root;
    const std::set<LogIndex>* within = nullptr;  // no other requests
    std::map<LogIndex, Arrival> reached;
    std::deque<LogIndex> todo;
    std::map<std::string, Seen> seen;
    std::optional<Arrival> back;
  };

  const Request& request(LogIndex place) const {
    return place == place_ ? suspect_ : locks_.requests().at(place);
  }
  std::set<LogIndex> waits_under(SessionId session) const;
  void walk(Walk& walk, bool whole);
  void follow(Walk& walk, LogIndex place);
  void follow_holders(Walk& walk, LogIndex place, const std::string& name, const Lock& lock);
  void follow_line(Walk& walk, LogIndex place, const std::string& name, const Lock& lock);
  static void arrive(Walk& walk, LogIndex at, LogIndex from, CycleLink by);

  void reduce(std::set<LogIndex>& stuck) const;
  bool let_go_at(const std::string& name, std::set<LogIndex>& stuck,
                 std::map<LogIndex, std::size_t>& wanting) const;
  bool held_up(const Holder& holder, const std::set<LogIndex>& stuck) const;

  const Locks& locks_;
  const Request& suspect_;
  const LogIndex place_;
  bool permits_ = false;  // a name with several permits was met
};

std::set<LogIndex> Search::waits_under(SessionId session) const {
  std::set<LogIndex> waits = locks_.waits_under(session);
  const bool inside = std::ranges::find(suspect_.inside, session) != suspect_.inside.end();
  if (inside || suspect_.session == session) waits.insert(place_);
  return waits;
}

void Search::arrive(Walk& walk, LogIndex at, LogIndex from, CycleLink by) {
  if (at == walk.root) {
    if (!walk.back) walk.back = Arrival{from, std::move(by)};
    return;
  }
  if (walk.within != nullptr && !walk.within->contains(at)) return;
  if (walk.reached.try_emplace(at, Arrival{from, std::move(by)}).second) walk.todo.push_back(at);
}

void Search::follow_holders(Walk& walk, LogIndex place, const std::string& name, const Lock& lock) {
  const Request& waiter = request(place);
  const bool everyone = minds_everyone(lock, waiter);
  Seen& seen = walk.seen[name];
  if (seen.holders || (!everyone && seen.exclusive_holders)) return;
  (everyone ? seen.holders : seen.exclusive_holders) = true;
  for (const auto& [token, holder] : lock.holders) {
    if (holder.place == LogIndex{} || (!everyone && holder.mode == Mode::shared)) continue;
    const SessionId session = request(holder.place).session;
    for (const LogIndex next : waits_under(session))
      arrive(walk, next, place, CycleLink{waiter.session, name, session, true});
  }
}

void Search::follow_line(Walk& walk, LogIndex place, const std::string& name, const Lock& lock) {
  const Request& waiter = request(place);
  const bool everyone = minds_everyone(lock, waiter);
  Seen& seen = walk.seen[name];
  const std::set<LogIndex>& line = everyone ? lock.waiting : lock.waiting_exclusive;
  const LogIndex from = everyone ? seen.line : std::max(seen.line, seen.exclusive_line);
  for (auto it = line.lower_bound(from); it != line.end() && *it < place; ++it) {
    if (stands_before(request(*it), waiter))
      arrive(walk, *it, place, CycleLink{waiter.session, name, request(*it).session, false});
  }
  LogIndex& upto = everyone ? seen.line : seen.exclusive_line;
  upto = std::max(upto, place);
}

void Search::follow(Walk& walk, LogIndex place) {
  const Request& waiter = request(place);
  if (waiter.joins != LogIndex{}) {
    const SessionId session = request(waiter.joins).session;
    for (const LogIndex next : waits_under(session))
      arrive(walk, next, place, CycleLink{waiter.session, waiter.names.front(), session, true});
    return;
  }
  const std::vector<Token> entered = locks_.entry(waiter).entered;
  for (std::size_t i = 0; i < waiter.names.size(); ++i) {
    const Lock* lock = locks_.table().find(waiter.names[i]);
    if (lock == nullptr || family_of(entered, i, Token{}) != Token{}) continue;
    permits_ = permits_ || lock->permits > 1;
    follow_holders(walk, place, waiter.names[i], *lock);
    if (COORD_RULE_OR(deadlock_through_lines, true, false)) follow_line(walk, place, waiter.names[i], *lock);
  }
}

void Search::walk(Walk& walk, bool whole) {
  walk.todo.push_back(walk.root);
  while (!walk.todo.empty() && (whole || !walk.back)) {
    const LogIndex next = walk.todo.front();
    walk.todo.pop_front();
    follow(walk, next);
  }
}

bool Search::held_up(const Holder& holder, const std::set<LogIndex>& stuck) const {
  if (holder.place == LogIndex{}) return false;
  return std::ranges::any_of(waits_under(request(holder.place).session),
                             [&](LogIndex wait) { return stuck.contains(wait); });
}

// Goes along one line; whoever is let in here for the last name that it wants is not stuck.
bool Search::let_go_at(const std::string& name, std::set<LogIndex>& stuck,
                       std::map<LogIndex, std::size_t>& wanting) const {
  const Lock& lock = *locks_.table().find(name);
  std::set<Token> families;  // that stay
  bool exclusive = false;    // one of them is
  for (const auto& [token, holder] : lock.holders) {
    if (!held_up(holder, stuck)) continue;
    families.insert(holder.family);
    exclusive = exclusive || holder.mode == Mode::exclusive;
  }
  std::vector<LogIndex> line(lock.waiting.begin(), lock.waiting.end());
  if (stuck.contains(place_) && suspect_.joins == LogIndex{} && !lock.waiting.contains(place_) &&
      std::ranges::binary_search(suspect_.names, name))
    line.push_back(place_);  // about to be the last
  std::size_t before = 0, exclusive_before = 0;
  bool progress = false;
  for (const LogIndex place : line) {
    if (!stuck.contains(place)) continue;
    const Request& waiter = request(place);
    const bool alone = waiter.terms.mode == Mode::exclusive || waiter.part;
    const bool enters = !locks_.entry(waiter).takes(waiter, name);
    const bool free = lock.permits > 1 ? families.size() + before < lock.permits
                      : alone          ? families.empty() && before == 0
                                       : !exclusive && exclusive_before == 0;
    if (!enters && free && --wanting[place] == 0) {
      stuck.erase(place);
      progress = true;
      continue;
    }
    ++before;
    if (alone) ++exclusive_before;
  }
  return progress;
}

void Search::reduce(std::set<LogIndex>& stuck) const {
  for (bool progress = true; progress;) {
    progress = false;
    std::set<std::string> names;
    std::map<LogIndex, std::size_t> wanting;  // names that it was not let in for yet
    std::erase_if(stuck, [&](LogIndex place) {
      const LogIndex joins = request(place).joins;
      const bool goes = joins != LogIndex{} && !held_up(Holder{Mode::exclusive, joins, {}}, stuck);
      progress = progress || goes;
      return goes;
    });
    for (const LogIndex place : stuck) {
      const Request& waiter = request(place);
      if (waiter.joins != LogIndex{}) continue;
      const Locks::Entry entry = locks_.entry(waiter);
      for (const std::string& name : waiter.names) {
        if (!entry.takes(waiter, name) || locks_.table().find(name) == nullptr) continue;
        names.insert(name);
        ++wanting[place];
      }
    }
    for (const std::string& name : names) progress = let_go_at(name, stuck, wanting) || progress;
  }
}

std::optional<Deadlock> Search::deadlock() {
  Walk all;
  all.root = place_;
  walk(all, true);
  if (!all.back) return std::nullopt;
  std::set<LogIndex> stuck{place_};
  for (const auto& [place, arrival] : all.reached) stuck.insert(place);
  if (permits_) reduce(stuck);
  if (!stuck.contains(place_)) return std::nullopt;
  for (auto victim = stuck.rbegin(); victim != stuck.rend(); ++victim) {
    Walk cycle;
    cycle.root = *victim;
    cycle.within = &stuck;
    walk(cycle, false);
    if (!cycle.back) continue;
    Deadlock found{*victim, {cycle.back->by}};
    for (LogIndex at = cycle.back->from; at != cycle.root; at = cycle.reached.at(at).from)
      found.cycle.push_back(cycle.reached.at(at).by);
    std::ranges::reverse(found.cycle);
    return found;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Deadlock> find_deadlock(const Locks& locks, const Request& suspect, LogIndex place) {
  return Search(locks, suspect, place).deadlock();
}

namespace {

std::string cut(const std::string& text, std::size_t most) {
  return text.size() <= most ? text : fmt::format("{}...", text.substr(0, most - 3));
}

std::string who(const StateMachine& machine, SessionId id) {
  constexpr std::size_t host_length = 32, command_length = 40;
  const Session* session = machine.session(id);
  if (session == nullptr) return "a command that has ended";
  return fmt::format("{} pid {} ({})", cut(session->owner.host, host_length), session->owner.pid,
                     cut(session->owner.command, command_length));
}

}  // namespace

std::string in_words(const StateMachine& machine, const Cycle& cycle) {
  constexpr std::size_t name_length = 40, room = 960;
  std::string text = "deadlock";
  if (cycle.empty()) return fmt::format("{}: waiting would never have ended", text);
  SessionId before{};
  for (const CycleLink& link : cycle) {
    std::string step = before == SessionId{} ? ": this" : "; ";
    if (before != SessionId{})
      step += before == link.waiter ? "that" : fmt::format("{}, inside of that,", who(machine, link.waiter));
    step += fmt::format(" waits for {}{}{}", cut(link.name, name_length),
                        link.holds ? ", held by " : ", behind ", who(machine, link.blocker));
    if (text.size() + step.size() > room) return fmt::format("{}; and so on", text);
    text += step;
    before = link.blocker;
  }
  return text;
}

std::vector<WaitEdge> edges_of(const StateMachine& machine, LogIndex place, std::size_t most_holders) {
  std::vector<WaitEdge> edges;
  const State& state = machine.state();
  const Request& waiter = state.requests.at(place);
  if (waiter.joins != LogIndex{}) {
    const Request& hold = state.requests.at(waiter.joins);
    return {{place, waiter.names.front(), hold.session, waiter.joins, hold.fence(), hold.token, false}};
  }
  const Locks::Entry entry = machine.of<Locks>().entry(waiter);
  for (const std::string& name : waiter.names) {
    const Lock* lock = machine.of<Locks>().table().find(name);
    if (lock == nullptr || !entry.takes(waiter, name)) continue;
    const bool everyone = minds_everyone(*lock, waiter);
    std::size_t holders = 0;
    for (const auto& [token, holder] : lock->holders) {
      if (!everyone && holder.mode == Mode::shared) continue;
      if (holders++ == most_holders) break;
      const bool over = holder.place == LogIndex{};
      const SessionId session =
          over ? state.lingering_holds.at(token).session : state.requests.at(holder.place).session;
      edges.push_back({place, name, session, holder.place,
                       over ? token : state.requests.at(holder.place).fence(), token, over});
    }
    const std::set<LogIndex>& line = everyone ? lock->waiting : lock->waiting_exclusive;
    std::size_t before = 0;
    for (auto here = line.lower_bound(place); here != line.begin() && before < most_holders;) {
      const Request& other = state.requests.at(*--here);
      if (!stands_before(other, waiter)) continue;
      edges.push_back({place, name, other.session, *here, Token{}, Token{}, false});
      ++before;
      // It waits for all before it, unless it shares the name or is inside of a hold of it.
      const bool takes = machine.of<Locks>().entry(other).takes(other, name);
      if (takes && !other.part && minds_everyone(*lock, other)) break;
    }
  }
  return edges;
}

}  // namespace coord::service
