// SPDX-License-Identifier: MIT
// Leaderships that hosts settle by a classical algorithm (delect --algorithm), at this host.
//
// Problem: the replicated leadership needs a majority, and a round of it. Some would rather have the highest
// host that is heard (bully), or a lease that one host gives (lease-race), and should see what each is worth.
// The nodes of the algorithms are roles: 1 is whoever gives leases, at the first founder of the group by
// name; the candidates follow, one a founder. A host stands as long as a tool of it does; one that does not
// is as if it had crashed, for that is what these algorithms know. Their messages go once and are not sent
// again: what comes late is worse than what is lost.
//
// Bully. The leader says to all that it leads, four times a bound; who has not heard it for a bound and a
// half suspects it. Who is elected begins a bound later: whoever led before has been told by then, if no
// message took longer. Beyond the bound two lead, and so they do in a network that is cut. When they hear of
// each other the higher one stays.
//
// Lease. Who gives leases keeps them in memory only, and on its disk how long the longest one is. Started
// again it does not know which stand, so it gives none until one of that length is over.
#include <algorithm>
#include <chrono>
#include <utility>

#include "agreements/part.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "classical/options.hpp"
#include "service/ownership.hpp"
#include "wire/archive.hpp"

namespace coord::agreements {

namespace {

using Why = CannotTell::Why;
using Kind = Election::Kind;

constexpr NodeId store_role{1};
constexpr std::size_t most_races = 1'024, most_beliefs = 4'096, most_stores = 4'096;
constexpr std::size_t longest_name = 1'024;
constexpr Duration shortest_bound = std::chrono::milliseconds(10), longest_bound = longest_of_leases;
constexpr std::size_t most_waiting_for_disk = 256;

Duration belief_lasts(ElectBy by, Duration bound) {
  return by == ElectBy::bully ? 2 * bound : bound;
}

}  // namespace

NodeId AgreementsPart::candidate_role(NodeId founder) const {
  const auto at = std::ranges::find(by_name_, founder);
  return NodeId{static_cast<std::uint64_t>(at - by_name_.begin()) + 2};
}

NodeId AgreementsPart::founder_of(NodeId role) const {
  if (role == store_role) return by_name_.front();
  const std::size_t place = role.value - 2;
  return place < by_name_.size() ? by_name_[place] : NodeId{};
}

Result<std::unique_ptr<classical::Instance>> AgreementsPart::make_racer(const node::Moment& moment,
                                                                        ElectBy by, NodeId role,
                                                                        Duration bound) {
  classical::Setup setup;
  setup.group.self = role;
  setup.life = next_candidacy(moment);
  const std::size_t least = 3;  // with who gives leases
  const std::size_t size = std::max(founders_.size() + 1, least);
  for (std::size_t i = 1; i <= size; ++i) setup.group.nodes.push_back(NodeId{i});
  setup.seed = random_.next();
  setup.now = moment.now;
  setup.options[by == ElectBy::bully ? "answer_ms" : "ttl_ms"] = classical::milliseconds(bound);
  return hosted(name_of(by))->make(setup);
}

// Larger than any before, of earlier lives of this process too, until the host itself starts anew: what was
// said to an earlier candidate of this host is void for the next.
std::uint64_t AgreementsPart::next_candidacy(const node::Moment& moment) {
  using std::chrono::milliseconds;
  const auto since_boot = std::chrono::duration_cast<milliseconds>(moment.now.time_since_epoch()).count();
  last_candidacy_ = std::max<std::uint64_t>(last_candidacy_ + 1, static_cast<std::uint64_t>(since_boot));
  return last_candidacy_;
}

// ---- candidates

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const Stand& what) {
  const RaceKey key{what.by, what.name};
  if (what.bound < shortest_bound || what.bound > longest_bound)
    return tell(tool, CannotTell{Why::wrong, "no such bound"});
  if (!std::ranges::binary_search(founders_, self_))
    return tell(tool, CannotTell{Why::no_site, "this host is none of those that founded the group"});
  const bool stands_elsewhere = std::ranges::any_of(races_, [&](const auto& entry) {
    return entry.first != key && std::ranges::find(entry.second.standing, tool.connection,
                                                   &Tool::connection) != entry.second.standing.end();
  });
  if (stands_elsewhere) return tell(tool, CannotTell{Why::wrong, "one tool stands for one name"});
  auto found = races_.find(key);
  if (found == races_.end()) {
    if (races_.size() >= most_races)
      return tell(tool, CannotTell{Why::no_site, "this peer has too many leaderships of this kind"});
    found = races_.emplace(key, Race{}).first;
    found->second.bound = what.bound;
  }
  Race& race = found->second;
  if (race.bound != what.bound)
    return tell(tool,
                CannotTell{Why::wrong, "this host stands there already, with another --bound or --ttl"});
  const auto known = std::ranges::find(race.standing, tool.connection, &Tool::connection);
  if (known == race.standing.end()) {
    race.standing.push_back(tool);
  } else {
    known->request = tool.request;
  }
  begin_race(moment, key, race);
  tell(tool, standing(moment, key, race, tool));
}

// Its first tool stands; nothing if it does already.
void AgreementsPart::begin_race(const node::Moment& moment, const RaceKey& key, Race& race) {
  if (race.core || race.standing.empty()) return;
  auto core = make_racer(moment, key.first, candidate_role(self_), race.bound);
  if (!core) return tell(race.standing.front(), CannotTell{Why::wrong, core.error().text()});
  const Duration bound = race.bound;
  auto tools = std::move(race.standing);
  race = Race{};
  race.bound = bound;
  race.standing = std::move(tools);
  race.core = std::move(*core);
  if (key.first == ElectBy::bully) {
    perform(moment, key, race, race.core->tick(moment.now));
  } else if (auto actions = race.core->wish(moment.now, classical::Enter{}); actions) {
    perform(moment, key, race, std::move(*actions));
  }
}

Standing AgreementsPart::standing(const node::Moment& moment, const RaceKey& key, const Race& race,
                                  Tool tool) const {
  Standing is;
  is.leads = race.leads && !race.standing.empty() && race.standing.front().connection == tool.connection;
  is.leader = believed(moment, key);
  is.here = race.leads;
  is.term = race.term;
  is.until = key.first == ElectBy::bully ? moment.now + race.bound
             : race.core                 ? race.core->granted_until().value_or(moment.now)
                                         : moment.now;
  is.messages = race.messages;
  is.delays = race.depth;
  for (const NodeId node : by_name_) is.hosts.push_back(host_of(node));
  return is;
}

// The host that leads, as far as this one knows; empty: none.
std::string AgreementsPart::believed(const node::Moment& moment, const RaceKey& key) const {
  if (const auto race = races_.find(key); race != races_.end() && race->second.leads) return host_of(self_);
  const auto found = beliefs_.find(key);
  return found == beliefs_.end() || found->second.until <= moment.now ? "" : host_of(found->second.leader);
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const WhoLeads& what) {
  const RaceKey key{what.by, what.name};
  if (!std::ranges::binary_search(founders_, self_))
    return tell(tool, CannotTell{Why::no_site, "this host is none of those that founded the group"});
  Standing is;
  is.leader = believed(moment, key);
  if (const auto race = races_.find(key); race != races_.end()) is.here = race->second.leads;
  tell(tool, is);
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const StepDown& what) {
  step_down(moment, {what.by, what.name}, tool.connection);
  tell(tool, Standing{});
}

// Whoever stands next on this host begins anew, as another candidate would.
void AgreementsPart::step_down(const node::Moment& moment, const RaceKey& key,
                               replica::ConnectionId connection) {
  const auto found = races_.find(key);
  if (found == races_.end()) return;
  Race& race = found->second;
  const auto at = std::ranges::find(race.standing, connection, &Tool::connection);
  if (at == race.standing.end()) return;
  const bool was_first = at == race.standing.begin();
  race.standing.erase(at);
  if (was_first && race.core) {
    if (key.first == ElectBy::lease_race) {
      if (auto actions = race.core->wish(moment.now, classical::Leave{}); actions)
        perform(moment, key, race, std::move(*actions));
    }
    if (race.leads || race.begins_at) say_to_all(key, race, Kind::over);
    race.core.reset();
    race.leads = false;
    race.begins_at.reset();
  }
  if (race.standing.empty()) {
    races_.erase(found);
  } else {
    begin_race(moment, key, race);
  }
}

void AgreementsPart::races_forget(const node::Moment& moment, replica::ConnectionId connection) {
  std::vector<RaceKey> its;
  for (const auto& [key, race] : races_) {
    if (std::ranges::find(race.standing, connection, &Tool::connection) != race.standing.end())
      its.push_back(key);
  }
  for (const RaceKey& key : its) step_down(moment, key, connection);
}

void AgreementsPart::tell_standing(const node::Moment& moment, const RaceKey& key, const Race& race) {
  for (const Tool& tool : race.standing) tell(tool, standing(moment, key, race, tool));
}

// ---- what the cores ask for

void AgreementsPart::say_to_all(const RaceKey& key, const Race& race, Kind kind) {
  for (const NodeId node : founders_) {
    if (node != self_) say(node, Election{kind, key.first, key.second, race.bound, 0, 0, 0, {}});
  }
}

void AgreementsPart::perform(const node::Moment& moment, const RaceKey& key, Race& race,
                             classical::Actions actions) {
  for (classical::Action& action : actions) {
    if (auto* send = std::get_if<classical::Send>(&action)) {
      const NodeId to = founder_of(send->to);
      const bool is_store = send->to == store_role;
      if (to == NodeId{} || (is_store && key.first == ElectBy::bully)) continue;
      ++race.messages[std::string(send->type)];
      Election message{Kind::message,
                       key.first,
                       key.second,
                       race.bound,
                       static_cast<std::uint32_t>(candidate_role(self_).value),
                       static_cast<std::uint32_t>(send->to.value),
                       race.depth + 1,
                       std::move(send->message)};
      if (to != self_) {
        say(to, message);
      } else if (is_store) {
        store_takes(moment, self_, message);
      }
    } else if (const auto* told = std::get_if<classical::Tell>(&action)) {
      race_told(moment, key, race, told->what);
    }
  }
}

void AgreementsPart::race_told(const node::Moment& moment, const RaceKey& key, Race& race,
                               const classical::Told& what) {
  if (const auto* led = std::get_if<classical::Led>(&what)) {
    const NodeId leader = founder_of(led->leader);
    const bool own = leader == self_;
    race.leader = leader;
    race.heard = moment.now;
    if (own && (race.leads || race.begins_at)) return;
    race.leads = false;
    race.begins_at.reset();
    if (own) {
      ++race.term;
      const Duration after = COORD_RULE_OR(an_elected_leader_begins_a_bound_later, race.bound, Duration{});
      race.begins_at = moment.now + after;
    } else {
      believe(moment, key, leader, race.bound);
    }
  } else if (const auto* granted = std::get_if<classical::Granted>(&what)) {
    race.term = granted->token.value;
    race.leads = true;
    race.beat_at = moment.now;
  } else if (std::holds_alternative<classical::Lost>(what)) {
    race.leads = false;
  } else {
    return;
  }
  tell_standing(moment, key, race);
}

// ---- who gives leases

// `from`: a founder whose candidate says this.
void AgreementsPart::store_takes(const node::Moment& moment, NodeId from, const Election& what) {
  if (self_ != by_name_.front() || what.by != ElectBy::lease_race) return;
  // What an earlier life of this process gave may stand yet.
  const Duration waits = COORD_RULE_OR(who_gives_leases_waits_for_the_longest,
                                       std::max(what.bound, longest_lease_.before), what.bound);
  const bool knows_all = moment.now - started_at_ >= waits;
  if (!COORD_RULE(who_gives_leases_waits_when_it_is_new, knows_all)) return;
  if (!may_give(from, what)) return;
  Store* store = nullptr;
  if (const auto found = stores_.find(what.name); found != stores_.end()) store = &found->second;
  if (store != nullptr && store->bound != what.bound) {
    if (store->core->deadline()) {  // it has given some
      if (from != self_)
        say(from, Election{Kind::refused, what.by, what.name, store->bound, 0, 0, 0, {}});
      else
        refused_by_store(moment, {what.by, what.name}, store->bound);
      return;
    }
    stores_.erase(what.name);
    store = nullptr;
  }
  if (store == nullptr) {
    if (stores_.size() >= most_stores)
      std::erase_if(stores_, [](const auto& entry) { return !entry.second.core->deadline(); });
    auto core = make_racer(moment, what.by, store_role, what.bound);
    if (!core || stores_.size() >= most_stores) return;
    store = &stores_.emplace(what.name, Store{what.bound, std::move(*core)}).first->second;
  }
  auto actions = store->core->receive(moment.now, candidate_role(from), what.message);
  if (!actions) return out_.push_back(node::Report{fmt::format("agreements: {}", actions.error().text())});
  store_answers(moment, what.name, *store, what.depth, std::move(*actions));
}

// Rounded up, so that many lengths are few writes.
bool AgreementsPart::may_give(NodeId from, const Election& what) {
  LongestLease& longest = longest_lease_;
  if (longest.kept && *longest.kept >= what.bound) return true;
  if (longest.waiting.size() < most_waiting_for_disk) longest.waiting.emplace_back(from, what);
  if (longest.saving >= what.bound) return false;
  for (longest.saving = shortest_bound; longest.saving < what.bound;) longest.saving *= 2;
  auto work = std::make_shared<Save>();
  work->kept = kept_longest_lease(longest.saving);
  out_.push_back(node::Do{std::move(work)});
  return false;
}

// Without its disk it gives none: candidates say again that they stand.
void AgreementsPart::longest_lease_saved(const node::Moment& moment, const Save& work) {
  const Duration length = longest_lease_in(work.kept);
  if (longest_lease_.saving == length) longest_lease_.saving = {};
  if (work.outcome) {
    longest_lease_.kept = std::max(longest_lease_.kept.value_or(length), length);
  } else {
    out_.push_back(node::Report{fmt::format("agreements: {}", work.outcome.error().text())});
  }
  for (const auto& [from, what] : std::exchange(longest_lease_.waiting, {})) {
    if (work.outcome) store_takes(moment, from, what);
  }
}

void AgreementsPart::store_answers(const node::Moment& moment, const std::string& name, Store& store,
                                   std::uint32_t depth, classical::Actions actions) {
  for (classical::Action& action : actions) {
    auto* send = std::get_if<classical::Send>(&action);
    const NodeId to = send != nullptr ? founder_of(send->to) : NodeId{};
    if (to == NodeId{}) continue;
    const Election message{Kind::message,
                           ElectBy::lease_race,
                           name,
                           store.bound,
                           static_cast<std::uint32_t>(store_role.value),
                           static_cast<std::uint32_t>(send->to.value),
                           depth + 1,
                           std::move(send->message)};
    to == self_ ? race_takes(moment, self_, message) : say(to, message);
  }
}

// `length`: what others stand with there. It may be the answer to an earlier candidate of this host.
void AgreementsPart::refused_by_store(const node::Moment& moment, const RaceKey& key, Duration length) {
  const auto found = races_.find(key);
  if (found == races_.end() || found->second.bound == length || found->second.leads) return;
  Race& race = found->second;
  for (const Tool& tool : std::exchange(race.standing, {}))
    tell(tool, CannotTell{Why::wrong, "others stand there with another --ttl: use the same"});
  if (!race.core) return;
  if (auto actions = race.core->wish(moment.now, classical::Leave{}); actions)
    perform(moment, key, race, std::move(*actions));
}

// ---- messages

void AgreementsPart::believe(const node::Moment& moment, const RaceKey& key, NodeId leader, Duration bound) {
  if (beliefs_.size() >= most_beliefs && !beliefs_.contains(key)) {
    std::erase_if(beliefs_, [&](const auto& entry) { return entry.second.until <= moment.now; });
    if (beliefs_.size() >= most_beliefs) return;
  }
  beliefs_[key] = {leader, moment.now + belief_lasts(key.first, bound)};
}

void AgreementsPart::heard(const node::Moment& moment, NodeId from, const Election& what) {
  const RaceKey key{what.by, what.name};
  const bool can_be = !what.name.empty() && what.name.size() <= longest_name &&
                      what.bound >= shortest_bound && what.bound <= longest_bound &&
                      what.by <= ElectBy::lease_race;
  if (!std::ranges::binary_search(founders_, from)) return;  // it has no role there
  if (!can_be) return out_.push_back(node::Unreadable{"it is no message of an election"});
  const auto race = races_.find(key);
  switch (what.kind) {
    case Kind::message:
      if (NodeId{what.to} == store_role) return store_takes(moment, from, what);
      return race_takes(moment, from, what);
    case Kind::leads:
      believe(moment, key, from, what.bound);
      if (race != races_.end()) hears_a_leader(moment, key, race->second, from);
      return;
    case Kind::over:
      if (const auto found = beliefs_.find(key); found != beliefs_.end() && found->second.leader == from)
        beliefs_.erase(found);
      if (race != races_.end() && race->second.leader == from) suspect(moment, key, race->second);
      return;
    case Kind::refused:
      if (from == by_name_.front()) refused_by_store(moment, key, what.bound);
      return;
  }
}

void AgreementsPart::race_takes(const node::Moment& moment, NodeId from, const Election& what) {
  const RaceKey key{what.by, what.name};
  const auto found = races_.find(key);
  const bool by_store = NodeId{what.from} == store_role && from == by_name_.front();
  const bool its = by_store || NodeId{what.from} == candidate_role(from);
  if (found == races_.end() || !found->second.core || !its || NodeId{what.to} != candidate_role(self_))
    return;
  Race& race = found->second;
  race.depth = std::max(race.depth, what.depth);
  if (const auto text = hosted(name_of(key.first))->describe(what.message))
    ++race.messages[std::string(text->type)];
  auto actions = race.core->receive(moment.now, NodeId{what.from}, what.message);
  if (!actions) return out_.push_back(node::Report{fmt::format("agreements: {}", actions.error().text())});
  perform(moment, key, race, std::move(*actions));
}

// By bully: two that lead hear of each other when a cut has healed, and the higher one stays.
void AgreementsPart::hears_a_leader(const node::Moment& moment, const RaceKey& key, Race& race, NodeId from) {
  if (key.first != ElectBy::bully) return;
  if (race.leader == from) {
    race.heard = moment.now;
  } else if (race.leader == self_ || candidate_role(race.leader) < candidate_role(from)) {
    suspect(moment, key, race);
  }
}

void AgreementsPart::suspect(const node::Moment& moment, const RaceKey& key, Race& race) {
  if (key.first != ElectBy::bully || !race.core) return;
  race.heard = moment.now;
  if (auto actions = race.core->wish(moment.now, classical::Suspect{}); actions)
    perform(moment, key, race, std::move(*actions));
}

// ---- time

std::optional<Instant> AgreementsPart::deadline_of(const RaceKey& key, const Race& race) const {
  std::optional<Instant> first = race.core ? race.core->deadline() : std::nullopt;
  const auto consider = [&](Instant at) { first = std::min(first.value_or(at), at); };
  if (race.begins_at) consider(*race.begins_at);
  if (race.leads) consider(race.beat_at);
  const bool follows = key.first == ElectBy::bully && race.leader != NodeId{} && race.leader != self_;
  if (follows) consider(race.heard + race.bound * 3 / 2);
  return first;
}

void AgreementsPart::races_go_on(const node::Moment& moment) {
  for (auto& [name, store] : stores_) {
    if (const auto due = store.core->deadline(); due && *due <= moment.now)
      store_answers(moment, name, store, 0, store.core->tick(moment.now));
  }
  std::erase_if(races_, [](const auto& entry) { return entry.second.standing.empty(); });
  for (auto& [key, race] : races_) {
    if (!race.core) continue;
    if (const auto due = race.core->deadline(); due && *due <= moment.now)
      perform(moment, key, race, race.core->tick(moment.now));
    if (race.begins_at && *race.begins_at <= moment.now) {
      race.begins_at.reset();
      race.leads = true;
      race.beat_at = moment.now;
      tell_standing(moment, key, race);
    }
    if (race.leads && race.beat_at <= moment.now) {
      race.beat_at = moment.now + race.bound / 4;
      say_to_all(key, race, Kind::leads);
    }
    const bool follows = key.first == ElectBy::bully && race.leader != NodeId{} && race.leader != self_;
    if (follows && moment.now >= race.heard + race.bound * 3 / 2) suspect(moment, key, race);
  }
}

}  // namespace coord::agreements
