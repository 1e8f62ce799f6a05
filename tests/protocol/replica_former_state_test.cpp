// SPDX-License-Identifier: MIT
// A group that is founded anew with what one log holds (coordd --found-from).
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "replica/former_state.hpp"
#include "replica/replica.hpp"
#include "wire/codec.hpp"
#include "wire/state_sections.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;
constexpr WallTime then{1'700'000'000 * second_ns}, now{1'700'000'100 * second_ns};

raft::Entry entry(std::uint64_t index, const service::Body& body) {
  service::Command command;
  command.wall = then;
  command.body = body;
  return {Term{3}, LogIndex{index}, raft::EntryKind::command, wire::encode(command)};
}

raft::Recovered former_log() {
  raft::Recovered log;
  log.hard_state.term = Term{3};
  for (const NodeId peer : {NodeId{1}, NodeId{2}, NodeId{3}}) log.hard_state.founders[peer] = {};
  log.entries.push_back({Term{3}, LogIndex{1}, raft::EntryKind::noop, {}});
  log.entries.push_back(entry(2, service::Register{NodeId{1}, 77, {}}));
  return log;
}

service::State state_in(const raft::Snapshot& snapshot) {
  return wire::decode_state(snapshot.data, snapshot.level).value();
}

bool begins_above_old_tokens() {
  const auto former = state_of_log(former_log());
  REQUIRE(former.ok());
  const auto anew = found_anew(*former, now);
  REQUIRE(anew.ok());
  // What the former group could have given until now: one a microsecond.
  const std::uint64_t possible = state_in(*former).token_base.value + 100 * 1'000'000;
  return state_in(anew->state).last_token.value >= possible && anew->above.value >= possible;
}

// One with a beginning, and two that have none: whether it founds with them.
bool founds_with_nothing() {
  raft::Config config;
  config.self = NodeId{1};
  config.peers = {NodeId{1}, NodeId{2}, NodeId{3}};
  raft::Recovered recovered;
  recovered.hard_state.term = Term{3};
  recovered.snapshot = raft::Snapshot{LogIndex{2}, Term{3}, Bytes{1}};
  raft::Raft raft(config, recovered, Random(1), Instant{1h});
  std::uint64_t nonce = 0;
  for (const raft::Action& action : raft.step(Instant{1h}, raft::Tick{})) {
    const auto* send = std::get_if<raft::Send>(&action);
    if (send == nullptr) continue;
    if (const auto* query = std::get_if<raft::StateQuery>(&send->message)) nonce = query->nonce;
  }
  bool founds = false;
  for (const NodeId other : {NodeId{2}, NodeId{3}}) {
    raft::StateAnswer nothing;
    nothing.nonce = nonce;
    nothing.empty = true;
    for (const raft::Action& action : raft.step(Instant{1h}, raft::Receive{other, nothing}))
      founds = founds || std::holds_alternative<raft::Persist>(action);
  }
  return founds;
}

bool without(const char* rule, bool (*wrong)()) {
  mutants::removed = rule;
  const bool is_wrong = wrong();
  mutants::removed.clear();
  return is_wrong;
}

}  // namespace

TEST_CASE("the state of a log is that of its snapshot and all entries after it", "[replica]") {
  raft::Recovered log = former_log();
  const auto all = state_of_log(log);
  REQUIRE(all.ok());
  CHECK(all->index == LogIndex{2});
  CHECK(all->term == Term{3});
  CHECK(state_in(*all).registrations.at(NodeId{1}).nonce == 77);
  log.snapshot = *all;
  log.entries = {entry(3, service::Register{NodeId{2}, 78, {}})};
  const auto more = state_of_log(log);
  REQUIRE(more.ok());
  CHECK(more->index == LogIndex{3});
  CHECK(state_in(*more).registrations.size() == 2);
  log.entries.back().data = Bytes{0xff};
  CHECK_FALSE(state_of_log(log).ok());
  CHECK_FALSE(state_of_log({}).ok());
}

TEST_CASE("a group that is founded anew begins above all tokens of the former one", "[replica]") {
  CHECK(begins_above_old_tokens());
  CHECK_FALSE(without("founded_above_all_tokens", begins_above_old_tokens));
  const auto former = state_of_log(former_log());
  const auto anew = found_anew(*former, now);
  REQUIRE(anew.ok());
  CHECK(anew->state.index == former->index);
  // The rest is as it was.
  auto state = state_in(anew->state);
  state.last_token = state_in(*former).last_token;
  CHECK(state == state_in(*former));
  // Also in the second of its first command.
  CHECK(found_anew(*former, then).ok());
  // Once more, at a clock that is behind.
  CHECK_FALSE(found_anew(anew->state, then).ok());
}

TEST_CASE(
    "a disk that was lost in the former group, and a host that came to it later, bind no founder of the new "
    "one",
    "[replica]") {
  const NodeId drawn{77}, joined{88};
  service::Register anew{drawn, 78, {}, 2, "c", "10.0.0.3:7411"};
  anew.retires = NodeId{3};
  auto machine = service::StateMachine::at_level(2);
  service::Command command;
  command.wall = then;
  command.body = anew;
  (void)machine.apply(LogIndex{2}, command);
  command.body = service::Register{joined, 79, {}, 2, "d", "10.0.0.4:7411"};
  (void)machine.apply(LogIndex{3}, command);
  REQUIRE(machine.state().retired.contains(NodeId{3}));
  const auto founded = found_anew({LogIndex{3}, Term{3}, wire::encode_state(machine.state()), 2}, now);
  REQUIRE(founded.ok());
  auto restored = machine_from(founded->state);
  REQUIRE(restored.ok());
  CHECK(restored->state().retired.empty());
  for (const auto& [node, name] : {std::pair{NodeId{3}, "c"}, {NodeId{4}, "d"}}) {
    command.body = service::Register{node, 80, {}, 2, name, "10.0.0.9:7411"};
    (void)restored->apply(LogIndex{4 + node.value}, command);
    CHECK(restored->state().registrations.at(node).name == name);
  }
}

TEST_CASE("who has a beginning founds with nobody who has none", "[replica]") {
  CHECK_FALSE(founds_with_nothing());
  CHECK(without("founders_begin_alike", founds_with_nothing));
}
