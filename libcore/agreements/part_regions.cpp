// SPDX-License-Identifier: MIT
// Names that are entered by a classical algorithm (dlock --algorithm), at this site.
//
// Problem: the algorithms let in one site at a time, and believe that a site which is inside says when it has
// left. Its process may be killed while the command that it ran goes on. Algorithm: who enters takes part, by
// the group's log (service/locks/epochs.cpp), with a session whose guards stop the command before its lease
// is over; a site is inside until that session takes part no more, whatever its tool says or does. Of several
// tools of one host the site lets in one after the other.
//
// A site that does not answer cannot be told from one that is inside and slow. Who waits is told that it is
// missing, and takes part in the next epoch, which begins when nobody takes part in this one any more.
#include <algorithm>
#include <chrono>
#include <utility>

#include "agreements/part.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::agreements {

namespace {

using Why = CannotTell::Why;

constexpr Duration missing_after = std::chrono::seconds(2);

}  // namespace

std::optional<SessionId> AgreementsPart::inside(Token epoch) const {
  const auto found = regions_.find(epoch);
  return found == regions_.end() ? std::nullopt : found->second.inside;
}

AgreementsPart::Region* AgreementsPart::region(const node::Moment& moment, Token epoch, CannotTell& why) {
  if (const auto found = regions_.find(epoch); found != regions_.end()) return &found->second;
  auto of = log_->find(moment, epoch);
  const classical::Algorithm* const algorithm = of && of->region ? hosted(of->algorithm) : nullptr;
  if (algorithm == nullptr) {
    why = {Why::no_site, "its epoch is over"};
    return nullptr;
  }
  if (!std::ranges::all_of(of->nodes(), [&](NodeId node) { return is_known(node); })) {
    why = {Why::no_site, "it names a host that this peer does not know"};
    return nullptr;
  }
  const service::DecisionSite* const self = of->site(self_);
  if (!COORD_RULE(region_site_is_this_life, self != nullptr && self->life == life_)) {
    why = {Why::no_site,
           self == nullptr ? "this host is no site of it yet" : "this host's peer was restarted"};
    return nullptr;
  }
  classical::Setup setup;
  setup.group = {self_, of->nodes()};
  setup.seed = random_.next();
  setup.now = moment.now;
  auto core = algorithm->make(setup);
  if (!core) {
    why = {Why::wrong, core.error().text()};
    return nullptr;
  }
  Region made;
  made.known = std::move(*of);
  made.algorithm = algorithm;
  made.core = std::move(*core);
  Region& placed = regions_.emplace(epoch, std::move(made)).first->second;
  if (early_lost_.erase(epoch) > 0 || epoch <= all_lost_to_)
    serve_no_more(moment, epoch, placed, "this host's peer has missed messages");
  return &placed;
}

// Also where nobody of this host takes part: an algorithm may need all its sites, as a ring does.
void AgreementsPart::make_regions(const node::Moment& moment) {
  CannotTell why;
  for (const Token epoch : log_->epochs_of(moment, self_, life_)) (void)region(moment, epoch, why);
}

// All algorithms here rely on it that no message is lost between two lives. So who cannot keep one says no
// more in this epoch; all others are told, and go on to the next.
void AgreementsPart::serve_no_more(const node::Moment& moment, Token epoch, Region& region,
                                   const std::string& why) {
  if (!region.over.empty() || !COORD_RULE_OR(who_lost_a_message_serves_no_more, true, false)) return;
  is_over(moment, epoch, region, why);
  for (const service::DecisionSite& site : region.known.sites) {
    if (site.node == self_) continue;
    Item item{.generation = epoch, .kind = Item::Kind::lost};
    stamp(moment, region.known.name, site.node, region.algorithm, item);
    (void)offer(moment, site.node, item, any_bytes);
  }
}

// The log may tell of a host's new life before that says Hello. What was said to it until then went to the
// one before, unless none was known.
void AgreementsPart::another_life(const node::Moment& moment, NodeId of, bool is_first) {
  const std::uint64_t life = peers_[of].life;
  for (auto& [epoch, region] : regions_) {
    const service::DecisionSite* const site = region.known.site(of);
    if (site == nullptr || site->life != life || region.unheard_lives.erase(of) == 0 || is_first) continue;
    if (COORD_RULE_OR(what_went_to_an_earlier_life_is_lost, true, false))
      serve_no_more(moment, epoch, region,
                    fmt::format("{} was restarted, and has missed messages", host_of(of)));
  }
}

void AgreementsPart::is_over(const node::Moment& moment, Token epoch, Region& region,
                             const std::string& why) {
  region.over = why;
  give_up(moment, epoch, region, why);
}

void AgreementsPart::send(const node::Moment& moment, Token epoch, Region& region, classical::Send what) {
  if (region.wished && region.over.empty()) ++region.messages[std::string(what.type)];
  ++region.sent;
  Item item{.generation = epoch, .message = std::move(what.message), .chains = region.chains.sent()};
  say(moment, region, what.to, std::move(item));
}

void AgreementsPart::say(const node::Moment& moment, Region& region, NodeId to, Item what) {
  if (!region.over.empty()) return;
  const Token epoch = what.generation;
  const service::DecisionSite* const site = region.known.site(to);
  const auto peer = peers_.find(to);
  if (site != nullptr && (peer == peers_.end() || peer->second.life != site->life))
    region.unheard_lives.insert(to);
  stamp(moment, region.known.name, to, region.algorithm, what);
  if (!offer(moment, to, std::move(what), bytes_of_epochs))
    serve_no_more(moment, epoch, region, fmt::format("{} has taken no messages for long", host_of(to)));
}

void AgreementsPart::region_item(const node::Moment& moment, NodeId from, const Item& what,
                                 const Known& known) {
  if (!COORD_RULE(only_lives_of_the_epoch_are_heard, is_site(known, from))) return;
  CannotTell why;
  Region* const found = region(moment, what.generation, why);
  if (found == nullptr || !found->over.empty()) return;
  note_received(moment, found->known.name, from, found->algorithm, what);
  if (what.kind == Item::Kind::lost)
    return is_over(moment, what.generation, *found, fmt::format("{} has missed messages", host_of(from)));
  if (what.kind != Item::Kind::message) return busy_item(moment, from, what, *found);
  ++found->received;
  const auto text = found->algorithm->describe(what.message);
  const bool frees = text && text->type == "release";
  found->chains.receive(
      what.chains, [&](NodeId node) { return found->known.site(node) != nullptr; }, frees);
  if (text && found->wished) ++found->messages[std::string(text->type)];
  auto actions = found->core->receive(moment.now, from, what.message);
  if (!actions) return out_.push_back(node::Report{fmt::format("agreements: {}", actions.error().text())});
  perform(moment, what.generation, *found, std::move(*actions));
}

void AgreementsPart::perform(const node::Moment& moment, Token epoch, Region& region,
                             classical::Actions actions) {
  for (classical::Action& action : actions) {
    if (auto* send = std::get_if<classical::Send>(&action)) {
      this->send(moment, epoch, region, std::move(*send));
    } else if (const auto* told = std::get_if<classical::Tell>(&action)) {
      if (const auto* granted = std::get_if<classical::Granted>(&told->what))
        enter(moment, epoch, region, granted->token);
      if (const auto* refused = std::get_if<classical::Refused>(&told->what))
        give_up(moment, epoch, region, refused->why);
    }
  }
}

void AgreementsPart::wish(const node::Moment& moment, Token epoch, Region& region,
                          const classical::Wish& what) {
  auto actions = region.core->wish(moment.now, what);
  if (!actions) return give_up(moment, epoch, region, actions.error().text());
  perform(moment, epoch, region, std::move(*actions));
}

// The first in line has the region, if it still takes part: that is asked of the log, now.
void AgreementsPart::enter(const node::Moment& moment, Token epoch, Region& region, Token token) {
  region.wished = false;
  region.at_once.reset();
  Delays delays = region.chains.at_entry(self_);
  if (region.ahead && std::exchange(region.ahead->turn, std::nullopt)) delays = region.ahead->delays;
  std::erase_if(region.waiting, [&](const Entrance& each) {
    return !COORD_RULE(who_enters_takes_part, log_->takes_part(moment, epoch, each.session));
  });
  const bool within = COORD_RULE(no_token_is_beyond_the_epochs_block, token.value < region.known.tokens);
  if (!within) give_up(moment, epoch, region, "its tokens are used up");
  if (region.waiting.empty() && region.ahead) {
    region.ahead->turn = token;
    region.ahead->delays = delays;
    return;
  }
  if (region.waiting.empty()) return leave(moment, epoch, region);
  const Entrance first = region.waiting.front();
  region.waiting.pop_front();
  region.inside = first.session;
  region.begins_by = moment.now + begins_within;
  region.entered = {Token{epoch.value + token.value},
                    epoch,
                    {},
                    region.messages,
                    delays.count,
                    region.sent,
                    region.received,
                    delays.from_exit};
  for (const service::DecisionSite& site : region.known.sites) region.entered.hosts.push_back(site.host);
  event(moment, epoch, region.known.name, "enters");
  tell(first.tool, region.entered);
}

void AgreementsPart::next(const node::Moment& moment, Token epoch, Region& region) {
  if (region.inside || region.wished || region.waiting.empty() || !region.over.empty()) return;
  if (region.ahead && region.ahead->turn) return enter(moment, epoch, region, *region.ahead->turn);
  begin_wish(moment, epoch, region);
  if (region.wished && region.waiting.front().at_once) ask_whether_busy(moment, epoch, region);
}

void AgreementsPart::begin_wish(const node::Moment& moment, Token epoch, Region& region) {
  region.wished = true;
  region.wished_at = region.asked_at = moment.now;
  region.chains.wish(self_);
  region.messages.clear();
  event(moment, epoch, region.known.name, "wants to enter");
  wish(moment, epoch, region, classical::Enter{});
}

// Who was let in is outside, or has not gone in.
void AgreementsPart::leave(const node::Moment& moment, Token epoch, Region& region) {
  region.chains.leave();
  wish(moment, epoch, region, classical::Leave{});
}

// All who wait here take part in the next epoch.
void AgreementsPart::give_up(const node::Moment& moment, Token epoch, Region& region,
                             const std::string& why) {
  for (const Entrance& each : std::exchange(region.waiting, {})) tell(each.tool, Missing{epoch, why});
  region.at_once.reset();
  if (region.ahead) return nobody_comes(moment, epoch, region);
  if (std::exchange(region.wished, false)) wish(moment, epoch, region, classical::Leave{});
}

// Who of its sites is not there any more; empty: nobody that is known.
std::string AgreementsPart::missing(const node::Moment& moment, const Region& region) const {
  for (const service::DecisionSite& site : region.known.sites) {
    const auto peer = peers_.find(site.node);
    if (site.node == self_) continue;
    if (peer != peers_.end() && peer->second.life != 0 && peer->second.life != site.life)
      return fmt::format("{} was restarted", site.host);
    const Instant heard = peer == peers_.end() ? Instant{} : peer->second.heard;
    if (moment.now - std::max(heard, region.wished_at) >= missing_after)
      return fmt::format("{} does not answer", site.host);
  }
  return "";
}

void AgreementsPart::look_for_the_missing(const node::Moment& moment) {
  for (auto& [epoch, region] : regions_) {
    const auto due = region.core->deadline();
    if (due && *due <= moment.now) perform(moment, epoch, region, region.core->tick(moment.now));
    if (!region.wished || moment.now - region.asked_at < ask_sites_every) continue;
    region.asked_at = moment.now;
    if (const std::string who = missing(moment, region); !who.empty()) {
      give_up(moment, epoch, region, who);
      continue;
    }
    for (const service::DecisionSite& site : region.known.sites) {
      if (site.node != self_) hello(site.node, true);
    }
  }
}

// Also what is over with its epoch.
void AgreementsPart::see_who_left(const node::Moment& moment) {
  for (auto at = regions_.begin(); at != regions_.end();) {
    auto& [epoch, region] = *at;
    if (log_->has_come_to(moment, epoch) && !log_->is_epoch(moment, epoch)) {
      for (const Entrance& each : region.waiting) tell(each.tool, Missing{epoch, "its epoch is over"});
      at = regions_.erase(at);
      continue;
    }
    const Token number = epoch;
    Region& of = region;
    ++at;
    if (of.inside && !log_->takes_part(moment, number, *of.inside)) {
      of.inside.reset();
      event(moment, number, of.known.name, "leaves");
      leave(moment, number, of);
    }
    next(moment, number, of);
  }
}

// Who was let in and does not say that it begins has not begun.
void AgreementsPart::see_who_begins(const node::Moment& moment) {
  for (auto& [epoch, region] : regions_) {
    if (!region.inside || !region.begins_by || moment.now < *region.begins_by) continue;
    region.inside.reset();
    event(moment, epoch, region.known.name, "its turn passes on");
    leave(moment, epoch, region);
    next(moment, epoch, region);
  }
}

template <class Which>
void AgreementsPart::leaves_line(const node::Moment& moment, const Which& which) {
  for (auto& [epoch, region] : regions_) {
    std::erase_if(region.waiting, which);
    // What was asked was asked for one that was not to wait.
    if (region.waiting.empty() || !region.waiting.front().at_once) region.at_once.reset();
    if (region.waiting.empty() && !region.ahead && std::exchange(region.wished, false))
      wish(moment, epoch, region, classical::Leave{});
  }
}

void AgreementsPart::on(const node::Moment& moment, const node::ToolGone& event) {
  leaves_line(moment, [&](const Entrance& each) { return each.tool.connection == event.connection; });
  for (auto& [epoch, region] : regions_) {
    if (region.ahead && region.ahead->tool.connection == event.connection)
      nobody_comes(moment, epoch, region);
  }
  forget_questions(event.connection);
  std::erase_if(finding_, [&](const Finding& each) { return each.tool.connection == event.connection; });
  races_forget(moment, event.connection);
}

// It takes part, and the session is its user's, or that is not known yet: on(FromTool) has asked the log.
AgreementsPart::Region* AgreementsPart::region_of(const node::Moment& moment, Tool tool, SessionId session,
                                                  std::uint64_t request, Token& epoch) {
  const PartOf part = log_->part_of(moment, session, request, 0, "");
  CannotTell why{Why::no_site, "this host's peer was restarted"};
  epoch = part.epoch;
  Region* const found = part.standing == PartOf::Standing::takes_part ? region(moment, epoch, why) : nullptr;
  if (found != nullptr && found->over.empty()) return found;
  if (found == nullptr && why.why == Why::wrong) {
    tell(tool, why);
  } else {
    tell(tool, Missing{epoch, found == nullptr ? why.text : found->over});
  }
  return nullptr;
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const Enter& what) {
  Token epoch;
  Region* const found = region_of(moment, tool, what.session, what.request, epoch);
  if (found == nullptr) return;
  if (found->inside == what.session) return tell(tool, found->entered);  // its peer's answer was lost
  const auto there = std::ranges::find(found->waiting, what.session, &Entrance::session);
  if (there != found->waiting.end()) {
    there->tool = tool;
  } else if (what.at_once && (found->inside || found->ahead || !found->waiting.empty())) {
    return tell(tool, Busy{});
  } else {
    found->waiting.push_back({tool, what.session, what.at_once, what.outer, ++last_wait_});
  }
  next(moment, epoch, *found);
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const Begin& what) {
  Token epoch;
  Region* const found = region_of(moment, tool, what.session, what.request, epoch);
  if (found == nullptr) return;
  if (!COORD_RULE(who_begins_is_inside, found->inside == what.session)) return tell(tool, PassedOn{});
  if (!COORD_RULE(who_begins_has_this_turn, found->entered.token == what.token))
    return tell(tool, PassedOn{});
  found->begins_by.reset();
  tell(tool, Begun{});
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const Withdraw& what) {
  leaves_line(moment, [&](const Entrance& each) { return each.session == what.session; });
  tell(tool, Withdrawn{log_->has_quorum(moment)});
}

}  // namespace coord::agreements
