// SPDX-License-Identifier: MIT
// What the part says to its like on other hosts, and hears.
#include <algorithm>
#include <chrono>
#include <utility>

#include "agreements/part.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "wire/archive.hpp"

namespace coord::agreements {

namespace {

constexpr Duration ask_every = std::chrono::milliseconds(300);  // for a life that is not known
constexpr std::size_t bytes_beside = 256;                       // that an item costs here whatever it says

// What it says of a value may be as long as a peer that lies has made it.
bool fits(const AnyItem& what) {
  if (const auto* item = std::get_if<Item>(&what)) return item->message.size() <= item_message_bytes;
  const auto* told = std::get_if<TellDecided>(&what);
  return told == nullptr ||
         (told->value.size() <= told_value_bytes && told->proof.size() <= item_message_bytes);
}

}  // namespace

void AgreementsPart::say(NodeId to, const ToPeer& what) {
  out_.push_back(node::Send{to, node::Way::stream, wire::encode(what, wire::channels_since)});
}

void AgreementsPart::hello(NodeId to, bool asks) {
  Hello what{life_, shelf_.disk, asks, {}};
  if (signer_) {
    const PublicKey key = signer_->own();
    what.key.assign(key.begin(), key.end());
  }
  say(to, what);
}

void AgreementsPart::on(const node::Moment& moment, const node::Greeted& event) {
  if (asked_for_keys_ && !pinned_.contains(event.from) && may_be_site(moment, event.from))
    hello(event.from, true);
  const auto found = peers_.find(event.from);
  if (found == peers_.end()) return;
  if (found->second.channel) {
    found->second.channel->reconnected();
    hello(event.from, true);  // it may be another life
  }
}

void AgreementsPart::on(const node::Moment& moment, const node::FromPeer& event) {
  auto said = wire::decode<ToPeer>(event.bytes);
  if (!said) return out_.push_back(node::Unreadable{"it is no message of agreements"});
  if (!is_known(event.from)) return;
  peers_[event.from].heard = moment.now;
  for (Gathering& gathering : gathering_) gathering.silent.erase(event.from);
  std::visit([&](const auto& what) { heard(moment, event.from, what); }, *said);
}

void AgreementsPart::heard(const node::Moment& moment, NodeId from, const Hello& what) {
  if (what.life == 0 || from == self_) return;
  Peer& peer = peers_[from];
  if (peer.life != what.life) {
    // What the earlier life has not taken is void.
    const bool is_first = peer.life == 0;
    peer.life = what.life;
    if (peer.channel) of_earlier_lives_ += peer.channel->counts();
    peer.channel.emplace(life_, what.life);
    for (const Bytes& bytes : std::exchange(peer.unsent, {})) peer.channel->offer(bytes);
    peer.unsent_bytes = 0;
    another_life(moment, from, is_first);
  }
  peer.disk = what.disk;
  tell_of_lost_majorities(moment, from);
  shows_key(moment, from, what.key);
  if (what.asks) hello(from, false);
}

void AgreementsPart::heard(const node::Moment& moment, NodeId from, const Packet& packet) {
  const auto message = channel::decode(packet.bytes);
  if (!message) return out_.push_back(node::Unreadable{"it is no packet of a channel"});
  const auto [life, to] = std::visit([](const auto& of) { return std::pair(of.from, of.to); }, *message);
  Peer& peer = peers_[from];
  if (to != life_ || life != peer.life || !peer.channel) return hello(from, true);
  peer.channel->receive(moment.now, *message);
  while (const Bytes* const front = peer.channel->front()) {
    auto what = wire::decode<AnyItem>(*front);
    peer.channel->done(peer.channel->take());
    if (!what) return out_.push_back(node::Unreadable{"it is no item of agreements"});
    take(moment, from, *what);
  }
}

void AgreementsPart::take(const node::Moment& moment, NodeId from, const AnyItem& what) {
  std::visit([&](const auto& of) { item(moment, from, of); }, what);
}

// A peer that takes nothing for so long is as one that has crashed. A message that is longer than any may be
// is lost as well: our algorithms make none. Nobody who is none of the group's is remembered, whomever a list
// of sites names.
bool AgreementsPart::offer(const node::Moment& moment, NodeId to, const AnyItem& what,
                           std::size_t most_bytes) {
  if (!is_known(to)) return false;
  if (!fits(what)) return false;
  Peer& peer = peers_[to];
  Bytes bytes = wire::encode(what, wire::channels_since);
  if (peer.channel) {
    const std::size_t queued = peer.channel->queued_bytes() + bytes_beside * peer.channel->queued_pieces();
    if (queued >= most_bytes) return false;
    peer.channel->offer(bytes);
    return true;
  }
  if (peer.unsent_bytes >= most_bytes) return false;
  peer.unsent_bytes += bytes.size() + bytes_beside;
  peer.unsent.push_back(std::move(bytes));
  if (ask_again_ && *ask_again_ > moment.now) return true;
  hello(to, true);
  ask_again_ = moment.now + ask_every;
  return true;
}

void AgreementsPart::ask_for_lives(const node::Moment& moment) {
  if (ask_again_ && *ask_again_ > moment.now) return;
  for (const auto& [node, peer] : peers_) {
    if (peer.unsent.empty()) continue;
    hello(node, true);
    ask_again_ = moment.now + ask_every;
  }
}

std::vector<node::Count> AgreementsPart::counts() const {
  channel::Counts all = of_earlier_lives_;
  for (const auto& [node, peer] : peers_) {
    if (peer.channel) all += peer.channel->counts();
  }
  return {
      {"agreements_items", "Messages of classical algorithms, and questions about them, to other hosts.",
       true, all.items},
      {"agreements_resent", "Pieces of these that were sent again: they were not acknowledged in time.", true,
       all.resent},
      {"agreements_acknowledgements", "Acknowledgements of what came from other hosts.", true,
       all.acknowledgements},
      {"agreements_doubled", "Pieces that came a second time.", true, all.doubled},
      {"agreements_strayed", "Packets for another life of a peer.", true, all.strayed},
  };
}

// ---- items

bool AgreementsPart::is_site(const Known& known, NodeId from) const {
  const service::DecisionSite* const site = known.site(from);
  const auto peer = peers_.find(from);
  if (site == nullptr || site->disk == 0 || peer == peers_.end()) return false;
  const classical::Algorithm* const algorithm = hosted(known.algorithm);
  const bool same_life = site->life == peer->second.life;
  return site->disk == peer->second.disk && algorithm != nullptr && (algorithm->stores || same_life);
}

// What was decided is on that disk, whichever life of its peer says so.
bool AgreementsPart::has_sites_disk(const Known& known, NodeId from) const {
  const service::DecisionSite* const site = known.site(from);
  const auto peer = peers_.find(from);
  return site != nullptr && site->disk != 0 && peer != peers_.end() && site->disk == peer->second.disk;
}

// While a disk stalls others may ask for answers that are far longer than the questions. What comes then is
// as lost: algorithms say again what matters.
bool AgreementsPart::has_no_room(const Site& site) const {
  constexpr std::size_t most_of_site = 64, most_of_all = 512;  // above what one step of 31 sites says
  if (site.writing == 0) return false;
  std::size_t all = 0;
  for (const auto& [generation, other] : sites_) all += other.held.size();
  return site.held.size() >= most_of_site || all >= most_of_all;
}

// That it has decided is on its way to the disk, and what the algorithm says of it behind that.
bool AgreementsPart::is_held_for(const Site& site, NodeId to) {
  return site.writing > 0 && std::ranges::any_of(site.held, [&](const classical::Action& action) {
           const auto* const send = std::get_if<classical::Send>(&action);
           return send != nullptr && send->to == to;
         });
}

void AgreementsPart::item(const node::Moment& moment, NodeId from, const Item& what) {
  if (!log_->has_come_to(moment, what.generation)) return keep_early(from, what);
  // What came before this and was kept comes first.
  if (COORD_RULE_OR(early_messages_come_first, !early_.empty(), false)) take_the_early(moment);
  const auto of = log_->find(moment, what.generation);
  if (of && of->region) return region_item(moment, from, what, *of);
  if (what.to != 0) return deal_item(moment, from, what);
  CannotTell why;
  Site* const found = site(moment, what.generation, why);
  if (found == nullptr || found->broken || what.kind != Item::Kind::message) return;
  if (has_no_room(*found) || !is_believed(moment, *found, from, what)) return;
  note(moment, what.generation, *found, false, from, what.message);
  if (found->decided &&
      !found->algorithm
           ->proves) {  // it promises nothing and accepts nothing any more, and has no more to keep for that
    if (is_held_for(*found, from)) return;  // by the algorithm's own word it hears of the decision
    (void)offer(moment, from, TellDecided{what.generation, 0, true, true, found->decided->value, {}, {}});
    return;
  }
  found->depth = std::max(found->depth, what.depth);
  note_received(moment, found->known.name, from, found->algorithm, what);
  auto actions = found->core->receive(moment.now, from, what.message);
  if (!actions) return out_.push_back(node::Report{fmt::format("agreements: {}", actions.error().text())});
  perform(moment, what.generation, *found, std::move(*actions));
}

void AgreementsPart::item(const node::Moment& moment, NodeId from, const AskDecided& what) {
  CannotTell why;
  const Site* const found = site(moment, what.generation, why);
  if (found == nullptr) return;
  (void)offer(moment, from, answer_of(*found, from, what));
}

void AgreementsPart::item(const node::Moment& moment, NodeId from, const TellDecided& what) {
  CannotTell why;
  const auto of = known(moment, what.generation, why);
  if (!of) return;
  const classical::Algorithm* const algorithm = hosted(of->algorithm);
  if (algorithm != nullptr && algorithm->proves) return told_by_signature(moment, from, what, *of);
  if (!is_site(*of, from) && !(what.decided && has_sites_disk(*of, from))) return;
  // Whoever has decided when he hears of it again acknowledges it so.
  if (const auto traced = traced_.find(what.generation); what.decided && traced != traced_.end())
    traced->second.acknowledged.insert(from);
  Site* const found = what.decided ? site(moment, what.generation, why) : nullptr;
  if (found != nullptr) decide(moment, what.generation, *found, what.value);
  answered(what.generation, from, what);
}

}  // namespace coord::agreements
