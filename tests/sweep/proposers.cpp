// SPDX-License-Identifier: MIT
#include "sweep/proposers.hpp"

namespace coord::sweep {

namespace {

using std::chrono::milliseconds;
constexpr const char* decision = "plan";

}  // namespace

void Proposers::begin() {
  for (std::uint64_t host = 1; host <= world_.nodes(); ++host) {
    scripts_[host].host = NodeId{host};
    later(host);
  }
}

void Proposers::later(std::uint64_t script) {
  world_.at(world_.now() + random_.between(milliseconds(5), milliseconds(200)),
            [this, script] { act(script); });
}

void Proposers::say(Script& script, Stage stage, local::Request request) {
  script.stage = stage;
  world_.input(script.host,
               replica::FromTool{script.connection,
                                 {1000, "user", {script.connection.value, 1}, local::newest_spoken},
                                 std::move(request)});
}

void Proposers::act(std::uint64_t number) {
  Script& script = scripts_.at(number);
  if (world_.violation()) return;
  const bool there =
      world_.node(script.host) != nullptr && world_.state(script.host) == sim::NodeState::running;
  const bool may_begin = script.stage == Stage::saw_nothing || world_.now() < quiet_from_;
  if (!there || !may_begin) return later(number);
  if (script.connection == replica::ConnectionId{}) {
    script.connection = replica::ConnectionId{++last_connection_};
    say(script, script.stage, local::Hello{local::protocol_version, "dpropose", local::newest_spoken});
  }
  if (script.stage == Stage::saw_nothing) {
    const std::uint64_t proposal = ++proposals_;
    seen_of_[proposal] = script.seen;
    say(script, Stage::proposes,
        local::Order{2,
                     service::ProposeValue{
                         decision, "value " + std::to_string(proposal), script.seen, proposal, "", 0, {}}});
  } else if (random_.chance(0.2)) {
    say(script, Stage::forgets, local::Order{3, service::ForgetDecision{decision, 0, {}}});
  } else {
    say(script, Stage::looks, local::Question{1, service::GetDecision{decision}, false, false});
  }
}

void Proposers::told(NodeId node, const replica::ToTool& answer) {
  Script& script = scripts_.at(node.value);
  if (answer.connection != script.connection) return;
  const auto* ordered = std::get_if<local::Ordered>(&answer.answer);
  if (const auto* shown = std::get_if<local::Shown>(&answer.answer)) {
    hear(script, std::get<service::DecisionView>(shown->what));
  } else if (ordered != nullptr && ordered->done && script.stage == Stage::proposes) {
    script.generation = ordered->token;
    return say(script, Stage::asks, local::Question{4, service::GetDecision{decision}, true, false});
  } else if (ordered != nullptr || std::holds_alternative<local::Refused>(answer.answer)) {
    script.stage = Stage::idle;
  } else {
    return;
  }
  later(node.value);
}

void Proposers::hear(Script& script, const service::DecisionView& view) {
  const bool is_decided = view.of.generation != Token{};
  if (is_decided) check(script.host, view.of.name, view.of.generation, view.value);
  const bool may_propose = script.stage == Stage::looks && !is_decided;
  script.stage = may_propose ? Stage::saw_nothing : Stage::idle;
  script.seen = view.now;
}

void Proposers::check(NodeId node, const std::string& name, Token generation, const std::string& value) {
  const auto [known, is_new] = decided_.emplace(std::pair(name, generation), value);
  if (is_new || known->second == value) return;
  world_.fail("decisions", name + " of one generation was decided to be " + known->second + ", and " + value,
              node);
}

void Proposers::applied(NodeId node) {
  const service::State& state = world_.node(node)->log().machine().state();
  for (const auto& [name, is] : state.decisions) {
    check(node, name, is.generation, is.value);
    const auto when = state.forgotten.find(name);
    const auto seen = seen_of_.find(is.proposal);
    if (when != state.forgotten.end() && seen != seen_of_.end() && seen->second < when->second)
      world_.fail("decisions",
                  is.value + " was proposed before " + name + " was forgotten, and decided after", node);
  }
}

void Proposers::process_died(NodeId node) {
  const auto found = scripts_.find(node.value);
  if (found == scripts_.end()) return;
  Script& script = found->second;
  script.connection = {};
  // What it saw it has seen: it proposes to the next life of its peer.
  const bool waits = script.stage == Stage::idle || script.stage == Stage::saw_nothing;
  if (waits) return;
  script.stage = script.stage == Stage::proposes ? Stage::saw_nothing : Stage::idle;
  later(node.value);
}

std::size_t Proposers::connections(NodeId host) const {
  const auto found = scripts_.find(host.value);
  return found != scripts_.end() && found->second.connection != replica::ConnectionId{} ? 1 : 0;
}

}  // namespace coord::sweep
