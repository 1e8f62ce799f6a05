// SPDX-License-Identifier: MIT
// What tools of this host ask the part, and are told.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "agreements/part.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "service/answer.hpp"
#include "service/ownership.hpp"
#include "wire/archive.hpp"

namespace coord::agreements {

namespace {

using Why = CannotTell::Why;

constexpr Duration gather_for = std::chrono::milliseconds(500);  // the sites that are there
constexpr Duration others_tell_in = std::chrono::milliseconds(1500);
constexpr Duration ask_others_every = std::chrono::seconds(2);
constexpr std::ptrdiff_t most_questions = 16;  // of a tool, that are not answered

}  // namespace

void AgreementsPart::tell(Tool tool, const ToTool& what) {
  const auto* const decided = std::get_if<Decided>(&what);
  if (decided != nullptr && decided->value.size() > told_value_bytes)
    return tell(tool, CannotTell{Why::wrong, "the value that its sites chose is longer than 64 KiB"});
  out_.push_back(node::ToTool{tool.connection, tool.request, wire::encode(what, wire::channels_since)});
}

void AgreementsPart::forget_questions(replica::ConnectionId connection) {
  const auto its = [&](const auto& of) { return of.connection == connection; };
  for (auto& [generation, site] : sites_) std::erase_if(site.waiting, its);
  for (auto& [generation, deal] : deals_) {
    for (auto& [number, role] : deal.roles) {
      if (role.waiting && its(*role.waiting)) role.waiting.reset();
    }
  }
  for (auto& [generation, all] : asking_) {
    std::erase_if(all, [&](const Asking& asking) { return its(asking.tool); });
  }
  std::erase_if(asking_, [](const auto& entry) { return entry.second.empty(); });
  std::erase_if(gathering_, [&](const Gathering& gathering) { return its(gathering.tool); });
  std::erase_if(asking_log_, [&](const AskingLog& asking) { return its(asking.tool); });
  std::erase_if(traced_, [&](const auto& entry) { return entry.second.tool && its(*entry.second.tool); });
  std::erase_if(pinning_by_hand_, [&](const auto& entry) { return its(entry.second); });
}

// A tool asks one thing at a time; one that asks many at once is no tool of ours.
bool AgreementsPart::asks_too_much(const Tool& tool) const {
  const auto its = [&](const auto& of) { return of.tool.connection == tool.connection; };
  std::ptrdiff_t questions = std::ranges::count_if(gathering_, its) + std::ranges::count_if(asking_log_, its);
  for (const auto& [generation, all] : asking_) questions += std::ranges::count_if(all, its);
  for (const auto& [generation, site] : sites_)
    questions += std::ranges::count(site.waiting, tool.connection, &Tool::connection);
  return questions >= most_questions;
}

// As the log has it by now: a later run of it speaks in its place.
bool AgreementsPart::is_participant(const node::Moment& moment, const AskDeal& ask, std::uint32_t uid,
                                    const std::string& user) const {
  const auto of = log_->deal(moment, ask.generation);
  if (!of) return true;  // nothing is answered for it
  return std::ranges::any_of(of->participants, [&](const KnownDeal::Participant& each) {
    return each.id == ask.id && each.run == ask.run && (uid == 0 || each.user == user);
  });
}

// What is others' is refused here too, for a tool need not have asked the log before.
void AgreementsPart::on(const node::Moment& moment, const node::FromTool& event) {
  const Tool tool{event.connection, event.request};
  auto said = wire::decode<FromTool>(event.bytes);
  if (!said) return tell(tool, CannotTell{Why::wrong, "it is no request that this peer knows"});
  const auto* const propose = std::get_if<Propose>(&*said);
  const auto* const steps = std::get_if<GetSteps>(&*said);
  if (propose != nullptr || steps != nullptr) {
    const auto of = log_->find(moment, propose != nullptr ? propose->generation : steps->generation);
    if (of && !of->region &&
        !COORD_RULE(proposals_are_their_users, service::may_use(of->name, event.who.uid, event.who.user)))
      return tell(tool, CannotTell{Why::wrong, service::describe(service::Refusal::not_yours)});
  }
  if (const auto* read = std::get_if<GetLog>(&*said);
      read != nullptr && !may_read(*read, event.who.uid, event.who.user))
    return tell(tool, CannotTell{Why::wrong, service::describe(service::Refusal::not_yours)});
  if (std::holds_alternative<PinSigningKey>(*said) &&
      !COORD_RULE(pins_are_the_operators, !event.who.is_guest))
    return tell(tool, CannotTell{Why::wrong, "only root and the peer's own user may pin keys"});
  if (const auto* ask = std::get_if<AskDeal>(&*said)) {
    if (!COORD_RULE(who_votes_is_the_participant,
                    is_participant(moment, *ask, event.who.uid, event.who.user)))
      return tell(tool, CannotTell{Why::wrong, "this is not a participant's last run"});
  }
  bool has_name = true;
  const bool may_stand = std::visit(
      [&](auto& what) {
        if constexpr (requires { what.name; }) {
          what.name = service::expand_own(what.name, event.who.uid, event.who.user);
          has_name = service::valid_name(what.name, service::Limits{});
          return std::is_same_v<decltype(what), WhoLeads&> ||
                 service::may_use(what.name, event.who.uid, event.who.user);
        }
        return true;
      },
      *said);
  if (!has_name) return tell(tool, CannotTell{Why::wrong, service::describe(service::Refusal::invalid)});
  if (!COORD_RULE(who_stands_may_use_the_name, may_stand))
    return tell(tool, CannotTell{Why::wrong, service::describe(service::Refusal::not_yours)});
  const bool is_its = std::visit(
      [&](const auto& what) {
        if constexpr (requires { what.session; }) {
          return log_->part_of(moment, what.session, what.request, event.who.uid, event.who.user).standing !=
                 PartOf::Standing::never;
        }
        return true;
      },
      *said);
  if (!COORD_RULE(who_enters_is_the_sessions_user, is_its))
    return tell(tool, CannotTell{Why::wrong, "this session does not take part in it"});
  if (asks_too_much(tool))
    return tell(tool, CannotTell{Why::wrong, "too many questions at once: wait for an answer"});
  std::visit([&](const auto& what) { asked(moment, tool, what); }, *said);
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const GetSites& what) {
  const std::vector<NodeId> voters = log_->voters(moment).value_or(founders_);
  Gathering gathering{tool, {}, moment.now + gather_for, {}, what.answering};
  std::ranges::set_intersection(voters, known_, std::back_inserter(gathering.voters));
  if (!std::ranges::binary_search(gathering.voters, self_)) {
    std::string hosts;
    for (const NodeId node : gathering.voters) hosts += (hosts.empty() ? "" : ", ") + host_of(node);
    return tell(tool, CannotTell{Why::no_site, fmt::format("this host is no site: {} on one of {}",
                                                           what.answering ? "ask" : "propose", hosts)});
  }
  if (shelf_.disk == 0)
    return tell(
        tool,
        CannotTell{Why::store, fmt::format("this host's record of promises is damaged, so it is no site: see "
                                           "its peer's log, and {} on another host",
                                           what.answering ? "ask" : "propose")});
  for (const NodeId node : gathering.voters) {
    if (node == self_) continue;
    hello(node, true);
    gathering.silent.insert(node);
  }
  gathering_.push_back(std::move(gathering));
}

void AgreementsPart::tell_sites(const Gathering& gathering) {
  Sites sites;
  sites.self = self_;
  for (const NodeId node : gathering.voters) {
    const auto peer = peers_.find(node);
    if (gathering.answering && gathering.silent.contains(node)) continue;
    service::DecisionSite site{node, 0, 0, host_of(node)};
    if (node == self_) {
      site.disk = shelf_.disk;
      site.life = life_;
    } else if (peer != peers_.end()) {
      site.disk = peer->second.disk;
      site.life = peer->second.life;
    }
    if (gathering.answering && site.disk == 0) continue;  // it could not be told from another one
    sites.sites.push_back(std::move(site));
  }
  tell(gathering.tool, sites);
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const Propose& what) {
  CannotTell why;
  Site* const found = site(moment, what.generation, why);
  if (found == nullptr) return tell(tool, why);
  if (found->decided) return tell(tool, *found->decided);
  if (found->broken)
    return tell(tool, CannotTell{Why::store, "this host's disk cannot be written: propose on another host"});
  if (const std::string lost = lost_majority(*found); !lost.empty())
    return ask_sites(moment, tool, what.generation, found->known, CannotTell{Why::lost, lost});
  if (found->algorithm->proves && !found->asks_at) found->asks_at = moment.now + ask_others_every;
  for (const service::DecisionSite& other : found->known.sites) {
    const auto peer = peers_.find(other.node);
    const bool is_heard = peer != peers_.end() && peer->second.life != 0;
    if (!is_heard && other.node != self_ && is_known(other.node)) hello(other.node, true);
  }
  if (!found->wished) {
    auto actions = found->core->wish(moment.now, classical::Propose{what.value});
    if (!actions) return tell(tool, CannotTell{Why::wrong, actions.error().text()});
    found->wished = moment.now;
    found->depth_at_wish = found->depth;
    found->waiting.push_back(tool);
    event(moment, what.generation, found->known.name, fmt::format("proposes {}", what.value));
    return perform(moment, what.generation, *found, std::move(*actions));
  }
  found->waiting.push_back(tool);  // its value is one of a host that proposes already
}

// It may be decided without this site, by messages that it does not believe.
void AgreementsPart::ask_the_others(const node::Moment& moment, Token generation, Site& site) {
  site.asks_at.reset();
  if (site.waiting.empty() || site.decided) return;
  site.asks_at = moment.now + ask_others_every;
  for (const service::DecisionSite& other : site.known.sites) {
    if (other.node != self_) (void)offer(moment, other.node, AskDecided{generation, next_question()});
  }
}

// On a host that is no site too: the others know.
void AgreementsPart::asked(const node::Moment& moment, Tool tool, const GetDecided& what) {
  CannotTell why;
  const auto of = known(moment, what.generation, why);
  if (!of) return tell(tool, why);
  const Site* const own = site(moment, what.generation, why);
  if (own != nullptr && own->decided) return tell(tool, *own->decided);
  ask_sites(moment, tool, what.generation, *of, {});
}

// The others. `otherwise`: if none of them knows the decision.
void AgreementsPart::ask_sites(const node::Moment& moment, Tool tool, Token generation, const Known& of,
                               std::optional<CannotTell> otherwise) {
  const classical::Algorithm* const algorithm = hosted(of.algorithm);
  const std::size_t faulty = (of.sites.size() - 1) / 3;  // may lie, where some may
  const std::size_t enough =
      algorithm != nullptr && algorithm->proves ? 2 * faulty + 1 : of.sites.size() / 2 + 1;
  Asking asking{tool, next_question(), {}, 0, 0, enough, moment.now + others_tell_in, std::move(otherwise)};
  const auto own = sites_.find(generation);
  if (own != sites_.end()) {
    asking.answered = 1;
    asking.not_begun = own->second.begun() ? 0 : 1;
  }
  for (const service::DecisionSite& other : of.sites) {
    if (other.node == self_ || !is_known(other.node)) continue;
    asking.open.insert(other.node);
    (void)offer(moment, other.node, AskDecided{generation, asking.question});
  }
  if (!told_by_others(asking)) asking_[generation].push_back(std::move(asking));
}

void AgreementsPart::answered(Token generation, NodeId from, const TellDecided& what) {
  const auto all = asking_.find(generation);
  if (all == asking_.end()) return;
  std::erase_if(all->second, [&](Asking& asking) {
    // Of an earlier one it would say what was, perhaps before a value was chosen.
    if (!COORD_RULE(answers_are_to_this_question, what.question == asking.question) && !what.decided)
      return false;
    if (asking.open.erase(from) == 0) return false;
    if (what.decided) {
      Decided decided;
      decided.value = what.value;
      tell(asking.tool, decided);
      return true;
    }
    ++asking.answered;
    if (COORD_RULE(who_has_begun_may_have_accepted, !what.begun)) ++asking.not_begun;
    return told_by_others(asking);
  });
  if (all->second.empty()) asking_.erase(all);
}

bool AgreementsPart::told_by_others(const Asking& asking) {
  if (asking.not_begun >= asking.majority && !asking.otherwise) {
    tell(asking.tool, Undecided{});
  } else if (asking.open.empty()) {
    tell_no_answer(asking);
  } else {
    return false;
  }
  return true;
}

void AgreementsPart::tell_no_answer(const Asking& asking) {
  if (asking.otherwise) return tell(asking.tool, *asking.otherwise);
  if (asking.answered < asking.majority)
    return tell(asking.tool, CannotTell{Why::no_majority, "a majority of its sites does not answer"});
  tell(asking.tool, CannotTell{Why::open,
                               "it is being decided, or its proposer has ended before it was: ask "
                               "again, or propose, which ends that"});
}

}  // namespace coord::agreements
