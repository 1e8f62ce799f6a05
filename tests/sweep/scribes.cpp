// SPDX-License-Identifier: MIT
#include "sweep/scribes.hpp"

namespace coord::sweep {

namespace {

using std::chrono::milliseconds;

}  // namespace

void Scribes::begin() {
  for (std::uint64_t host = 1; host <= world_.nodes(); ++host) {
    Script& script = scripts_[host];
    script.host = NodeId{host};
    script.key = "key-" + std::to_string(random_.below(2));
    later(host);
  }
  proposers_.begin();
}

void Scribes::later(std::uint64_t script) {
  world_.at(world_.now() + random_.between(milliseconds(5), milliseconds(150)),
            [this, script] { act(script); });
}

void Scribes::say(NodeId host, replica::ConnectionId connection, local::Request request) {
  world_.input(
      host, replica::FromTool{
                connection, {1000, "user", {connection.value, 1}, local::newest_spoken}, std::move(request)});
}

void Scribes::connect(std::uint64_t number) {
  Script& script = scripts_.at(number);
  script.connection = replica::ConnectionId{++last_connection_};
  script.watch = replica::ConnectionId{++last_connection_};
  script.is_shown = false;
  for (const auto connection : {script.connection, script.watch})
    say(script.host, connection, local::Hello{local::protocol_version, "dkv", local::newest_spoken});
  say(script.host, script.watch, local::Question{1, service::GetValue{script.key}, false, true});
}

// A change, a question, or a key that is there as long as a session that nobody takes up.
void Scribes::act(std::uint64_t number) {
  Script& script = scripts_.at(number);
  if (world_.violation()) return;
  if (world_.node(script.host) == nullptr || world_.state(script.host) != sim::NodeState::running)
    return later(number);
  if (script.connection == replica::ConnectionId{}) connect(number);
  if (script.asking || world_.now() >= quiet_from_) return later(number);
  script.asking = true;
  ++script.request;
  script.known = told_[script.key];
  const std::uint64_t choice = random_.below(10);
  if (choice < 4) {
    script.wanted.reset();
    if (random_.chance(0.7)) script.wanted = script.seen;
    say(script.host, script.connection,
        local::Order{script.request, service::PutValue{script.key, "v", script.wanted, 0, {}}});
  } else if (choice < 5) {
    script.wanted = script.seen;
    say(script.host, script.connection,
        local::Order{script.request, service::RemoveValue{script.key, script.wanted, 0, {}}});
  } else {
    if (choice < 6) live(script);
    say(script.host, script.connection,
        local::Question{script.request, service::GetValue{script.key}, false, false});
  }
}

void Scribes::live(Script& script) {
  if (script.session != replica::ConnectionId{}) {
    world_.input(script.host, replica::ToolGone{script.session});
    world_.input(script.host, replica::HoldersGone{script.session});
  }
  script.session = replica::ConnectionId{++last_connection_};
  say(script.host, script.session, local::Hello{local::protocol_version, "dkv", local::newest_spoken});
  local::Acquire request;
  request.request = 1;
  request.wait = false;
  request.ttl = std::chrono::seconds(1);
  request.put = service::SessionValue{"live-" + std::to_string(script.host.value), "up", {}};
  say(script.host, script.session, request);
}

void Scribes::told(NodeId node, const replica::ToTool& answer) {
  if (proposers_.has(answer.connection)) return proposers_.told(node, answer);
  Script& script = scripts_.at(node.value);
  if (answer.connection == script.watch) {
    if (const auto* shown = std::get_if<local::Shown>(&answer.answer)) {
      script.shown = std::get<service::ValueView>(shown->what).of.version;
      script.is_shown = true;
    } else if (std::holds_alternative<local::Refused>(answer.answer) && !script.is_shown) {
      world_.at(world_.now() + milliseconds(100), [this, node, connection = script.watch] {
        const Script& again = scripts_.at(node.value);
        if (again.watch == connection && world_.node(node) != nullptr)
          say(node, connection, local::Question{1, service::GetValue{again.key}, false, true});
      });
    }
  }
  if (answer.connection == script.connection) hear(script, answer.answer);
}

void Scribes::hear(Script& script, const local::Answer& answer) {
  if (const auto* ordered = std::get_if<local::Ordered>(&answer)) {
    if (ordered->done) {
      check_change(script, ordered->token);
      ++changes_;
    }
  } else if (const auto* shown = std::get_if<local::Shown>(&answer)) {
    script.seen = std::get<service::ValueView>(shown->what).of.version;
    if (script.seen != Token{} && script.seen < script.known)
      fail(script.host, "a read shows an older version than was told before");
    told_[script.key] = std::max(told_[script.key], script.seen);
  } else if (!std::holds_alternative<local::Refused>(answer)) {
    return;
  }
  script.asking = false;
  later(script.host.value);
}

// It was made from the version that the script had named.
void Scribes::check_change(const Script& script, Token version) {
  const auto& versions = before_[script.key];
  const auto found = versions.find(version);
  if (script.wanted && found != versions.end() && found->second != *script.wanted &&
      version != *script.wanted)
    fail(script.host, "a change from version " + std::to_string(script.wanted->value) +
                          " has taken effect on version " + std::to_string(found->second.value));
}

// The machine may have applied more by now: what a change has made of its key is taken from its effects.
void Scribes::applied(NodeId node, const replica::Applied& applied) {
  const service::StateMachine& machine = world_.node(node)->log().machine();
  const std::string* key = nullptr;
  for (const service::Effect& effect : applied.effects) {
    if (const auto* end = std::get_if<service::Closed>(&effect)) {
      for (const auto& [name, value] : machine.state().values) {
        if (value.session == end->session) fail(node, "the key " + name + " outlives its session");
      }
    }
    if (applied.index <= top_) continue;
    if (const auto* changed = std::get_if<service::ValueChanged>(&effect)) key = &changed->key;
    const auto* answer = std::get_if<service::ValueAnswered>(&effect);
    if (answer == nullptr || answer->why != service::Refusal::none || key == nullptr) continue;
    Token& last = last_[*key];
    if (answer->version > last) {
      before_[*key][answer->version] = std::exchange(last, answer->version);
    } else {
      last = {};  // a removal names the version that the key had
    }
  }
  top_ = std::max(top_, applied.index);
  proposers_.applied(node);
}

std::size_t Scribes::connections(NodeId host) const {
  const auto found = scripts_.find(host.value);
  if (found == scripts_.end()) return 0;
  const Script& script = found->second;
  std::size_t count = proposers_.connections(host);
  for (const auto connection : {script.connection, script.watch, script.session})
    count += connection != replica::ConnectionId{};
  return count;
}

void Scribes::process_died(NodeId node) {
  proposers_.process_died(node);
  const auto found = scripts_.find(node.value);
  if (found == scripts_.end()) return;
  Script& script = found->second;
  script.connection = script.watch = script.session = {};
  if (std::exchange(script.asking, false)) later(node.value);
}

std::optional<std::string> Scribes::unfinished() const {
  for (const auto& [number, script] : scripts_) {
    if (world_.node(script.host) == nullptr || !script.is_shown) continue;
    const auto& values = world_.node(script.host)->log().machine().state().values;
    const auto value = values.find(script.key);
    const Token version = value == values.end() ? Token{} : value->second.version;
    if (version != script.shown)
      return "a watch on host " + std::to_string(number) + " was not shown the last change of " + script.key;
  }
  return std::nullopt;
}

}  // namespace coord::sweep
