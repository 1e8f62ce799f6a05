// SPDX-License-Identifier: MIT
// Who gives the leases of delect --algorithm lease-race (part_elections.cpp), at this host.
//
// The first founder of the group by name gives them, whether it votes or not: another one would not know
// which stand. It keeps them in memory only, and on its disk how long the longest one is. Started again it
// does not know which stand, so it gives none until one of that length is over. A disk that is new may stand
// in for one that was lost: then of the longest that any may have, unless the group was founded with it.
#include <algorithm>
#include <utility>

#include "agreements/election_roles.hpp"
#include "agreements/part.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::agreements {

namespace {

using Why = CannotTell::Why;
using Kind = Election::Kind;

constexpr std::size_t most_stores = 4'096, most_waiting_for_disk = 256;
constexpr std::size_t most_candidates = 64;  // of one name

}  // namespace

// `from`: a host whose candidate says this.
void AgreementsPart::store_takes(const node::Moment& moment, NodeId from, const Election& what) {
  if (self_ != giver() || what.by != ElectBy::lease_race) return;
  // What an earlier life of this process gave may stand yet.
  const Duration waits = COORD_RULE_OR(who_gives_leases_waits_for_the_longest,
                                       std::max(what.bound, longest_lease_.before), what.bound);
  const bool knows_all = moment.now - started_at_ >= waits;
  if (!COORD_RULE(who_gives_leases_waits_when_it_is_new, knows_all)) return;
  if (!may_give(from, what)) return;
  Store* store = nullptr;
  if (const auto found = stores_.find(what.name); found != stores_.end()) store = &found->second;
  const bool is_full = store != nullptr && store->candidates.size() >= most_candidates &&
                       role_among(store->candidates, from) == NodeId{};
  if (is_full && !store->core->deadline()) {  // nobody stands; hosts come again under other numbers
    stores_.erase(what.name);
    store = nullptr;
  }
  if (store != nullptr && store->bound != what.bound) {
    if (store->core->deadline()) {  // it has given some
      if (from != self_)
        send(moment, from, Election{Kind::refused, what.by, what.name, store->bound, 0, 0, 0, {}, {}, {}});
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
    auto core = make_racer(moment, what.by, store_role, most_candidates, what.bound);
    if (!core || stores_.size() >= most_stores) return;
    store = &stores_.emplace(what.name, Store{what.bound, std::move(*core), {}}).first->second;
  }
  NodeId role = role_among(store->candidates, from);
  if (role == NodeId{}) {
    if (store->candidates.size() >= most_candidates) return;
    store->candidates.push_back(from);
    role = role_among(store->candidates, from);
  }
  auto actions = store->core->receive(moment.now, role, what.message);
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

// Before this life: in it the group was founded. What this life has given is on the disk, or on its
// way there.
void AgreementsPart::no_lease_was_given() {
  if (longest_lease_.before == Duration{}) return;
  longest_lease_.before = {};
  if (longest_lease_.kept || longest_lease_.saving > Duration{}) return;
  auto work = std::make_shared<Save>();
  work->kept = kept_longest_lease({});
  out_.push_back(node::Do{std::move(work)});
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
    const NodeId to = send != nullptr ? node_among(store.candidates, send->to) : NodeId{};
    if (to == NodeId{}) continue;
    const Election message{Kind::message, ElectBy::lease_race,      name, store.bound, a_store, a_candidate,
                           depth + 1,     std::move(send->message), {},   {}};
    to == self_ ? race_takes(moment, self_, message) : this->send(moment, to, message);
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

}  // namespace coord::agreements
