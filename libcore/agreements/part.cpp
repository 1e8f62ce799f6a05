// SPDX-License-Identifier: MIT
#include "agreements/part.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "node/node.hpp"
#include "wire/archive.hpp"

namespace coord::agreements {

namespace {

using std::chrono::milliseconds;
using Why = CannotTell::Why;

constexpr Duration ask_every = milliseconds(300);  // for a life that is not known
constexpr std::size_t most_sites = 1'024;          // decisions at once at this peer
constexpr std::size_t most_early = 4'096;          // messages for decisions that the log does not have yet
constexpr std::size_t most_steps = 256;            // that are told
constexpr std::size_t most_unsent = 1'024;         // to a life that is not known
constexpr char decided_record[] = "!decided";      // beside the algorithm's own

std::string_view registered(service::Agreement algorithm) {
  return algorithm == service::Agreement::exchange ? std::string_view("promise-exchange")
                                                   : std::string_view(name_of(algorithm));
}

const service::DecisionSite* site_of(const Known& known, NodeId node) {
  const auto found = std::ranges::find(known.sites, node, &service::DecisionSite::node);
  return found == known.sites.end() ? nullptr : &*found;
}

std::vector<NodeId> nodes_of(const Known& known) {
  std::vector<NodeId> nodes;
  for (const service::DecisionSite& site : known.sites) nodes.push_back(site.node);
  return nodes;
}

// Not of all that there are: what a peer does not run is not in its program.
const classical::Algorithm* hosted(std::string_view name) {
  static const std::vector<classical::Algorithm> algorithms = classical::agreement_on_one();
  const auto found = std::ranges::find_if(
      algorithms, [name](const classical::Algorithm& one) { return one.identity.name == name; });
  return found == algorithms.end() ? nullptr : &*found;
}

}  // namespace

std::optional<Known> find_in_log(const node::Moment& moment, Token generation) {
  if (moment.service == nullptr) return std::nullopt;
  const auto& decisions = moment.service->log().machine().state().decisions;
  const auto found = std::ranges::find_if(
      decisions, [&](const auto& entry) { return entry.second.generation == generation; });
  if (found == decisions.end() || found->second.algorithm == service::Agreement::raft) return std::nullopt;
  return Known{found->first, found->second.algorithm, found->second.sites};
}

AgreementsPart::AgreementsPart(const node::Setting& setting, Shelf shelf, Find find)
    : self_(setting.self),
      voters_(setting.founders),
      names_(setting.names),
      find_(std::move(find)),
      random_(setting.seed ^ 0x61677265656d6500U),
      life_(random_.next() | 1U),
      shelf_(std::move(shelf)) {}

std::string AgreementsPart::host_of(NodeId node) const {
  const auto found = names_.find(node);
  return found == names_.end() ? std::to_string(node.value) : found->second;
}

// ---- driven

node::PartActions AgreementsPart::step(const node::Moment& moment, const node::Event& event) {
  std::visit([&](const auto& what) { on(moment, what); }, event);
  time_passes(moment);
  return std::exchange(out_, {});
}

node::PartActions AgreementsPart::settle(const node::Moment& moment) {
  forget_the_forgotten(moment);
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
    if (!site.writing && !site.broken && !site.decided) consider(site.core->deadline());
  }
  for (const auto& [node, peer] : peers_) {
    if (peer.channel) consider(peer.channel->deadline());
    if (!peer.unsent.empty()) consider(ask_again_);
  }
  for (const auto& [generation, all] : asking_) {
    for (const Asking& asking : all) consider(asking.until);
  }
  for (const Gathering& gathering : gathering_) consider(gathering.until);
  return first;
}

void AgreementsPart::time_passes(const node::Moment& moment) {
  for (auto& [generation, site] : sites_) {
    if (site.writing || site.broken || site.decided) continue;
    const auto due = site.core->deadline();
    if (due && *due <= moment.now) perform(moment, generation, site, site.core->tick(moment.now));
  }
  bool waits = false;
  const bool again = !ask_again_ || *ask_again_ <= moment.now;
  for (const auto& [node, peer] : peers_) {
    if (peer.unsent.empty()) continue;
    waits = true;
    if (again) hello(node, true);
  }
  if (waits && again) ask_again_ = moment.now + ask_every;
  for (auto& [generation, all] : asking_) {
    std::erase_if(all, [&](const Asking& asking) {
      if (asking.until > moment.now) return false;
      tell(asking.tool, CannotTell{Why::no_majority, "a majority of its sites does not answer"});
      return true;
    });
  }
  std::erase_if(asking_, [](const auto& entry) { return entry.second.empty(); });
  std::erase_if(gathering_, [&](const Gathering& gathering) {
    const bool all_known = std::ranges::all_of(voters_, [&](NodeId node) {
      const auto peer = peers_.find(node);
      return node == self_ || (peer != peers_.end() && peer->second.life != 0);
    });
    if (!all_known && gathering.until > moment.now) return false;
    tell_sites(gathering.tool);
    return true;
  });
}

// What was forgotten is not kept, and who waits for it is told.
void AgreementsPart::forget_the_forgotten(const node::Moment& moment) {
  if (moment.service == nullptr || moment.service->log().applied() == looked_at_) return;
  looked_at_ = moment.service->log().applied();
  std::vector<Token> known;
  for (const auto& [generation, site] : sites_) known.push_back(generation);
  for (const auto& [generation, kept] : shelf_.kept) known.push_back(generation);
  for (const Token generation : known) {
    // A log that has not come that far says nothing.
    if (generation > moment.service->log().machine().state().last_token || find_(moment, generation))
      continue;
    if (const auto site = sites_.find(generation); site != sites_.end()) {
      if (site->second.writing) continue;
      for (const Tool& tool : site->second.waiting)
        tell(tool, CannotTell{Why::forgotten, "it was forgotten after this proposal was made"});
      sites_.erase(site);
    }
    shelf_.kept.erase(generation);
    auto work = std::make_shared<Save>();
    work->kept.generation = generation;
    out_.push_back(node::Do{std::move(work)});
  }
  auto early = std::exchange(early_, {});
  early_count_ = 0;
  for (auto& [generation, items] : early) {
    for (auto& [from, what] : items) item(moment, from, what);
  }
}

// ---- between peers

void AgreementsPart::say(NodeId to, const ToPeer& what) {
  out_.push_back(node::Send{to, node::Way::stream, wire::encode(what, wire::channels_since)});
}

void AgreementsPart::hello(NodeId to, bool asks) {
  say(to, Hello{life_, shelf_.disk, asks});
}

void AgreementsPart::on(const node::Moment&, const node::Greeted& event) {
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
  if (!std::ranges::binary_search(voters_, event.from)) return;
  std::visit(
      [&](const auto& what) {
        if constexpr (std::is_same_v<std::decay_t<decltype(what)>, Hello>) {
          heard(moment, event.from, what);
        } else {
          heard(moment, event.from, what);
        }
      },
      *said);
}

void AgreementsPart::heard(const node::Moment& moment, NodeId from, const Hello& what) {
  if (what.life == 0 || from == self_) return;
  Peer& peer = peers_[from];
  if (peer.life != what.life) {
    // What the earlier life has not taken is void.
    peer.life = what.life;
    peer.channel.emplace(life_, what.life);
    for (const Bytes& bytes : std::exchange(peer.unsent, {})) peer.channel->offer(bytes);
  }
  peer.disk = what.disk;
  if (what.asks) hello(from, false);
  (void)moment;
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

void AgreementsPart::offer(const node::Moment& moment, NodeId to, const AnyItem& what) {
  Peer& peer = peers_[to];
  Bytes bytes = wire::encode(what, wire::channels_since);
  if (peer.channel) return peer.channel->offer(bytes);
  if (peer.unsent.size() < most_unsent) peer.unsent.push_back(std::move(bytes));
  if (!ask_again_ || *ask_again_ <= moment.now) hello(to, true);
  if (!ask_again_ || *ask_again_ <= moment.now) ask_again_ = moment.now + ask_every;
}

// ---- the sites

AgreementsPart::Site* AgreementsPart::site(const node::Moment& moment, Token generation, CannotTell& why) {
  if (const auto found = sites_.find(generation); found != sites_.end()) return &found->second;
  auto known = find_(moment, generation);
  if (!known) {
    why = {Why::forgotten, "it was forgotten after this proposal was made"};
    return nullptr;
  }
  const service::DecisionSite* self = site_of(*known, self_);
  const classical::Algorithm* algorithm = hosted(registered(known->algorithm));
  std::string others;
  for (const service::DecisionSite& each : known->sites) others += (others.empty() ? "" : ", ") + each.host;
  if (self == nullptr || algorithm == nullptr) {
    why = {Why::no_site, fmt::format("this host is none of its sites: ask on one of {}", others)};
    return nullptr;
  }
  const bool same_disk = self->disk == shelf_.disk && shelf_.disk != 0;
  const bool same = same_disk && (algorithm->stores || self->life == life_);
  const bool has_decided =
      shelf_.kept.contains(generation) && shelf_.kept.at(generation).records.contains(decided_record);
  if (!COORD_RULE(site_is_the_one_that_was_fixed, same || (same_disk && has_decided))) {
    why = {Why::no_site,
           fmt::format(
               "this host's {} was replaced since its sites were fixed, and takes no part: the sites are {}",
               same_disk ? "peer process" : "disk", others)};
    return nullptr;
  }
  if (sites_.size() >= most_sites) {
    why = {Why::no_site, "this peer takes part in too many decisions: forget some"};
    return nullptr;
  }
  Site made;
  made.known = std::move(*known);
  made.algorithm = algorithm;
  if (const auto kept = shelf_.kept.find(generation); kept != shelf_.kept.end())
    made.records = kept->second.records;
  classical::Setup setup;
  // Whom a majority is of: not whoever votes in the group by now.
  const bool fixed = COORD_RULE_OR(acceptors_are_those_of_the_first_entry, true, false);
  setup.group = {self_, fixed ? nodes_of(made.known) : voters_};
  setup.seed = random_.next();
  setup.now = moment.now;
  setup.stored = made.records;
  setup.stored.erase(decided_record);
  auto core = algorithm->make(setup);
  if (!core) {
    why = {Why::wrong, core.error().text()};
    return nullptr;
  }
  made.core = std::move(*core);
  if (const auto decided = made.records.find(decided_record); decided != made.records.end()) {
    made.decided.emplace();
    made.decided->value.assign(decided->second.begin(), decided->second.end());
  }
  return &sites_.emplace(generation, std::move(made)).first->second;
}

void AgreementsPart::note(const node::Moment& moment, Site& site, bool sent, NodeId peer,
                          const Bytes& message) {
  const auto text = site.algorithm->describe(message);
  if (!text || site.decided) return;
  ++site.messages[std::string(text->type)];
  if (site.wished && site.steps.size() < most_steps)
    site.steps.push_back({moment.now - *site.wished, sent, peer, text->text});
}

void AgreementsPart::perform(const node::Moment& moment, Token generation, Site& site,
                             classical::Actions actions) {
  for (classical::Action& action : actions) site.held.push_back(std::move(action));
  go_on(moment, generation, site);
}

// In their order; what stands behind a write waits for it.
void AgreementsPart::go_on(const node::Moment& moment, Token generation, Site& site) {
  while (!site.held.empty() && !site.writing && !site.broken) {
    classical::Action action = std::move(site.held.front());
    site.held.pop_front();
    if (auto* persist = std::get_if<classical::Persist>(&action)) {
      site.records[persist->key] = std::move(persist->value);
      if (COORD_RULE_OR(stored_before_it_is_told, true, false)) save(generation, site);
    } else if (auto* send = std::get_if<classical::Send>(&action)) {
      note(moment, site, true, send->to, send->message);
      offer(moment, send->to, Item{generation, site.depth + 1, std::move(send->message)});
    } else if (const auto* told = std::get_if<classical::Tell>(&action)) {
      if (const auto* decided = std::get_if<classical::Decided>(&told->what))
        decide(moment, generation, site, decided->value);
    }
  }
}

void AgreementsPart::save(Token generation, Site& site) {
  shelf_.kept[generation] = {generation, site.records};
  auto work = std::make_shared<Save>();
  work->kept = {generation, site.records};
  site.writing = true;
  out_.push_back(node::Do{std::move(work)});
}

void AgreementsPart::on(const node::Moment& moment, const node::Worked& event) {
  const auto& work = dynamic_cast<const Save&>(*event.work);
  const auto found = sites_.find(work.kept.generation);
  if (!work.outcome) out_.push_back(node::Report{fmt::format("agreements: {}", work.outcome.error().text())});
  if (found == sites_.end() || work.kept.records.empty()) return;
  Site& site = found->second;
  site.writing = false;
  if (!work.outcome) {
    // What the disk holds is not known: it takes no further part in this life.
    site.broken = true;
    for (const Tool& tool : std::exchange(site.waiting, {}))
      tell(tool, CannotTell{Why::store, "this host's disk cannot be written: propose on another host"});
    return;
  }
  go_on(moment, work.kept.generation, site);
}

void AgreementsPart::decide(const node::Moment& moment, Token generation, Site& site,
                            const std::string& value) {
  if (site.decided) return;
  Decided decided;
  decided.value = value;
  decided.messages = site.messages;
  decided.delays = site.depth - std::min(site.depth, site.depth_at_wish);
  if (site.wished) decided.took = moment.now - *site.wished;
  decided.steps = site.steps;
  site.decided = std::move(decided);
  for (const Tool& tool : std::exchange(site.waiting, {})) tell(tool, *site.decided);
  site.records[decided_record] = Bytes(value.begin(), value.end());
  save(generation, site);
}

// ---- items

void AgreementsPart::item(const node::Moment& moment, NodeId from, const Item& what) {
  CannotTell why;
  Site* const found = site(moment, what.generation, why);
  if (found == nullptr) {
    const bool behind =
        moment.service != nullptr && what.generation > moment.service->log().machine().state().last_token;
    if (behind && early_count_++ < most_early) early_[what.generation].emplace_back(from, what);
    return;
  }
  // From another disk, or where that counts another life, than was fixed it is no site's.
  const service::DecisionSite* const sender = site_of(found->known, from);
  const Peer& peer = peers_[from];
  const bool is_it = sender != nullptr && sender->disk == peer.disk &&
                     (found->algorithm->stores || sender->life == peer.life);
  if (!COORD_RULE(only_fixed_sites_are_heard, is_it)) return;
  found->depth = std::max(found->depth, what.depth);
  note(moment, *found, false, from, what.message);
  auto actions = found->core->receive(moment.now, from, what.message);
  if (!actions) return out_.push_back(node::Report{fmt::format("agreements: {}", actions.error().text())});
  perform(moment, what.generation, *found, std::move(*actions));
}

void AgreementsPart::item(const node::Moment& moment, NodeId from, const AskDecided& what) {
  CannotTell why;
  const Site* const found = site(moment, what.generation, why);
  if (found == nullptr) return;
  const bool decided = found->decided.has_value();
  offer(moment, from, TellDecided{what.generation, decided, decided ? found->decided->value : std::string()});
}

void AgreementsPart::item(const node::Moment& moment, NodeId from, const TellDecided& what) {
  CannotTell why;
  Site* const found = site(moment, what.generation, why);
  if (found != nullptr && what.decided) decide(moment, what.generation, *found, what.value);
  const auto all = asking_.find(what.generation);
  if (all == asking_.end()) return;
  std::erase_if(all->second, [&](Asking& asking) {
    if (asking.open.erase(from) == 0) return false;
    Decided told;
    told.value = what.value;
    if (what.decided) {
      tell(asking.tool, told);
      return true;
    }
    if (++asking.undecided < asking.majority) return false;
    tell(asking.tool, Undecided{});
    return true;
  });
  if (all->second.empty()) asking_.erase(all);
}

}  // namespace coord::agreements
