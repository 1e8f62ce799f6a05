// SPDX-License-Identifier: MIT
#include "agreements/part.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "node/node.hpp"

namespace coord::agreements {

namespace {

using Why = CannotTell::Why;

// What it costs to keep it, whatever it says.
std::size_t bytes_of(const Item& item) {
  constexpr std::size_t of_entry = 64;
  return sizeof(Item) + item.message.size() + item.signature.size() +
         of_entry * (item.clock.size() + item.trace_clock.size());
}

}  // namespace

AgreementsPart::AgreementsPart(const node::Setting& setting, Shelf shelf, std::unique_ptr<const GroupLog> log,
                               Trace trace, Keys keys)
    : self_(setting.self),
      founders_(setting.founders),
      known_(setting.founders),
      names_(setting.names),
      log_(std::move(log)),
      random_(setting.seed ^ 0x61677265656d6500U),
      life_(random_.next() | 1U),
      shelf_(std::move(shelf)),
      signer_(std::move(keys.signer)),
      last_wait_(life_),
      trace_(std::move(trace.write)),
      started_at_(setting.now),
      last_question_(life_) {
  sort_founders();
  for (const auto& [node, name] : names_) {
    const auto known = trace.known.find(name);
    if (known != trace.known.end()) trace_clock_[node] = known->second;
  }
  if (const auto kept = shelf_.kept.extract(longest_lease_place))
    longest_lease_.before = longest_lease_in(kept.mapped());
  else if (COORD_RULE(unknown_leases_may_be_the_longest, shelf_.disk == 0))
    longest_lease_.before = longest_of_leases;
  for (const auto& [generation, kept] : shelf_.kept) deals_kept_.insert(generation);
  pins_ = std::move(keys.pinned);
  take_pins();
  COORD_CHECK(log_ != nullptr && std::ranges::is_sorted(founders_));
}

std::string AgreementsPart::host_of(NodeId node) const {
  const auto found = names_.find(node);
  return found == names_.end() ? std::to_string(node.value) : found->second;
}

bool AgreementsPart::is_known(NodeId node) const {
  return std::ranges::binary_search(known_, node);
}

void AgreementsPart::look_who_is_known(const node::Moment& moment) {
  const LogIndex at = log_->members_at(moment);
  if (at == known_at_) return;
  known_at_ = at;
  known_ = founders_;
  for (auto& [node, name] : log_->members(moment)) {
    known_.push_back(node);
    names_[node] = name;
  }
  std::ranges::sort(known_);
  known_.erase(std::unique(known_.begin(), known_.end()), known_.end());
  sort_founders();
  take_pins();
}

// ---- driven

node::PartActions AgreementsPart::step(const node::Moment& moment, const node::Event& event) {
  look_who_is_known(moment);
  see_whether_it_founds(moment);
  std::visit([&](const auto& what) { on(moment, what); }, event);
  time_passes(moment);
  return std::exchange(out_, {});
}

node::PartActions AgreementsPart::settle(const node::Moment& moment) {
  see_whether_it_founds(moment);
  ask_for_keys(moment);
  forget_the_forgotten(moment);
  take_the_early(moment);
  if (const LogIndex position = log_->position(moment); position != looked_until_) {
    looked_until_ = position;
    make_regions(moment);
    see_who_left(moment);
    see_who_comes(moment);
    make_deals(moment);
  }
  for (auto& [node, peer] : peers_) {
    if (!peer.channel) continue;
    for (const channel::Message& message : peer.channel->poll(moment.now))
      say(node, Packet{channel::encode(message)});
  }
  return std::exchange(out_, {});
}

std::optional<Instant> AgreementsPart::deadline() const {
  std::optional<Instant> first;
  const auto consider = [&](std::optional<Instant> at) {
    if (at && (!first || *at < *first)) first = at;
  };
  for (const auto& [generation, site] : sites_) {
    consider(site.asks_at);
    if (!site.is_driven()) continue;
    consider(site.core->deadline());
    consider(site.driven_until);
  }
  for (const auto& [epoch, region] : regions_) {
    consider(region.core->deadline());
    if (region.wished) consider(region.asked_at + ask_sites_every);
    if (region.inside) consider(region.begins_by);
    if (region.at_once) consider(region.at_once->until);
    if (region.ahead) consider(region.ahead->until);
  }
  for (const auto& [generation, deal] : deals_) consider(deadline_of(deal));
  for (const auto& [key, race] : races_) consider(deadline_of(key, race));
  for (const auto& [name, store] : stores_) consider(store.core->deadline());
  for (const Finding& finding : finding_) consider(finding.until);
  for (const auto& [node, peer] : peers_) {
    if (peer.channel) consider(peer.channel->deadline());
    if (!peer.unsent.empty()) consider(ask_again_);
  }
  for (const auto& [generation, all] : asking_) {
    for (const Asking& asking : all) consider(asking.until);
  }
  for (const Gathering& gathering : gathering_) consider(gathering.until);
  for (const AskingLog& asking : asking_log_) consider(asking.until);
  for (const auto& [generation, traced] : traced_) {
    if (traced.tool) consider(traced.until);
  }
  return first;
}

void AgreementsPart::time_passes(const node::Moment& moment) {
  for (auto& [generation, site] : sites_) {
    if (site.driven_until && *site.driven_until <= moment.now) site.driven_until.reset();
    if (site.asks_at && *site.asks_at <= moment.now) ask_the_others(moment, generation, site);
    if (!site.is_driven()) continue;
    const auto due = site.core->deadline();
    if (due && *due <= moment.now) perform(moment, generation, site, site.core->tick(moment.now));
  }
  deals_go_on(moment);
  races_go_on(moment);
  circles_go_on(moment);
  look_for_the_missing(moment);
  see_who_begins(moment);
  see_who_stays_away(moment);
  see_who_answers(moment);
  ask_for_lives(moment);
  questions_end(moment);
  logs_go_on(moment);
  traces_end(moment);
}

void AgreementsPart::questions_end(const node::Moment& moment) {
  for (auto& [generation, all] : asking_) {
    std::erase_if(all, [&](const Asking& asking) {
      if (asking.until > moment.now) return false;
      tell_no_answer(asking);
      return true;
    });
  }
  std::erase_if(asking_, [](const auto& entry) { return entry.second.empty(); });
  std::erase_if(gathering_, [&](const Gathering& gathering) {
    const bool all_known = std::ranges::all_of(gathering.voters, [&](NodeId node) {
      const auto peer = peers_.find(node);
      return node == self_ || (peer != peers_.end() && peer->second.life != 0);
    });
    const bool all_there = gathering.silent.empty() || (all_known && !gathering.answering);
    if (!all_there && gathering.until > moment.now) return false;
    tell_sites(gathering);
    return true;
  });
}

// ---- what is forgotten, and what comes before the log does

// What was forgotten is not kept, and who waits for it is told. Looked for only when something was: a
// generation that the log does not have yet is there when it has come to it, or was forgotten before that.
void AgreementsPart::forget_the_forgotten(const node::Moment& moment) {
  const Token last = log_->last_forgotten(moment);
  if (looked_at_ == last) return;
  looked_at_ = last;
  std::erase_if(told_, [&](const auto& told) {
    return log_->has_come_to(moment, told.first) && !is_in_log(moment, told.first);
  });
  std::set<Token> all;
  for (const auto& [generation, site] : sites_) all.insert(generation);
  for (const auto& [generation, kept] : shelf_.kept) all.insert(generation);
  for (const Token generation : all) {
    if (log_->has_come_to(moment, generation) && !is_in_log(moment, generation)) forget(generation);
  }
}

bool AgreementsPart::is_in_log(const node::Moment& moment, Token generation) const {
  return log_->find(moment, generation) ||
         COORD_RULE_OR(votes_are_kept_until_all_have_come, log_->has_deal(moment, generation),
                       log_->deal(moment, generation).has_value());
}

// A write of it that is under way comes before this one.
void AgreementsPart::forget(Token generation) {
  if (const auto site = sites_.find(generation); site != sites_.end()) {
    for (const Tool& tool : site->second.waiting)
      tell(tool, CannotTell{Why::forgotten, "it was forgotten after this proposal was made"});
    sites_.erase(site);
  }
  if (const auto deal = deals_.find(generation); deal != deals_.end()) {
    for (const auto& [role, of] : deal->second.roles) {
      if (of.waiting) tell(*of.waiting, CannotTell{Why::forgotten, "it was forgotten meanwhile"});
    }
    deals_.erase(deal);
  }
  deals_kept_.erase(generation);
  told_.erase(generation);
  if (const auto traced = traced_.extract(generation); traced && traced.mapped().tool)
    tell(*traced.mapped().tool, Steps{});
  shelf_.kept.erase(generation);
  auto work = std::make_shared<Save>();
  work->kept.generation = generation;
  out_.push_back(node::Do{std::move(work)});
}

void AgreementsPart::keep_early(NodeId from, const Item& item) {
  constexpr std::size_t most = 4'096, most_bytes = std::size_t{16} << 20U;
  constexpr std::size_t most_lost = 1'024;
  if (early_count_ >= most || early_bytes_ + bytes_of(item) > most_bytes) {
    if (early_lost_.size() >= most_lost) all_lost_to_ = std::max(all_lost_to_, item.generation);
    if (early_lost_.size() < most_lost) early_lost_.insert(item.generation);
    return;
  }
  ++early_count_;
  early_bytes_ += bytes_of(item);
  early_[item.generation].emplace_back(from, item);
}

void AgreementsPart::take_the_early(const node::Moment& moment) {
  // An epoch's that is no site here, or a decision's, which survives it.
  std::erase_if(early_lost_, [&](Token generation) {
    return log_->has_come_to(moment, generation) && !log_->is_epoch(moment, generation);
  });
  while (!early_.empty() && log_->has_come_to(moment, early_.begin()->first)) {
    auto first = early_.extract(early_.begin());
    for (const auto& [from, what] : first.mapped()) {
      --early_count_;
      early_bytes_ -= bytes_of(what);
      item(moment, from, what);
    }
  }
}

}  // namespace coord::agreements
