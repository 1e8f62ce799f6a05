// SPDX-License-Identifier: MIT
#include "casts/part.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/format.hpp"
#include "base/random.hpp"
#include "base/rule.hpp"
#include "node/node.hpp"
#include "service/ownership.hpp"
#include "wire/codec.hpp"

namespace coord::casts {

using broadcast::Gather;
using broadcast::Gossip;

namespace {

constexpr std::size_t datagram_bytes = 1190;  // with the channel's number within a network's packet
constexpr Duration members_stay_for = std::chrono::milliseconds(250);
constexpr Duration answerers_come_back_in = std::chrono::seconds(2);  // after a restart
constexpr Duration longest_patience = std::chrono::hours(24);
// Tools that wait for their questions' answers, or for another member's word.
constexpr std::size_t most_asking = 256, most_waiting = 4096;
constexpr std::ptrdiff_t most_asking_of_user = 64;
constexpr Duration when_full = std::chrono::milliseconds(200);

Gossip::Config config_of(const node::Setting& setting) {
  Random random(setting.seed ^ 0x6361737473U);
  Gossip::Config config;
  config.self = setting.self;
  config.life = random.next() | 1U;
  config.seed = random.next();
  return config;
}

ByteView view_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::optional<Letter> letter_in(const std::string& body) {
  auto letter = wire::decode<Letter>(view_of(body), {.version = 2});
  return letter ? std::optional(std::move(*letter)) : std::nullopt;
}
std::optional<Came> came_of(const broadcast::Cast& cast) {
  auto letter = letter_in(cast.body);
  return letter ? std::optional(Came{cast.id, std::move(*letter)}) : std::nullopt;
}

// Whether it is a letter to this name: a letter begins with its name.
bool is_to(const broadcast::Cast& cast, const Bytes& begin_of_letter) {
  const ByteView body = view_of(cast.body);
  return body.size() >= begin_of_letter.size() &&
         std::ranges::equal(body.first(begin_of_letter.size()), begin_of_letter);
}
Bytes begin_of_letter_to(const std::string& name) {
  Bytes begin = wire::encode(Letter{name, {}, 0, {}, {}, {}}, 2);
  begin.resize(sizeof(std::uint32_t) + name.size());
  return begin;
}

// A peer that lets anybody cast to `@USER/` is of another release, or not ours: its word is not enough.
bool is_its_users(const Letter& letter) {
  return COORD_RULE(a_cast_that_comes_is_its_users, service::may_use(letter.name, letter.uid, letter.user));
}

}  // namespace

CastsPart::CastsPart(const node::Setting& setting, PresenceOf presence_of)
    : self_(setting.self),
      founders_(setting.founders),
      names_(setting.names),
      started_(setting.now),
      presence_of_(std::move(presence_of)),
      gossip_(config_of(setting)),
      order_({}, [this](const CastId& id) { return gossip_.standing(id); }),
      gather_({.self = setting.self, .life = gossip_.last().life}) {}

// ---- driven

node::PartActions CastsPart::step(const node::Moment& moment, const node::Event& event) {
  note_members(moment);
  std::visit([&](const auto& what) { on(moment, what); }, event);
  return std::exchange(out_, {});
}

node::PartActions CastsPart::settle(const node::Moment&) {
  return {};
}

std::optional<Instant> CastsPart::deadline() const {
  std::optional<Instant> first = gossip_.deadline();
  const auto consider = [&](Instant at) {
    if (!first || at < *first) first = at;
  };
  for (const auto& [id, waiting] : waiting_) consider(waiting.until);
  if (const auto due = order_.deadline()) consider(*due);
  if (const auto due = gather_.deadline()) consider(*due);
  if (const auto due = answerers_.deadline()) consider(*due);
  if (members_noted_ && (!waiting_.empty() || !gather_.waits_for().empty()))
    consider(*members_noted_ + members_stay_for);
  return first;
}

std::vector<node::Count> CastsPart::counts() const {
  return {
      {"casts_made", "Casts of this host's tools.", true, made_},
      {"casts_came", "Casts of other hosts that have come here.", true, came_},
      {"casts_held_up", "Casts and questions of this host that had to wait: too many at once.", true,
       held_up_},
      {"casts_dropped", "Casts that a listener here missed: it did not keep up.", true, listeners_.dropped()},
      {"casts_gaps", "Casts that did not come here within the time for causal order.", true, gaps_},
      {"casts_remembered", "Casts that this peer knows by their ids.", false, gossip_.ids()},
      {"casts_kept_bytes", "Payloads that this peer keeps for others.", false, gossip_.bytes()},
      {"cast_listeners", "Listeners of this host.", false, listeners_.count()},
      {"cast_listeners_bytes", "Casts that listeners here have not taken.", false, listeners_.bytes()},
      {"cast_answerers", "Answerers of this host.", false, answerers_.count()},
      {"questions_asked", "Questions of this host's tools.", true, asked_},
      {"questions_answers", "Answers to these.", true, answered_},
      {"questions_missing", "Hosts that have not answered these.", true, missing_}};
}

// The founders, and who came later and is registered under a name.
std::set<NodeId> CastsPart::others(const node::Moment& moment) const {
  std::set<NodeId> others(founders_.begin(), founders_.end());
  if (moment.service != nullptr) {
    for (const auto& [node, registration] : moment.service->log().machine().state().registrations)
      if (!registration.name.empty()) others.insert(node);
  }
  others.erase(self_);
  return others;
}

// As often as something happens.
void CastsPart::note_members(const node::Moment& moment) {
  if (members_noted_ && moment.now < *members_noted_ + members_stay_for) return;
  members_noted_ = moment.now;
  const std::set<NodeId> all = others(moment);
  Gossip::Members members{{}, {all.begin(), all.end()}};
  gone_.clear();
  for (const NodeId node : all) {
    const Presence presence = presence_of_ ? presence_of_(moment, node) : Presence::here;
    if (presence == Presence::here) members.alive.push_back(node);
    if (presence == Presence::gone) gone_.push_back(node);
  }
  alone_ = all.empty();
  alive_ = members.alive;
  run(moment, members);
  for (const NodeId node : gather_.waits_for())
    if (!std::ranges::binary_search(alive_, node)) run(moment, Gather::Died{node});
}

void CastsPart::on(const node::Moment& moment, const node::FromPeer& event) {
  auto said = wire::decode<ToPeer>(event.bytes, {.version = event.level});
  if (!said) return out_.push_back(node::Unreadable{said.error().what});
  const char* const why = std::visit([](const auto& message) { return broadcast::fault_of(message); }, *said);
  if (why != nullptr) return out_.push_back(node::Unreadable{why});
  if (auto* const gossip = std::get_if<broadcast::GossipMessage>(&*said)) {
    run(moment, Gossip::Receive{event.from, std::move(*gossip)});
  } else {
    run(moment, Gather::Receive{event.from, std::move(std::get<broadcast::GatherMessage>(*said))});
  }
}

void CastsPart::on(const node::Moment& moment, const node::Greeted& event) {
  run(moment, Gossip::Meet{event.from});
}

void CastsPart::on(const node::Moment& moment, const node::ToolGone& event) {
  listeners_.remove(event.connection);
  for (const Gather::Own& own : answerers_.remove(event.connection)) run(moment, own);
  for (auto entry = asking_.begin(); entry != asking_.end();) {
    if (entry->second.tool.connection != event.connection) {
      ++entry;
      continue;
    }
    run(moment, Gather::End{entry->first});
    entry = asking_.erase(entry);
  }
  std::erase_if(waiting_,
                [&](const auto& entry) { return entry.second.tool.connection == event.connection; });
}

void CastsPart::on(const node::Moment& moment, const node::Tick&) {
  run(moment, Gossip::Tick{});
  for (const Gather::Own& own : answerers_.nobody_comes_any_more(moment.now)) run(moment, own);
  run(moment, Gather::Tick{});
  std::erase_if(waiting_, [&](const auto& entry) {
    if (entry.second.until > moment.now && !alive_.empty()) return false;
    tell(entry.second.tool, Taken{entry.first, static_cast<std::uint32_t>(alive_.size()), false});
    return true;
  });
}

// ---- tools

void CastsPart::on(const node::Moment& moment, const node::FromTool& event) {
  auto said = wire::decode<FromTool>(event.bytes, {.version = 2});
  if (!said)
    return tell({event.connection, event.request},
                CannotCast{CannotCast::Why::wrong, "it is no request that this peer knows"});
  std::visit([&](const auto& what) { asked(moment, event, what); }, *said);
}

std::string CastsPart::name_for(const node::Moment& moment, const node::FromTool& event,
                                const std::string& wanted, std::size_t bytes) {
  const Tool tool{event.connection, event.request};
  const auto refuse = [&](CannotCast::Why why, std::string text) {
    tell(tool, CannotCast{why, std::move(text)});
    return std::string();
  };
  const std::string name = service::expand_own(wanted, event.who.uid, event.who.user);
  if (name.empty() || name.size() > 255) return refuse(CannotCast::Why::wrong, "a name has 1 to 255 bytes");
  if (!COORD_RULE(only_its_user_casts_to_a_name, service::may_use(name, event.who.uid, event.who.user)))
    return refuse(CannotCast::Why::not_yours,
                  fmt::format("only {} and root may cast to it", service::owner_in(name)));
  if (!alone_ && moment.level < wire::channels_since)
    return refuse(CannotCast::Why::level, "the group is at level 1");
  if (const auto after = allowance_.spend(moment.now, event.who.user, bytes)) {
    ++held_up_;
    tell(tool, Later{*after});
    return "";
  }
  return name;
}

Bytes CastsPart::letter_of(const node::Moment& moment, const node::FromTool& event, const std::string& name,
                           const std::string& payload) const {
  return wire::encode(
      Letter{name, event.who.user, event.who.uid, host_of(moment, self_), moment.wall, payload}, 2);
}

void CastsPart::asked(const node::Moment& moment, const node::FromTool& event, const Say& what) {
  const std::string name = name_for(moment, event, what.name, what.payload.size());
  if (name.empty()) return;
  if (waiting_.size() >= most_waiting) return tell({event.connection, event.request}, Later{when_full});
  const Bytes body = letter_of(moment, event, name, what.payload);
  while (order_.needs_tie(moment.now)) run(moment, Gossip::Begin{{}, order_.frontier(moment.now)});
  run(moment, Gossip::Begin{{body.begin(), body.end()}, order_.frontier(moment.now)});
  ++made_;
  const CastId id = gossip_.last();
  const Tool tool{event.connection, event.request};
  if (alive_.empty()) return tell(tool, Taken{id, 0, false});
  const Duration patience = std::clamp(what.patience, Duration{}, longest_patience);
  waiting_.emplace(id, Waiting{tool, moment.now + patience, static_cast<std::uint32_t>(alive_.size())});
}

// Whoever listens already, and has lost its peer, is told also what has come since the peer is back.
void CastsPart::asked(const node::Moment& moment, const node::FromTool& event, const Listen& what) {
  const Tool tool{event.connection, event.request};
  const std::string name = service::expand_own(what.name, event.who.uid, event.who.user);
  if (name.empty() || name.size() > 255)
    return tell(tool, CannotCast{CannotCast::Why::wrong, "a name has 1 to 255 bytes"});
  const Instant since = moment.now - std::clamp(what.since, Duration{}, longest_patience);
  const Listeners::Key key{event.connection, event.request};
  if (!listeners_.add(key, name, since, what.causal))
    return tell(tool, CannotCast{CannotCast::Why::full, "too many listen on this host"});
  tell(tool, Listening{});
  if (what.since > Duration{}) tell_again(moment, key, name, since, what.causal);
}

// What has come already, to this name; in causal order without those that still wait in it. One pass over
// what is kept, and what is told is decoded when its turn comes: a listener that comes back
// holds up no heartbeat.
void CastsPart::tell_again(const node::Moment& moment, const Listeners::Key& key, const std::string& name,
                           Instant since, bool causal) {
  const auto kept = gossip_.kept();
  const Bytes begin = begin_of_letter_to(name);
  const bool is_users = !service::owner_in(name).empty();
  std::vector<CastId> casts;
  const auto add = [&](const broadcast::Cast& cast, Instant born) {
    if (born < since || !is_to(cast, begin) || (causal && order_.waits(cast.id))) return;
    const auto letter = is_users ? letter_in(cast.body) : std::nullopt;
    if (!is_users || (letter && is_its_users(*letter))) casts.push_back(cast.id);
  };
  if (causal) {
    for (const std::size_t place : broadcast::places_in_causal_order(kept))
      add(*kept[place].first, kept[place].second);
  } else {
    for (const auto& [cast, born] : kept) add(*cast, born);
  }
  listeners_.tell_again(key, std::move(casts), looked_up_for(moment, key), out_);
}

Listeners::LookUp CastsPart::looked_up_for(const node::Moment& moment, const Listeners::Key& key) const {
  return [this, &moment,
          causal = listeners_.is_causal(key)](const CastId& id) -> std::optional<Listeners::Kept> {
    const auto [cast, born] = gossip_.kept(id);
    if (!cast) return std::nullopt;
    auto came = came_of(*cast);
    if (!came) return std::nullopt;
    Listeners::Kept kept{std::move(*came), {}};
    if (causal) kept.missed = named(moment, order_.missing_before(*cast, born));
    return kept;
  };
}

Listeners::Missed CastsPart::named(const node::Moment& moment,
                                   const std::vector<broadcast::MissingCast>& missing) const {
  Listeners::Missed named;
  for (const broadcast::MissingCast& one : missing)
    named.emplace_back(Missing{one.id, host_of(moment, one.id.origin)}, one.before);
  return named;
}

void CastsPart::hear(const node::Moment& moment, const broadcast::CausalOrder::Next& next) {
  if (listeners_.empty()) return;
  const auto came = came_of(*next.cast);
  if (came && is_its_users(came->letter))
    listeners_.tell(next.born, *came, named(moment, next.missing), true, out_);
}

std::string CastsPart::host_of(const node::Moment& moment, NodeId node) const {
  if (const auto found = names_.find(node); found != names_.end()) return found->second;
  if (moment.service != nullptr) {
    const auto& registrations = moment.service->log().machine().state().registrations;
    if (const auto found = registrations.find(node);
        found != registrations.end() && !found->second.name.empty())
      return found->second.name;
  }
  return std::to_string(node.value);
}

void CastsPart::asked(const node::Moment& moment, const node::FromTool& event, const Took& what) {
  const Listeners::Key key{event.connection, event.request};
  listeners_.took(key, what.count, looked_up_for(moment, key), out_);
}

void CastsPart::asked(const node::Moment& moment, const node::FromTool& event, const Ask& what) {
  const std::string name = name_for(moment, event, what.name, what.query.size());
  if (name.empty()) return;
  const auto of_user =
      std::ranges::count_if(asking_, [&](const auto& entry) { return entry.second.uid == event.who.uid; });
  if (asking_.size() >= most_asking || (event.who.uid != 0 && of_user >= most_asking_of_user))
    return tell({event.connection, event.request}, Later{when_full});
  const Bytes body = letter_of(moment, event, name, what.query);
  std::vector<NodeId> members = alive_;
  members.push_back(self_);
  const CastId id{self_, gather_.last().life, gather_.last().number + 1};
  ++asked_;
  asking_[id] = {{event.connection, event.request}, event.who.uid, gone_};
  run(moment, Gather::Begin{{body.begin(), body.end()}, std::move(members), what.patience});
}

void CastsPart::asked(const node::Moment&, const node::FromTool& event, const Answer& what) {
  const Tool tool{event.connection, event.request};
  const std::string name = service::expand_own(what.name, event.who.uid, event.who.user);
  if (name.empty() || name.size() > 255)
    return tell(tool, CannotCast{CannotCast::Why::wrong, "a name has 1 to 255 bytes"});
  node::PartActions kept;
  if (!answerers_.add({event.connection, event.request}, name, kept))
    return tell(tool, CannotCast{CannotCast::Why::full, "too many answer on this host"});
  tell(tool, Listening{});
  std::ranges::move(kept, std::back_inserter(out_));
}

void CastsPart::asked(const node::Moment& moment, const node::FromTool& event, const Reply& what) {
  if (const auto own = answerers_.reply({event.connection, event.request}, what)) run(moment, *own);
}

void CastsPart::tell(const Tool& tool, const ToTool& what) {
  out_.push_back(node::ToTool{tool.connection, tool.request, wire::encode(what, 2)});
}

// ---- what the protocol answers

void CastsPart::run(const node::Moment& moment, const Gossip::Event& event) {
  for (Gossip::Action& action : gossip_.step(moment.now, event))
    std::visit([&](auto& what) { perform(moment, std::move(what)); }, action);
  for (const auto& next : order_.next(moment.now)) hear(moment, next);
  gaps_ += order_.take_gaps();
}

void CastsPart::run(const node::Moment& moment, const Gather::Event& event) {
  for (Gather::Action& action : gather_.step(moment.now, event))
    std::visit([&](auto& what) { perform(moment, std::move(what)); }, action);
}

void CastsPart::perform(const node::Moment& moment, Gather::Pass&& action) {
  Bytes bytes = wire::encode(ToPeer(std::move(action.message)), moment.level);
  const node::Way way = bytes.size() > datagram_bytes ? node::Way::stream
                        : action.surely               ? node::Way::both
                                                      : node::Way::datagram;
  out_.push_back(node::Send{action.to, way, std::move(bytes)});
}

void CastsPart::perform(const node::Moment& moment, const Gather::Asked& action) {
  auto letter = letter_in(action.question);
  if (!letter || !is_its_users(*letter)) return run(moment, Gather::Own{action.id, {}, true});
  const Question question{action.id, std::move(*letter), action.until};
  // Not for so long that the answers which are there would be too late. Whoever asks at a host that is alone
  // asks at this peer, and knows when it was started.
  const Instant in_time = moment.now + (action.until - moment.now) / 2;
  const Instant soon = std::min(started_ + answerers_come_back_in, in_time);
  Answerers::ComeBackBy by{soon, action.again ? in_time : soon, action.again};
  if (alone_) by = {moment.now, moment.now, false};
  if (const auto own = answerers_.ask(moment.now, question, by, out_)) run(moment, *own);
}

void CastsPart::perform(const node::Moment& moment, const Gather::Gathered& action) {
  const auto found = asking_.find(action.id);
  if (found == asking_.end()) return;
  Gathered gathered;
  for (const broadcast::Share& share : action.shares)
    if (auto answer = wire::decode<AnswerText>(view_of(share.answer), {.version = 2}))
      gathered.answers.push_back({host_of(moment, share.node), std::move(*answer)});
  answered_ += gathered.answers.size();
  for (const NodeId node : action.missing) gathered.missing.push_back(host_of(moment, node));
  for (const NodeId node : found->second.gone)
    if (COORD_RULE_OR(who_is_held_dead_is_missing, true, false))
      gathered.missing.push_back(host_of(moment, node));
  missing_ += gathered.missing.size();
  tell(found->second.tool, gathered);
  asking_.erase(found);
}

void CastsPart::perform(const node::Moment& moment, Gossip::Send&& action) {
  const bool by_stream = broadcast::goes_by_stream(action.message);
  Bytes bytes = wire::encode(ToPeer(std::move(action.message)), moment.level);
  const node::Way way = by_stream || bytes.size() > datagram_bytes ? node::Way::stream : node::Way::datagram;
  out_.push_back(node::Send{action.to, way, std::move(bytes)});
}

void CastsPart::perform(const node::Moment& moment, const Gossip::Arrived& action) {
  const Instant born = moment.now - action.age;
  if (action.cast->id.origin != self_) ++came_;
  order_.enter(moment.now, action.cast, born);
  if (listeners_.empty()) return;
  const auto came = came_of(*action.cast);
  if (came && is_its_users(came->letter)) listeners_.tell(born, *came, {}, false, out_);
}

void CastsPart::perform(const node::Moment&, const Gossip::Confirmed& action) {
  const auto found = waiting_.find(action.id);
  if (found == waiting_.end()) return;
  tell(found->second.tool, Taken{action.id, found->second.members, true});
  waiting_.erase(found);
}

}  // namespace coord::casts
