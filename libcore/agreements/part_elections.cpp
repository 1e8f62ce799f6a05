// SPDX-License-Identifier: MIT
// Leaderships that hosts settle by a classical algorithm (delect --algorithm), at this host.
//
// Problem: the replicated leadership needs a majority, and a round of it. Some would rather have the highest
// host that is heard (bully), or a lease that one host gives (lease-race), and should see what each is worth.
// Whoever votes may stand. A host stands as long as a tool of it does; one that does not is as if it had
// crashed, for that is what these algorithms know. Their messages go once and are not sent again: what comes
// late is worse than what is lost. The nodes of the algorithms are roles, numbered by each host for itself: 1
// is whoever gives leases; the candidates follow, by bully in the order of their names. Hosts may know of a
// change of the voters one after the other, and drop meanwhile what they cannot place.
//
// Bully. The leader says to all that it leads, four times a bound; who has not heard it for a bound and a
// half suspects it. Who is elected begins a bound later: whoever led before has been told by then, if no
// message took longer. Beyond the bound two lead, and so they do in a network that is cut. When they hear of
// each other the higher one stays.
//
// Lease: part_leases.cpp.
#include <algorithm>
#include <chrono>
#include <utility>

#include "agreements/election_roles.hpp"
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

constexpr std::size_t most_races = 1'024, most_beliefs = 4'096;
constexpr std::size_t longest_name = 1'024;

Duration belief_lasts(ElectBy by, Duration bound) {
  return by == ElectBy::bully ? 2 * bound : bound;
}

}  // namespace

bool AgreementsPart::comes_before(NodeId one, NodeId other) const {
  return std::pair(host_of(one), one) < std::pair(host_of(other), other);
}

void AgreementsPart::sort_founders() {
  by_name_ = founders_;
  std::ranges::sort(by_name_, [&](NodeId one, NodeId other) { return comes_before(one, other); });
}

// A host that came later may not know the name of a founder that is gone: it would take another one.
NodeId AgreementsPart::giver() const {
  const bool are_named =
      names_.empty() || std::ranges::all_of(founders_, [&](NodeId node) { return names_.contains(node); });
  return are_named && !by_name_.empty() ? by_name_.front() : NodeId{};
}

bool AgreementsPart::stands_for_itself() const {
  return std::ranges::find(candidates_, self_) != candidates_.end();
}

void AgreementsPart::look_who_may_stand(const node::Moment& moment) {
  std::vector<NodeId> now = log_->voters(moment).value_or(founders_);
  std::erase_if(now, [&](NodeId node) { return !is_known(node); });
  std::ranges::sort(now, [&](NodeId one, NodeId other) { return comes_before(one, other); });
  if (now == candidates_) return;
  candidates_ = std::move(now);
  for (auto& [key, race] : races_) {
    if (race.standing.empty()) continue;
    if (!stands_for_itself()) {
      stand_no_more(moment, key, race);
    } else if (race.core && key.first == ElectBy::bully && race.candidates != candidates_) {
      stand_anew(moment, key, race);
    }
  }
}

// Among others than before. Who leads goes on, unless a higher one answers.
void AgreementsPart::stand_anew(const node::Moment& moment, const RaceKey& key, Race& race) {
  auto core = make_racer(moment, key.first, role_among(candidates_, self_), candidates_.size(), race.bound);
  if (!core) return;
  race.core = std::move(*core);
  race.candidates = candidates_;
  perform(moment, key, race, race.core->tick(moment.now));
}

// Its command may be ending yet: the others notice by time.
void AgreementsPart::stand_no_more(const node::Moment& moment, const RaceKey& key, Race& race) {
  for (const Tool& tool : std::exchange(race.standing, {}))
    tell(tool, CannotTell{Why::no_site, "this host has no vote any more"});
  if (key.first == ElectBy::lease_race && race.core && !race.leads) {
    if (auto actions = race.core->wish(moment.now, classical::Leave{}); actions)
      perform(moment, key, race, std::move(*actions));
  }
  race.core.reset();
  leads_no_more(moment, key, race);
  race.begins_at.reset();
}

Result<std::unique_ptr<classical::Instance>> AgreementsPart::make_racer(const node::Moment& moment,
                                                                        ElectBy by, NodeId role,
                                                                        std::size_t candidates,
                                                                        Duration bound) {
  classical::Setup setup;
  setup.group.self = role;
  setup.life = next_candidacy(moment);
  const std::size_t least = 3;  // with who gives leases
  const std::size_t size = std::max(candidates + 1, least);
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
  look_who_may_stand(moment);
  if (!stands_for_itself())
    return tell(tool, CannotTell{Why::no_site, "this host does not vote in the group"});
  if (what.by == ElectBy::lease_race && giver() == NodeId{})
    return tell(
        tool,
        CannotTell{
            Why::no_site,
            "one of those that founded the group is gone, so this host does not know the giver of leases"});
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
  const bool by_bully = key.first == ElectBy::bully;
  const NodeId role = by_bully ? role_among(candidates_, self_) : first_candidate;
  auto core = make_racer(moment, key.first, role, by_bully ? candidates_.size() : 1, race.bound);
  if (!core) return tell(race.standing.front(), CannotTell{Why::wrong, core.error().text()});
  const Duration bound = race.bound;
  auto tools = std::move(race.standing);
  race = Race{};
  race.bound = bound;
  race.standing = std::move(tools);
  race.core = std::move(*core);
  race.candidates = candidates_;
  election_event(moment, key, "stands");
  if (by_bully) {
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
  for (const NodeId node : candidates_) is.hosts.push_back(host_of(node));
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
  look_who_may_stand(moment);
  if (!stands_for_itself())
    return tell(tool, CannotTell{Why::no_site, "this host does not vote in the group"});
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
    const bool is_over = race.leads || race.begins_at;
    leads_no_more(moment, key, race);
    if (is_over) say_to_all(moment, key, race, Kind::over);
    race.core.reset();
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

void AgreementsPart::say_to_all(const node::Moment& moment, const RaceKey& key, const Race& race, Kind kind,
                                bool is_new) {
  for (const NodeId node : candidates_) {
    const Election message{kind, key.first, key.second, race.bound, 0, 0, 0, {}, {}, {}};
    if (node != self_) is_new ? send(moment, node, message) : say(node, message);
  }
}

void AgreementsPart::leads_now(const node::Moment& moment, const RaceKey& key, Race& race) {
  race.beat_at = moment.now;
  if (std::exchange(race.leads, true)) return;
  race.told = false;
  election_event(moment, key, "leads");
}

void AgreementsPart::leads_no_more(const node::Moment& moment, const RaceKey& key, Race& race) {
  if (std::exchange(race.leads, false)) election_event(moment, key, "leads no more");
}

void AgreementsPart::perform(const node::Moment& moment, const RaceKey& key, Race& race,
                             classical::Actions actions) {
  for (classical::Action& action : actions) {
    if (auto* send = std::get_if<classical::Send>(&action)) {
      const bool is_store = send->to == store_role && key.first == ElectBy::lease_race;
      const NodeId to = is_store ? giver() : node_among(race.candidates, send->to);
      if (to == NodeId{}) continue;
      ++race.messages[std::string(send->type)];
      Election message{Kind::message,
                       key.first,
                       key.second,
                       race.bound,
                       a_candidate,
                       is_store ? a_store : a_candidate,
                       race.depth + 1,
                       std::move(send->message),
                       {},
                       {}};
      if (to != self_) {
        this->send(moment, to, std::move(message));
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
    const NodeId leader = node_among(race.candidates, led->leader);
    const bool own = leader == self_;
    race.leader = leader;
    race.heard = moment.now;
    if (own && (race.leads || race.begins_at)) return;
    leads_no_more(moment, key, race);
    race.begins_at.reset();
    if (own) {
      election_event(moment, key, "is elected");
      ++race.term;
      const Duration after = COORD_RULE_OR(an_elected_leader_begins_a_bound_later, race.bound, Duration{});
      race.begins_at = moment.now + after;
    } else {
      believe(moment, key, leader, race.bound);
    }
  } else if (const auto* granted = std::get_if<classical::Granted>(&what)) {
    race.term = granted->token.value;
    leads_now(moment, key, race);
  } else if (std::holds_alternative<classical::Lost>(what)) {
    leads_no_more(moment, key, race);
  } else {
    return;
  }
  tell_standing(moment, key, race);
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
  look_who_may_stand(moment);
  const bool may_stand = std::ranges::find(candidates_, from) != candidates_.end();
  if (!may_stand && from != giver()) return;  // it has no role there
  if (!can_be) return out_.push_back(node::Unreadable{"it is no message of an election"});
  note_received(moment, from, what);
  const auto race = races_.find(key);
  switch (what.kind) {
    case Kind::message:
      if (what.to != a_store) return race_takes(moment, from, what);
      if (may_stand) store_takes(moment, from, what);
      return;
    case Kind::leads:
      if (!may_stand) return;
      believe(moment, key, from, what.bound);
      if (race != races_.end()) hears_a_leader(moment, key, race->second, from);
      return;
    case Kind::over:
      if (const auto found = beliefs_.find(key); found != beliefs_.end() && found->second.leader == from)
        beliefs_.erase(found);
      if (race != races_.end() && race->second.leader == from) suspect(moment, key, race->second);
      return;
    case Kind::refused:
      if (from == giver()) refused_by_store(moment, key, what.bound);
      return;
  }
}

void AgreementsPart::race_takes(const node::Moment& moment, NodeId from, const Election& what) {
  const RaceKey key{what.by, what.name};
  const auto found = races_.find(key);
  if (found == races_.end() || !found->second.core || what.to != a_candidate) return;
  Race& race = found->second;
  const bool by_lease = what.by == ElectBy::lease_race;
  const bool by_store = by_lease && what.from == a_store && from == giver();
  const NodeId sender = by_store ? store_role : by_lease ? NodeId{} : role_among(race.candidates, from);
  if (sender == NodeId{}) return;
  race.depth = std::max(race.depth, what.depth);
  if (const auto text = hosted(name_of(key.first))->describe(what.message))
    ++race.messages[std::string(text->type)];
  auto actions = race.core->receive(moment.now, sender, what.message);
  if (!actions) return out_.push_back(node::Report{fmt::format("agreements: {}", actions.error().text())});
  perform(moment, key, race, std::move(*actions));
}

// By bully: two that lead hear of each other when a cut has healed, and the higher one stays.
void AgreementsPart::hears_a_leader(const node::Moment& moment, const RaceKey& key, Race& race, NodeId from) {
  if (key.first != ElectBy::bully) return;
  if (race.leader == from) {
    race.heard = moment.now;
  } else if (race.leader == self_ || comes_before(race.leader, from)) {
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
  if (!races_.empty()) look_who_may_stand(moment);
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
      leads_now(moment, key, race);
      tell_standing(moment, key, race);
    }
    if (race.leads && race.beat_at <= moment.now) {
      race.beat_at = moment.now + race.bound / 4;
      say_to_all(moment, key, race, Kind::leads, !std::exchange(race.told, true));
    }
    const bool follows = key.first == ElectBy::bully && race.leader != NodeId{} && race.leader != self_;
    if (follows && moment.now >= race.heard + race.bound * 3 / 2) suspect(moment, key, race);
  }
}

}  // namespace coord::agreements
