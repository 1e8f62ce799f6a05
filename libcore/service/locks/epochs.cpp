// SPDX-License-Identifier: MIT
// Names that are entered by a classical algorithm (dlock --algorithm): who takes part, in which epoch.
//
// Problem: such an algorithm lets one of its sites in at a time, and is proved for sites that are fixed and
// remember all that they have said. Peers are restarted and cut off. Whoever goes on without a site that is
// missing must know that nobody is inside there, and no algorithm of these can tell. Solution: to take part
// is a hold like any other, with a session, its lease, and a guard that stops the command before that is
// over; all who ask for the same algorithm have it at once. The first one begins an *epoch*, whose sites are
// its peers as they are then, each this life of its process. Who has entered holds, so an epoch in which
// nobody takes part any more has nobody inside, wherever it ran: the next one begins then and not before.
// Who asks may close an epoch, because a site is missing or is none yet: whoever asks after that waits for
// the next one, as he does himself. An epoch that is not closed outlives the last who takes part by a minute:
// commands that come one after the other need no new one each, and no other way in gets between them. A
// change of the group's voters closes it. Who takes part in one that is open need not know its sites: he
// names none, and takes part at once or is refused, for in line he might have to begin the next one.
//
// A name that is held or waited for by the log is asked for as by one who wants it alone: whoever is to take
// part waits for all who were there before. Who comes after that and does not take part is refused, for no
// line leads into another kind of entry.
//
// Tokens: an entry's is that of its algorithm, above the epoch's number. So many are reserved when it begins,
// which is when the first takes part, that all tokens which the group gives later are larger: 2^24, and fewer
// where the tokens would leave the clock behind.
#include <algorithm>
#include <utility>

#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/locks/locks.hpp"

namespace coord::service {

const std::string* Locks::name_in(Token epoch) const {
  const auto found = epochs_.find(epoch);
  return found == epochs_.end() ? nullptr : &found->second;
}

const Epoch* Locks::epoch_of(const std::string& name) const {
  const auto found = state().epochs.find(name);
  return found == state().epochs.end() ? nullptr : &found->second;
}

bool Locks::has_open_epoch(const std::string& name, NodeId node) const {
  const Epoch* const epoch = epoch_of(name);
  return epoch != nullptr && !epoch->closed &&
         std::ranges::find(epoch->sites, node, &DecisionSite::node) != epoch->sites.end();
}

// The sites are hosts of the group, and who asks is at one of them.
Refusal Locks::check_part(const Acquire& body, const Request& request, NodeId node) const {
  if (!body.part) return Refusal::none;
  if (body.part->ends) return check_end(body, request);
  const auto& sites = body.part->sites;
  const bool plain = body.terms == LockTerms{.mode = Mode::shared} && request.names.size() == 1 && !body.join;
  if (plain && body.part->names_no_sites()) {
    const bool has_sites = has_open_epoch(request.names.front(), node);
    return COORD_RULE(sites_that_nobody_names_are_the_epochs, has_sites) ? Refusal::none
                                                                         : Refusal::no_such_epoch;
  }
  const bool known = body.part->by <= EnterBy::suzuki_kasami && !sites.empty() &&
                     sites.size() <= core_->limits().decision_sites;
  const bool fit = std::ranges::all_of(sites, [](const DecisionSite& site) {
    return site.host.size() <= 255 && site.node != NodeId{} && site.life != 0;
  });
  const bool sorted = std::ranges::adjacent_find(sites, [](const DecisionSite& a, const DecisionSite& b) {
                        return a.node >= b.node;
                      }) == sites.end();
  if (!plain || !known || !fit || !sorted) return Refusal::invalid;
  const auto& members = core_->state().registrations;
  const bool is_member =
      std::ranges::all_of(sites, [&](const DecisionSite& site) { return members.contains(site.node); });
  const bool is_site = std::ranges::find(sites, node, &DecisionSite::node) != sites.end();
  if (!COORD_RULE(sites_are_hosts_of_the_group, is_member && is_site)) return Refusal::no_such_site;
  return check_room_for_part(body);
}

namespace {

std::size_t bytes_of(const std::vector<DecisionSite>& sites) {
  std::size_t bytes = 0;
  for (const DecisionSite& site : sites) bytes += sizeof(DecisionSite) + site.host.size();
  return bytes;
}

// Where they are named, all who take part name the same.
template <class One>
bool same_sites(const One& epoch, const TakePart& part) {
  if (epoch.among != part.among) return false;
  return !epoch.among ||
         std::ranges::equal(epoch.sites, part.sites, {}, &DecisionSite::node, &DecisionSite::node);
}

}  // namespace

Refusal Locks::check_room_for_part(const Acquire& body) const {
  if (all_site_bytes_ + bytes_of(body.part->sites) > core_->limits().all_site_bytes)
    return Refusal::too_many_requests;
  if (!core_->may_reserve_tokens(tokens_of_epoch)) return Refusal::too_many_epochs;
  if (!begins_epoch(body)) return Refusal::none;
  const auto to_begin =
      std::ranges::count_if(awaited_, [&](const auto& each) { return !state().epochs.contains(each.first); });
  const std::size_t all = state().epochs.size() + static_cast<std::size_t>(to_begin);
  return all < core_->limits().epochs ? Refusal::none : Refusal::too_many_epochs;
}

// Of a name that none has yet, nor waits for it.
bool Locks::begins_epoch(const Acquire& body) const {
  const std::string& name = body.names.front();
  return body.part && !body.part->ends && epoch_of(name) == nullptr && !awaited_.contains(name);
}

// Whose a name counts as that several wait for: the first's, of those who wait now. (Who was the first of all
// is not in the state: a peer that had it from a snapshot could not know.)
const std::string& Locks::begins_for(const std::set<LogIndex>& awaited) const {
  const LogIndex first = *awaited.begin();
  return core_->state().sessions.at(state().requests.at(first).session).owner.user;
}

Refusal Locks::check_epochs_of(const Owner& owner, const Acquire& body) const {
  if (owner.uid == 0 || !begins_epoch(body)) return Refusal::none;
  std::size_t its = 0;
  for (const auto& [name, epoch] : state().epochs) its += epoch.user == owner.user ? 1 : 0;
  for (const auto& [name, awaited] : awaited_)
    its += begins_for(awaited) == owner.user && !state().epochs.contains(name) ? 1 : 0;
  return COORD_RULE(epochs_of_user_bounded, its < core_->limits().epochs_of_user)
             ? Refusal::none
             : Refusal::too_many_epochs_of_user;
}

Refusal Locks::check_end(const Acquire& body, const Request& request) const {
  const bool plain = body.terms == LockTerms{} && request.names.size() == 1 && !body.join && !body.wait;
  if (!plain) return Refusal::invalid;
  if (epoch_of(request.names.front()) == nullptr) return Refusal::no_such_epoch;
  return COORD_RULE(only_an_idle_epoch_is_ended, is_idle(request.names.front())) ? Refusal::none
                                                                                 : Refusal::held;
}

// As whoever uses the name now, or has used it last.
bool Locks::entry_fits(const Request& request) const {
  if (request.part && request.part->ends) return true;
  const bool as_others = std::ranges::all_of(request.names, [&](const std::string& name) {
    if (const Epoch* const epoch = epoch_of(name); epoch != nullptr)
      return epoch->by == request.entry_by() && same_sites(*epoch, *request.part);
    const Lock* const lock = table_.find(name);
    if (!request.part || lock == nullptr || lock->waiting_to_take_part == 0) return true;
    const Request& last = state().requests.at(*lock->waiting.rbegin());
    return !last.part || same_sites(*last.part, *request.part);
  });
  if (!as_others) return false;
  // A command that runs under the log's hold goes on beside those who wait for its end.
  return table_.entry_fits(request) || (!request.part && !entry(request).entered.empty());
}

// If there is none. The first of those who take part.
void Locks::begin_epoch(Request& request, Step& step) {
  const std::string& name = request.names.front();
  const auto [at, is_new] = state().epochs.try_emplace(name);
  const auto sites = std::exchange(request.part->sites, {});
  if (!is_new) {
    if (table_.find(name)->holders.size() == 1)
      step.effects.push_back(TimerEnded{TimerKind::idle_epoch, at->second.number});
    return;
  }
  const std::uint64_t tokens = core_->reserve_tokens(least_tokens_of_epoch, tokens_of_epoch, step.wall);
  const std::string& user = core_->state().sessions.at(request.session).owner.user;
  at->second = {request.token, request.part->by, sites, false, request.part->among, tokens, user};
  epochs_.emplace(request.token, name);
  table_.close(name, false);
}

// Each who waits is let in once at most, and all who wait for a name take part in one epoch of it.
std::uint64_t Locks::tokens_to_come(std::size_t more_take_part, WallTime wall) const {
  return state().requests.size() +
         core_->most_reserved(awaited_.size() + more_take_part, least_tokens_of_epoch, tokens_of_epoch, wall);
}

bool Locks::is_in_epoch(const std::string& name, Token epoch) const {
  const Epoch* const now = epoch_of(name);
  return now != nullptr && now->number == epoch;
}

bool Locks::is_idle(const std::string& name) const {
  const Lock* const lock = table_.find(name);
  return epoch_of(name) != nullptr && (lock == nullptr || lock->holders.empty());
}

Duration Locks::idle_for(Token epoch) const {
  const std::string* const name = name_in(epoch);
  return name != nullptr && is_idle(*name) ? epoch_outlives_the_last : Duration::zero();
}

void Locks::end_epoch(const std::string& name, Step& step) {
  const auto epoch = state().epochs.find(name);
  const Token number = epoch->second.number;
  step.effects.push_back(TimerEnded{TimerKind::idle_epoch, number});
  epochs_.erase(number);
  state().epochs.erase(epoch);
  touched_.insert(name);
}

// The last one has left.
void Locks::end_epochs(const std::vector<std::string>& names, Step& step) {
  for (const std::string& name : names) {
    if (!is_idle(name)) continue;
    const Epoch& epoch = state().epochs.at(name);
    if (epoch.closed) {
      end_epoch(name, step);
    } else {
      step.effects.push_back(TimerStarted{TimerKind::idle_epoch, epoch.number, epoch_outlives_the_last});
    }
  }
}

void Locks::idle_over(Token epoch, Step& step) {
  const std::string* const name = name_in(epoch);
  if (name == nullptr || !COORD_RULE(only_an_idle_epoch_is_over, is_idle(*name))) return;
  end_epoch(std::string(*name), step);
}

void Locks::close_epoch(const std::string& name, Step& step) {
  if (is_idle(name)) return end_epoch(name, step);
  state().epochs.at(name).closed = true;
  table_.close(name, true);
}

// Who votes by now: the sites of an epoch are the voters, or those of them that its users name.
void Locks::voters_are(const std::vector<NodeId>& voters, Step& step) {
  const auto votes = [&](const DecisionSite& site) {
    return std::ranges::find(voters, site.node) != voters.end();
  };
  std::vector<std::string> others;
  for (const auto& [name, epoch] : state().epochs) {
    const bool all_vote = std::ranges::all_of(epoch.sites, votes);
    const bool are_all = epoch.among || epoch.sites.size() == voters.size();
    if (!epoch.closed && !COORD_RULE(other_voters_other_epoch, all_vote && are_all)) others.push_back(name);
  }
  for (const std::string& name : others) close_epoch(name, step);
}

void Locks::count_sites(LogIndex place, const Request& request) {
  if (!request.part) return;
  const std::size_t bytes = bytes_of(request.part->sites);
  site_bytes_.emplace(place, bytes);
  all_site_bytes_ += bytes;
  awaited_[request.names.front()].insert(place);
}

void Locks::uncount_sites(LogIndex place, const Request& request) {
  const auto found = site_bytes_.find(place);
  if (found == site_bytes_.end()) return;
  all_site_bytes_ -= found->second;
  site_bytes_.erase(found);
  const auto awaited = awaited_.find(request.names.front());
  awaited->second.erase(place);
  if (awaited->second.empty()) awaited_.erase(awaited);
}

Status Locks::rebuild_epochs() {
  for (const auto& [name, epoch] : state().epochs) {
    const Lock* lock = table_.find(name);
    if (epoch.number == Token{} || epoch.number > core_->state().last_token || epoch.sites.empty() ||
        epoch.tokens > core_->state().last_token.value - epoch.number.value ||
        !epochs_.emplace(epoch.number, name).second)
      return inconsistent("an epoch that cannot be");
    if (epoch.closed && is_idle(name)) return inconsistent("a closed epoch in which nobody takes part");
    if (lock != nullptr && (lock->by != epoch.by || lock->taking_part != lock->holders.size()))
      return inconsistent("an epoch of another algorithm");
    table_.close(name, epoch.closed);
  }
  for (const auto& [place, request] : state().requests) {
    if (request.part && request.held() && epoch_of(request.names.front()) == nullptr)
      return inconsistent("one who takes part in no epoch");
  }
  return done();
}

}  // namespace coord::service
