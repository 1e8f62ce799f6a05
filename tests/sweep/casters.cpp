// SPDX-License-Identifier: MIT
#include "sweep/casters.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "casts/part.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"

namespace coord::sweep {

namespace {

using std::chrono::milliseconds;
constexpr const char* topic = "news";
// Clocks that run too fast or too slow differ by so much about when something was cast.
constexpr Duration clocks_differ = std::chrono::seconds(1);
// An answerer that began so long ago is known to its peer.
constexpr Duration settled = std::chrono::seconds(1);
constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::casts);

}  // namespace

node::Parts make_casts(const node::Setting& setting) {
  node::Parts parts;
  parts.push_back(std::make_unique<casts::CastsPart>(setting));
  return parts;
}

void Casters::begin() {
  for (std::uint64_t host = 1; host <= world_.nodes(); ++host) {
    hosts_[host].node = NodeId{host};
    hosts_[host].causal.causal = true;
    later(host);
  }
}

void Casters::later(std::uint64_t host) {
  world_.at(world_.now() + random_.between(milliseconds(5), milliseconds(200)), [this, host] { act(host); });
}

bool Casters::is_up(NodeId node) const {
  return world_.node(node) != nullptr && world_.state(node) == sim::NodeState::running;
}

replica::ConnectionId Casters::opened(NodeId host) {
  const replica::ConnectionId connection{++last_connection_};
  world_.input(host, replica::FromTool{connection,
                                       {1000, "user", {connection.value, 1}, local::newest_spoken},
                                       local::Hello{local::protocol_version, "dcast", local::newest_spoken}});
  return connection;
}

void Casters::say(NodeId host, replica::ConnectionId connection, const casts::FromTool& what) {
  world_.input(host, replica::FromTool{connection,
                                       {1000, "user", {connection.value, 1}, local::newest_spoken},
                                       local::ToPart{1, channel, wire::encode(what, 2)}});
}

void Casters::listen(Host& host, Listener& listener) {
  listener.connection = opened(host.node);
  listener.of_connection.clear();
  const Duration since = listener.began ? world_.now() - *listener.began : Duration{};
  if (!listener.began) listener.began = world_.now();
  say(host.node, listener.connection, casts::Listen{topic, since, listener.causal});
}

void Casters::connect(Host& host) {
  host.caster = opened(host.node);
  host.answerer = opened(host.node);
  host.answers_since = world_.now();
  say(host.node, host.answerer, casts::Answer{topic});
  listen(host, host.plain);
  listen(host, host.causal);
}

void Casters::act(std::uint64_t number) {
  Host& host = hosts_.at(number);
  if (world_.violation()) return;
  later(number);
  if (!is_up(host.node)) return;
  if (host.caster == replica::ConnectionId{}) connect(host);
  if (world_.now() >= quiet_from_) return;
  if (random_.chance(0.1)) {
    ask(host, milliseconds(100 + random_.below(1000)));
  } else if (random_.chance(0.6)) {
    for (std::uint64_t many = random_.chance(0.05) ? 30 : 1; many > 0; --many) cast(host);
  }
}

void Casters::cast(Host& host) {
  const std::string payload =
      std::to_string(++last_payload_) + (random_.chance(0.05) ? std::string(5000, '.') : "");
  made_[payload] = {host.plain.of_connection, world_.now()};
  say(host.node, host.caster, casts::Say{topic, payload, milliseconds(500)});
}

void Casters::ask(Host& host, Duration patience) {
  const replica::ConnectionId connection = opened(host.node);
  asked_[connection] = world_.now();
  say(host.node, connection, casts::Ask{topic, "?", patience});
  world_.at(world_.now() + patience + std::chrono::seconds(2), [this, node = host.node, connection] {
    if (world_.node(node) != nullptr) world_.input(node, replica::ToolGone{connection});
  });
}

void Casters::told(NodeId node, const replica::ToTool& answer) {
  Host& host = hosts_.at(node.value);
  const auto* said = std::get_if<local::FromPart>(&answer.answer);
  if (said == nullptr) return;
  const auto what = wire::decode<casts::ToTool>(said->bytes, {.version = 2});
  if (!what) return fail(node, "its peer says what cannot be read");
  for (Listener* const listener : {&host.plain, &host.causal})
    if (listener->connection == answer.connection) hear(host, *listener, *what);
  if (const auto* question = std::get_if<casts::Question>(&*what))
    say(node, host.answerer, casts::Reply{question->id, {"host", 0, std::to_string(node.value)}});
  if (const auto* gathered = std::get_if<casts::Gathered>(&*what))
    check_answers(host, asked_.at(answer.connection), *gathered);
}

void Casters::hear(Host& host, Listener& listener, const casts::ToTool& what) {
  if (std::holds_alternative<casts::Listening>(what)) return;
  say(host.node, listener.connection, casts::Took{1});
  if (const auto* gap = std::get_if<casts::Gap>(&what)) {
    for (const casts::Missing& one : gap->missing) listener.missed.insert(one.id);
  } else if (std::holds_alternative<casts::Lost>(what)) {
    fail(host.node, "a listener that takes all it is told has lost some");
  }
  const auto* came = std::get_if<casts::Came>(&what);
  if (came == nullptr) return;
  const std::string& payload = came->letter.payload;
  if (!made_.contains(payload)) return fail(host.node, "a listener hears what nobody has cast");
  const auto known = payload_of_.emplace(came->id, payload).first;
  if (known->second != payload) return fail(host.node, "two casts have one id");
  if (!listener.of_connection.insert(came->id).second)
    return fail(host.node, "a listener hears a cast twice");
  if (!listener.heard.insert(came->id).second) return;
  ++heard_;
  if (listener.causal) check_order(host, listener, came->id);
}

// Whether `one`, or a cast that its host had heard, is of the same life as `before` and not made before it:
// who does not have it cannot know that `before` is missing.
bool Casters::follows(const casts::CastId& one, const casts::CastId& before) const {
  const auto is_behind = [&](const casts::CastId& other) {
    return other.origin == before.origin && other.life == before.life && other.number >= before.number;
  };
  const auto payload = payload_of_.find(one);
  return is_behind(one) || payload == payload_of_.end() ||
         std::ranges::any_of(made_.at(payload->second).after, is_behind);
}

// Nobody knows what one that is missing had followed. What was cast at about the time when the listener began
// is perhaps from before.
void Casters::check_order(const Host& host, const Listener& listener, const casts::CastId& id) {
  for (const casts::CastId& before : made_.at(payload_of_.at(id)).after) {
    if (listener.heard.contains(before) || listener.missed.contains(before)) continue;
    if (std::ranges::any_of(listener.missed, [&](const casts::CastId& one) { return follows(one, before); }))
      continue;
    if (made_.at(payload_of_.at(before)).at < *listener.began + clocks_differ) continue;
    const auto number_of = [this](const casts::CastId& one) {
      return std::to_string(std::stoull(payload_of_.at(one)));
    };
    return fail(host.node, "in causal order " + number_of(id) + " is heard before " + number_of(before) +
                               ", which its host had heard");
  }
}

// A host whose answerer is there all the time is not silently missing.
void Casters::check_answers(const Host& host, Instant asked, const casts::Gathered& gathered) {
  std::set<std::string> members(gathered.missing.begin(), gathered.missing.end());
  if (members.size() != gathered.missing.size()) return fail(host.node, "a member is missing twice");
  for (const casts::Answered& one : gathered.answers)
    if (!members.insert(one.member).second) return fail(host.node, one.member + " is counted twice");
  for (const auto& [number, other] : hosts_)
    if (other.answerer != replica::ConnectionId{} && other.answers_since + settled <= asked &&
        !members.contains(std::to_string(number)))
      return fail(host.node, std::to_string(number) + " has not answered, and is not named");
  if (world_.now() < quiet_from_ || !all_asked_.contains(host.node)) return;
  if (gathered.missing.empty() && gathered.answers.size() == world_.nodes()) all_answered_.insert(host.node);
}

void Casters::process_died(NodeId node) {
  const auto found = hosts_.find(node.value);
  if (found == hosts_.end()) return;
  Host& host = found->second;
  host.caster = host.answerer = host.plain.connection = host.causal.connection = {};
}

void Casters::ask_everybody() {
  for (auto& [number, host] : hosts_) {
    if (!is_up(host.node) || host.caster == replica::ConnectionId{}) continue;
    all_asked_.insert(host.node);
    ask(host, std::chrono::seconds(2));
  }
}

std::optional<std::string> Casters::unfinished() const {
  for (const NodeId node : all_asked_)
    if (!all_answered_.contains(node))
      return "not all have answered a question of host " + std::to_string(node.value);
  for (const auto& [number, host] : hosts_) {
    const Peer* const peer = world_.node(host.node);
    if (peer == nullptr) continue;
    const auto& part = dynamic_cast<const casts::CastsPart&>(*peer->node.part(node::Channel::casts));
    for (const auto& [kept, born] : part.gossip().kept()) {
      const auto payload = payload_of_.find(kept->id);
      if (payload == payload_of_.end()) continue;  // a tie, or one that no listener was there for
      for (const auto& [other, listening] : hosts_)
        for (const Listener* const listener : {&listening.plain, &listening.causal})
          if (listener->began && made_.at(payload->second).at > *listener->began + clocks_differ &&
              !listener->heard.contains(kept->id))
            return "host " + std::to_string(number) + " has cast " +
                   std::to_string(std::stoull(payload->second)) + ", and a listener of host " +
                   std::to_string(other) + " has not heard it";
    }
  }
  return std::nullopt;
}

std::size_t Casters::connections(NodeId host) const {
  const auto found = hosts_.find(host.value);
  if (found == hosts_.end() || found->second.caster == replica::ConnectionId{}) return 0;
  return 4 + 1;  // and a question's
}

}  // namespace coord::sweep
