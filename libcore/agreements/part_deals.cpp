// SPDX-License-Identifier: MIT
// Transactions that the participants' hosts settle by two or three phases (dcommit --protocol), at this host.
//
// Problem: the algorithms know a coordinator, and participants that vote when they are asked. Here a
// participant is a command that takes as long as it likes before it can vote, several may share a host, and
// the host of the one that began coordinates. Algorithm: the log fixes who takes part and on which disks. The
// nodes of the algorithm are roles: 1 the coordinator, then the participants in the order of their ids. Who
// can vote says so to the coordinator (`ready`, no message of the algorithm, until that is heard of), which
// begins when all can, or one will say no: so votes come at once, and its patience is for messages, not for
// commands. Messages between two roles of one host do not leave it, and count all the same. The records of
// all roles of a host are one file, on the disk before any message that follows them.
//
// A host whose disk was replaced has forgotten what it voted, and answers for none of its roles any more.
#include <algorithm>
#include <chrono>
#include <utility>

#include "agreements/part.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "classical/enums.hpp"
#include "classical/options.hpp"
#include "protocol/commit/three_phase.hpp"
#include "protocol/commit/two_phase.hpp"
#include "wire/archive.hpp"

namespace coord::agreements {

namespace {

using Why = CannotTell::Why;

constexpr NodeId coordinator{1};
constexpr Duration say_ready_every = std::chrono::milliseconds(500);
constexpr Duration longest_pause = std::chrono::seconds(60);  // to a coordinator that is not heard
constexpr Duration patience = std::chrono::seconds(2);        // of two phases: for votes that can be given
constexpr Duration silent_after = std::chrono::seconds(3);
constexpr Duration look_again_every = std::chrono::seconds(2);  // for a coordinator, by three phases
constexpr std::uint32_t before_participants = 2;

NodeId role_of(std::size_t participant) {
  return NodeId{participant + before_participants};
}

const service::DecisionSite& site_of(const KnownDeal& known, NodeId role) {
  if (role == coordinator) return known.participants[known.first].site;
  return known.participants.at(role.value - before_participants).site;
}

std::string prefix_of(NodeId role) {
  return fmt::format("{}/", role.value);
}

// "What became of it?"
Bytes inquiry(service::CommitBy by) {
  return by == service::CommitBy::two_phase
             ? wire::encode(commit::TwoPhase::Message(commit::TwoPhase::Inquire{}))
             : wire::encode(commit::ThreePhase::Message(commit::ThreePhase::Inquire{}));
}

}  // namespace

// ---- made

AgreementsPart::Deal* AgreementsPart::deal(const node::Moment& moment, Token generation, CannotTell& why) {
  if (const auto found = deals_.find(generation); found != deals_.end()) return &found->second;
  auto known = log_->deal(moment, generation);
  if (!known) {
    why = {Why::behind, "this host's peer has not caught up with the group"};
    if (log_->has_deal(moment, generation)) {
      why = {Why::behind, "not all have come"};
    } else if (log_->has_come_to(moment, generation)) {
      why = {Why::forgotten, "it was forgotten"};
    }
    return nullptr;
  }
  Deal made;
  made.algorithm = hosted(name_of(known->by));
  made.known = std::move(*known);
  if (const auto kept = shelf_.kept.find(generation); kept != shelf_.kept.end())
    made.records = kept->second.records;
  const std::size_t roles = made.known.participants.size() + 1;
  for (NodeId role = coordinator; role.value <= roles; role = NodeId{role.value + 1}) {
    const service::DecisionSite& site = site_of(made.known, role);
    if (site.node != self_) continue;
    if (!COORD_RULE(deal_is_of_the_disk_that_was_fixed, site.disk == shelf_.disk && shelf_.disk != 0)) {
      why = {Why::store,
             "this host's disk was replaced since all came, and its votes are lost with it: this "
             "host takes no part any more"};
      return nullptr;
    }
    if (Status added = add_role(moment, made, role); !added) {
      why = {Why::wrong, added.error().text()};
      return nullptr;
    }
  }
  if (made.roles.empty()) {
    why = {Why::no_site, "none of its participants is of this host"};
    return nullptr;
  }
  made.begun = made.roles.contains(coordinator) && made.records.contains(prefix_of(coordinator) + "state");
  deals_kept_.erase(generation);
  return &deals_.emplace(generation, std::move(made)).first->second;
}

Status AgreementsPart::add_role(const node::Moment& moment, Deal& deal, NodeId role) {
  classical::Setup setup;
  setup.group.self = role;
  for (std::size_t i = 1; i <= deal.known.participants.size() + 1; ++i)
    setup.group.nodes.push_back(NodeId{i});
  setup.seed = random_.next();
  setup.now = moment.now;
  if (deal.known.by == service::CommitBy::two_phase) {
    setup.options["patience_ms"] = classical::milliseconds(patience);
  } else {
    setup.options["delay_ms"] = classical::milliseconds(deal.known.bound);
  }
  const std::string prefix = prefix_of(role);
  for (const auto& [key, record] : deal.records) {
    if (key.starts_with(prefix)) setup.stored[key.substr(prefix.size())] = record;
  }
  auto core = deal.algorithm->make(setup);
  if (!core) return core.error();
  Role made;
  made.core = std::move(*core);
  made.voted = !setup.stored.empty();
  if (const std::string state = made.core->state(); state != "undecided") made.committed = state == "commit";
  // The coordinator may not have heard of it: without that the others would wait for this one's word.
  const bool is_no = made.committed.has_value() && !*made.committed && role != coordinator;
  if (COORD_RULE_OR(a_no_is_said_until_it_is_heard, is_no, false)) made.vote = false;
  deal.roles.emplace(role, std::move(made));
  return done();
}

// What an earlier life of this host has voted or decided goes on by itself.
void AgreementsPart::make_deals(const node::Moment& moment) {
  for (auto at = deals_kept_.begin(); at != deals_kept_.end();) {
    const Token generation = *at++;
    if (!log_->has_come_to(moment, generation)) continue;
    CannotTell why;
    const bool all_have_come = log_->deal(moment, generation).has_value();
    if (all_have_come) (void)deal(moment, generation, why);
    if (all_have_come || !log_->has_deal(moment, generation)) deals_kept_.erase(generation);
  }
  for (auto at = deals_.begin(); at != deals_.end();) {
    const Token generation = (at++)->first;
    if (!log_->has_deal(moment, generation)) forget(generation);
  }
}

// ---- messages

void AgreementsPart::deal_item(const node::Moment& moment, NodeId from, const Item& what) {
  CannotTell why;
  Deal* const found = deal(moment, what.generation, why);
  if (found == nullptr || found->broken) return;
  const NodeId sender{what.from}, to{what.to};
  if (sender.value == 0 || sender.value > found->known.participants.size() + 1) return;
  const service::DecisionSite& site = site_of(found->known, sender);
  const auto peer = peers_.find(from);
  const bool is_its = site.node == from && peer != peers_.end() && peer->second.disk == site.disk;
  if (!COORD_RULE(only_the_disks_that_were_fixed_are_heard, is_its) || !found->roles.contains(to)) return;
  note_received(moment, found->known.name, from, found->algorithm, what);
  if (what.kind == Item::Kind::ready)
    return ready(moment, what.generation, *found, sender, what.question != 0);
  if (what.kind == Item::Kind::message)
    receive(moment, what.generation, *found, {sender, to, what.depth, what.message});
}

void AgreementsPart::receive(const node::Moment& moment, Token generation, Deal& deal,
                             const Deal::Local& message) {
  Role& role = deal.roles.at(message.to);
  const bool asks_what_became = message.message == inquiry(deal.known.by);
  role.heard = role.heard || (message.from == coordinator && !asks_what_became);
  role.depth = std::max(role.depth, message.depth);
  if (const auto text = deal.algorithm->describe(message.message)) ++role.messages[std::string(text->type)];
  auto actions = role.core->receive(moment.now, message.from, message.message);
  if (!actions) return out_.push_back(node::Report{fmt::format("agreements: {}", actions.error().text())});
  perform(moment, generation, deal, message.to, std::move(*actions));
  // By three phases it asks that when it came back, and never again whether this one can commit. What its
  // earlier life may have said comes no more: nobody would end it.
  const bool came_back = deal.known.by == service::CommitBy::three_phase && message.from == coordinator;
  if (!came_back || !asks_what_became || !is_ready(role)) return;
  role.vote = false;
  vote(moment, generation, deal, message.to);
}

// At the coordinator.
void AgreementsPart::ready(const node::Moment& moment, Token generation, Deal& deal, NodeId role, bool yes) {
  if (!deal.roles.contains(coordinator) || role == coordinator) return;
  // It was away when that was said.
  if (deal.roles.at(coordinator).committed && COORD_RULE_OR(who_comes_late_is_told, true, false))
    return receive(moment, generation, deal, {role, coordinator, 0, inquiry(deal.known.by)});
  if (deal.begun) return;
  deal.ready[role] = yes;
  const bool all = deal.ready.size() == deal.known.participants.size();
  const bool none_says_no = std::ranges::all_of(deal.ready, [](const auto& each) { return each.second; });
  if (!all && none_says_no) return;
  deal.begun = true;
  wish(moment, generation, deal, coordinator, classical::Begin{});
}

// Who can vote, until the coordinator is heard. One that is restarted has forgotten who could.
void AgreementsPart::say_ready(const node::Moment& moment, Token generation, Deal& deal) {
  const bool looks = deal.known.by == service::CommitBy::three_phase &&
                     std::ranges::any_of(deal.roles, [](const auto& of) { return is_ready(of.second); });
  deal.ready_pause =
      std::clamp<Duration>(2 * deal.ready_pause, say_ready_every, looks ? look_again_every : longest_pause);
  deal.say_ready_at = moment.now + deal.ready_pause;
  const NodeId to = site_of(deal.known, coordinator).node;
  std::vector<std::pair<NodeId, bool>> own;
  if (deal.known.by == service::CommitBy::three_phase) look_for_coordinator(moment, generation, deal);
  for (auto& [number, role] : deal.roles) {
    if (number == coordinator || !role.vote || role.heard) continue;
    if (to == self_) {
      own.emplace_back(number, *role.vote);
      continue;
    }
    Item item{.generation = generation,
              .kind = Item::Kind::ready,
              .question = *role.vote ? 1U : 0U,
              .from = static_cast<std::uint32_t>(number.value),
              .to = static_cast<std::uint32_t>(coordinator.value)};
    stamp(moment, deal.known.name, to, deal.algorithm, item);
    (void)offer(moment, to, item);
  }
  for (const auto& [number, yes] : own) ready(moment, generation, deal, number, yes);
}

bool AgreementsPart::is_ready(const Role& role) {
  return role.vote && !role.asked && !role.voted && !role.committed;
}

// By three phases nobody waits for a coordinator that is gone. Who has not voted asks the others, one of
// which may have taken over without it; if none of them tells and the coordinator stays silent, it says no:
// that binds nobody who has not been asked.
void AgreementsPart::look_for_coordinator(const node::Moment& moment, Token generation, Deal& deal) {
  const NodeId to = site_of(deal.known, coordinator).node;
  const auto peer = peers_.find(to);
  const Instant heard = std::max(peer == peers_.end() ? Instant{} : peer->second.heard, deal.ready_since);
  const Duration silence = std::max<Duration>(silent_after, 18 * deal.known.bound);
  if (to == self_ || moment.now - heard < silent_after) return;
  hello(to, true);
  const bool is_gone = moment.now - heard >= silence;
  for (NodeId number = coordinator; number.value <= deal.known.participants.size() + 1;
       number = NodeId{number.value + 1}) {
    const auto found = deal.roles.find(number);
    if (found == deal.roles.end() || number == coordinator) continue;
    Role& role = found->second;
    if (!is_ready(role)) continue;
    if (is_gone && COORD_RULE_OR(nobody_waits_for_a_coordinator_that_never_asked, true, false)) {
      role.vote = false;
      vote(moment, generation, deal, number);
      continue;
    }
    for (std::size_t i = 0; i < deal.known.participants.size(); ++i) {
      if (role_of(i) == number) continue;
      act(moment, generation, deal, number, classical::Send{role_of(i), "inquire", inquiry(deal.known.by)});
    }
  }
}

// ---- what the cores ask for

void AgreementsPart::wish(const node::Moment& moment, Token generation, Deal& deal, NodeId role,
                          const classical::Wish& what) {
  auto actions = deal.roles.at(role).core->wish(moment.now, what);
  if (!actions) return out_.push_back(node::Report{fmt::format("agreements: {}", actions.error().text())});
  perform(moment, generation, deal, role, std::move(*actions));
}

void AgreementsPart::perform(const node::Moment& moment, Token generation, Deal& deal, NodeId role,
                             classical::Actions actions) {
  for (classical::Action& action : actions) deal.held.emplace_back(role, std::move(action));
  go_on(moment, generation, deal);
}

// In their order; what stands behind a write waits for it, whosever it is. A message to a role of this host
// is taken when its sender's step is over.
void AgreementsPart::go_on(const node::Moment& moment, Token generation, Deal& deal) {
  while (deal.writing == 0 && !deal.broken) {
    if (!deal.held.empty()) {
      auto [role, action] = std::move(deal.held.front());
      deal.held.pop_front();
      act(moment, generation, deal, role, std::move(action));
    } else if (!deal.local.empty()) {
      const Deal::Local message = std::move(deal.local.front());
      deal.local.pop_front();
      receive(moment, generation, deal, message);
    } else {
      return;
    }
  }
}

void AgreementsPart::act(const node::Moment& moment, Token generation, Deal& deal, NodeId role,
                         classical::Action action) {
  Role& own = deal.roles.at(role);
  if (auto* persist = std::get_if<classical::Persist>(&action)) {
    deal.records[prefix_of(role) + persist->key] = std::move(persist->value);
    if (COORD_RULE_OR(vote_stored_before_it_is_told, true, false)) save(generation, deal);
  } else if (auto* send = std::get_if<classical::Send>(&action)) {
    ++own.messages[std::string(send->type)];
    const NodeId node = site_of(deal.known, send->to).node;
    if (node == self_) {
      deal.local.push_back({role, send->to, own.depth + 1, std::move(send->message)});
      return;
    }
    Item item{.generation = generation,
              .depth = own.depth + 1,
              .message = std::move(send->message),
              .from = static_cast<std::uint32_t>(role.value),
              .to = static_cast<std::uint32_t>(send->to.value)};
    stamp(moment, deal.known.name, node, deal.algorithm, item);
    (void)offer(moment, node, item);
  } else if (const auto* what = std::get_if<classical::Tell>(&action)) {
    told(moment, generation, deal, role, what->what);
  }
}

void AgreementsPart::told(const node::Moment& moment, Token generation, Deal& deal, NodeId role,
                          const classical::Told& what) {
  Role& own = deal.roles.at(role);
  if (std::holds_alternative<classical::VoteAsked>(what)) {
    own.asked = true;
    return vote(moment, generation, deal, role);
  }
  const bool committed = std::holds_alternative<classical::Committed>(what);
  if (!committed && !std::holds_alternative<classical::Aborted>(what)) return;
  own.committed = committed;
  event(moment, generation, deal.known.name,
        fmt::format("{} {}",
                    role == coordinator ? "the coordinator"
                                        : deal.known.participants[role.value - before_participants].id,
                    committed ? "commits" : "aborts"));
  if (const auto tool = std::exchange(own.waiting, std::nullopt))
    tell(*tool, how_it_stands(moment, deal, role));
}

// A yes when the coordinator asks for it, for it binds; a no needs nobody.
void AgreementsPart::vote(const node::Moment& moment, Token generation, Deal& deal, NodeId role) {
  Role& own = deal.roles.at(role);
  if (own.voted || !own.vote || own.committed || (*own.vote && !own.asked)) return;
  own.voted = true;
  wish(moment, generation, deal, role, classical::Vote{*own.vote});
}

void AgreementsPart::save(Token generation, Deal& deal) {
  shelf_.kept[generation] = {generation, deal.records};
  auto work = std::make_shared<Save>();
  work->kept = {generation, deal.records};
  ++deal.writing;
  out_.push_back(node::Do{std::move(work)});
}

void AgreementsPart::deal_saved(const node::Moment& moment, const Save& work) {
  Deal& deal = deals_.at(work.kept.generation);
  if (!work.outcome) out_.push_back(node::Report{fmt::format("agreements: {}", work.outcome.error().text())});
  if (work.kept.records.empty()) return;
  --deal.writing;
  deal.written_at = moment.now;
  if (work.outcome) return go_on(moment, work.kept.generation, deal);
  // What the disk holds is not known: it takes no further part in this life.
  deal.broken = true;
  for (auto& [number, role] : deal.roles) {
    if (const auto tool = std::exchange(role.waiting, std::nullopt))
      tell(*tool, CannotTell{Why::store, "this host's disk cannot be written"});
  }
}

// ---- time

// By three phases who is silent for two bounds has crashed: counted from when he was told something, which is
// not before it was written down.
std::optional<Instant> AgreementsPart::due(const Deal& deal, const Role& role) {
  const auto due = role.core->deadline();
  if (!due || !deal.written_at || deal.known.by != service::CommitBy::three_phase) return due;
  const Instant patient = *deal.written_at + 2 * deal.known.bound + std::chrono::milliseconds(1);
  return COORD_RULE_OR(patience_begins_when_it_was_said, std::max(*due, patient), *due);
}

std::optional<Instant> AgreementsPart::deadline_of(const Deal& deal) const {
  std::optional<Instant> first;
  if (deal.broken || deal.writing > 0) return first;
  for (const auto& [number, role] : deal.roles) {
    auto due = this->due(deal, role);
    // Also of a no that is decided already, for the others wait.
    const bool says_ready = number != coordinator && role.vote && !role.heard;
    if (says_ready) due = std::min(due.value_or(deal.say_ready_at), deal.say_ready_at);
    if (due && (!first || *due < *first)) first = due;
  }
  return first;
}

void AgreementsPart::deals_go_on(const node::Moment& moment) {
  for (auto& [generation, deal] : deals_) {
    if (const auto due = deadline_of(deal); !due || *due > moment.now) continue;
    std::vector<NodeId> own;
    for (const auto& [number, role] : deal.roles) own.push_back(number);
    for (const NodeId number : own) {
      Role& role = deal.roles.at(number);
      const auto due = this->due(deal, role);
      if (due && *due <= moment.now && deal.writing == 0)
        perform(moment, generation, deal, number, role.core->tick(moment.now));
    }
    if (deal.say_ready_at <= moment.now) say_ready(moment, generation, deal);
  }
}

// ---- its tools

void AgreementsPart::asked(const node::Moment&, Tool tool, const GetSelf&) {
  if (shelf_.disk == 0)
    return tell(tool, CannotTell{Why::store,
                                 "this host's record of promises is damaged, so it is no site: see "
                                 "its peer's log"});
  tell(tool, Sites{{{self_, shelf_.disk, life_, host_of(self_)}}, self_});
}

// Who has voted waits for the coordinator, and for any other one that may have heard from it.
DealIs AgreementsPart::how_it_stands(const node::Moment& moment, const Deal& deal, NodeId role) const {
  const Role& own = deal.roles.at(role);
  DealIs is{DealIs::Stage::not_voted, {}, own.messages, own.depth};
  if (own.committed) {
    is.stage = *own.committed ? DealIs::Stage::committed : DealIs::Stage::aborted;
  } else if (own.voted || (own.vote && COORD_RULE_OR(a_yes_is_kept_for_the_next_run, true, false))) {
    is.stage = DealIs::Stage::voted;
    const auto name = [&](const service::DecisionSite& site) {
      const std::string host = site.host.empty() ? host_of(site.node) : site.host;
      if (std::ranges::find(is.waits_for, host) == is.waits_for.end()) is.waits_for.push_back(host);
    };
    name(site_of(deal.known, coordinator));
    for (const KnownDeal::Participant& each : deal.known.participants) {
      const auto peer = peers_.find(each.site.node);
      if (each.site.node == self_) continue;
      if (peer == peers_.end() || moment.now - peer->second.heard >= silent_after) name(each.site);
    }
  }
  return is;
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const AskDeal& what) {
  CannotTell why;
  Deal* const found = deal(moment, what.generation, why);
  if (found == nullptr) return tell(tool, why);
  const auto& all = found->known.participants;
  const auto at = std::ranges::find(all, what.id, &KnownDeal::Participant::id);
  const NodeId role = role_of(static_cast<std::size_t>(at - all.begin()));
  if (at == all.end() || !found->roles.contains(role))
    return tell(tool, CannotTell{Why::no_site, "this participant is none of this host"});
  if (found->broken) return tell(tool, CannotTell{Why::store, "this host's disk cannot be written"});
  Role& own = found->roles.at(role);
  if (what.what == AskDeal::What::how_it_stands || own.committed)
    return tell(tool, how_it_stands(moment, *found, role));
  if (what.what == AskDeal::What::give_up && own.voted)
    return tell(tool, how_it_stands(moment, *found, role));
  if (!own.voted) own.vote = what.what == AskDeal::What::yes;
  if (own.waiting && own.waiting->connection != tool.connection)
    tell(*own.waiting, CannotTell{Why::open, "a later run of this participant waits in its place"});
  own.waiting = tool;
  found->say_ready_at = found->ready_since = moment.now;
  found->ready_pause = {};
  vote(moment, what.generation, *found, role);
}

}  // namespace coord::agreements
