// SPDX-License-Identifier: MIT
// The exchange as drawn, Paxos, Multi-Paxos and Ben-Or: the runs that their papers tell.
#include "classical_play.hpp"
#include "protocol/consensus/ben_or.hpp"
#include "protocol/consensus/exchange.hpp"
#include "protocol/consensus/multi_paxos.hpp"
#include "protocol/consensus/paxos.hpp"

using namespace coord;
using namespace std::chrono_literals;
using consensus::Ballot;
using consensus::Decided;
using consensus::Paxos;
using consensus::PromiseExchange;
using consensus::Propose;

namespace {

const NodeId one{1}, two{2}, three{3};

template <class Wanted, class Actions>
std::vector<Wanted> only(const Actions& actions) {
  std::vector<Wanted> all;
  for (const auto& action : actions) {
    if (const auto* wanted = std::get_if<Wanted>(&action)) all.push_back(*wanted);
  }
  return all;
}

catalogue::Setup four_nodes() {
  auto setup = play::quiet(4);
  play::both_ways(setup, 1, 2, 15ms);
  play::both_ways(setup, 1, 3, 32ms);
  play::both_ways(setup, 1, 4, 28ms);
  setup.asks = {{Instant{}, one, {}}};
  return setup;
}

Paxos node(NodeId self, std::size_t nodes = 3, Paxos::Durable durable = {}) {
  return Paxos({Group::numbered(self, nodes), 1, {}, {}}, std::move(durable));
}
Paxos::Actions hear(Paxos& who, NodeId from, Paxos::Message message) {
  return who.step(Instant{}, Paxos::Receive{from, std::move(message)});
}

// Carries all messages at once, and what they cause, but those to or from the nodes that are cut off.
template <class Core>
void carry(std::map<NodeId, Core>& nodes, NodeId from, const typename Core::Actions& actions,
           const std::set<NodeId>& cut_off = {}) {
  for (const auto& send : only<typename Core::Send>(actions)) {
    if (cut_off.contains(from) != cut_off.contains(send.to)) continue;
    carry(nodes, send.to, nodes.at(send.to).step(Instant{}, typename Core::Receive{from, send.message}),
          cut_off);
  }
}

}  // namespace

TEST_CASE("the exchange among four: 12 messages, the second reply decides at 56 ms, complete at 120 ms") {
  const auto played = play::run("promise-exchange", four_nodes());
  CHECK(played.report.all_messages == 12);
  CHECK(played.report.delays.front() == 56ms);  // node 4's promise, not the slowest
  CHECK(played.trace ==
        "[   15] 1 > 2 propose v0 in 1\n"
        "[   28] 1 > 4 propose v0 in 1\n"
        "[   30] 2 > 1 promise 1\n"
        "[   32] 1 > 3 propose v0 in 1\n"
        "[   56] 4 > 1 promise 1\n"
        "[   64] 3 > 1 promise 1\n"
        "[   71] 1 > 2 commit v0 in 1\n"
        "[   84] 1 > 4 commit v0 in 1\n"
        "[   86] 2 > 1 acknowledge 1\n"
        "[   88] 1 > 3 commit v0 in 1\n"
        "[  112] 4 > 1 acknowledge 1\n"
        "[  120] 3 > 1 acknowledge 1\n");
}

TEST_CASE("the exchange is no consensus: a second proposer overrules what was committed, Paxos keeps it") {
  std::map<NodeId, PromiseExchange> drawn;
  std::map<NodeId, Paxos> paxos;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    drawn.emplace(NodeId{i}, PromiseExchange({Group::numbered(NodeId{i}, 3)}));
    paxos.emplace(NodeId{i}, node(NodeId{i}));
  }
  // 1 and 2 decide while 3 is cut off; then 1 is cut off and 3 proposes something else, in a higher term.
  carry(drawn, one, drawn.at(one).step(Instant{}, Propose{"up"}), {three});
  CHECK(drawn.at(one).decided() == "up");
  carry(drawn, three, drawn.at(three).step(Instant{}, Propose{"down"}), {one});  // term 1: node 2 has seen it
  CHECK_FALSE(drawn.at(three).decided());
  carry(drawn, three, drawn.at(three).step(Instant{}, Propose{"down"}), {one});
  CHECK(drawn.at(three).decided() == "down");
  CHECK(drawn.at(one).decided() == "up");  // two decisions

  for (const auto& send : only<Paxos::Send>(paxos.at(one).step(Instant{}, Propose{"up"}))) {
    if (send.to == two) carry(paxos, two, hear(paxos.at(two), one, send.message), {three});
  }
  CHECK(paxos.at(one).chosen() == "up");
  carry(paxos, three, paxos.at(three).step(Instant{}, Propose{"down"}), {one});
  CHECK(paxos.at(three).chosen() == "up");
}

TEST_CASE("Paxos among four on the same links: one round trip more, and right with any number of proposers") {
  const auto played = play::run("paxos", four_nodes());
  CHECK(played.report.all_messages == 15);
  CHECK(played.report.delays.front() == 112ms);
}

TEST_CASE("Paxos Made Simple 2.2: the value of the highest ballot among the promises, not one's own") {
  auto proposer = node(one, 5);
  static_cast<void>(proposer.step(Instant{}, Propose{"own"}));
  const Ballot ballot = proposer.ballot();
  CHECK(only<Paxos::Send>(hear(proposer, two, Paxos::Promise{ballot, {3, two}, "three"})).empty());
  const auto sends = only<Paxos::Send>(hear(proposer, three, Paxos::Promise{ballot, {2, three}, "two"}));
  REQUIRE(sends.size() == 4);
  CHECK(std::get<Paxos::Accept>(sends[0].message).value == "three");
}

TEST_CASE("Paxos: the same promise twice is one, one for another ballot is none") {
  auto proposer = node(one, 5);
  static_cast<void>(proposer.step(Instant{}, Propose{"own"}));
  const Ballot ballot = proposer.ballot();
  CHECK(hear(proposer, two, Paxos::Promise{ballot, {}, ""}).empty());
  CHECK(hear(proposer, two, Paxos::Promise{ballot, {}, ""}).empty());
  CHECK(hear(proposer, three, Paxos::Promise{{9, one}, {}, ""}).empty());
  CHECK(hear(proposer, NodeId{77}, Paxos::Promise{ballot, {}, ""}).empty());
  CHECK(only<Paxos::Send>(hear(proposer, three, Paxos::Promise{ballot, {}, ""})).size() == 4);
}

TEST_CASE("Paxos: an acceptance raises the promise, and what is told is durable first") {
  auto acceptor = node(three);
  const auto actions = hear(acceptor, one, Paxos::Accept{{5, one}, "a"});
  REQUIRE(actions.size() == 2);
  CHECK(std::get<Paxos::Persist>(actions[0]).state.promised == Ballot{5, one});
  CHECK(std::get<Paxos::Persist>(actions[0]).state.accepted == Ballot{5, one});
  CHECK(std::holds_alternative<Paxos::Accepted>(std::get<Paxos::Send>(actions[1]).message));
  const auto late = only<Paxos::Send>(hear(acceptor, two, Paxos::Accept{{4, two}, "b"}));
  REQUIRE(late.size() == 1);
  CHECK(std::get<Paxos::Rejected>(late[0].message).promised == Ballot{5, one});
}

TEST_CASE("Paxos: a restarted node keeps its promise and uses a ballot of its own that it never used") {
  auto before = node(two);
  static_cast<void>(before.step(Instant{}, Propose{"a"}));
  const Ballot used = before.ballot();
  auto after = node(two, 3, before.durable());
  static_cast<void>(after.step(Instant{}, Propose{"b"}));
  CHECK(after.ballot() > used);
  const auto refused = only<Paxos::Send>(hear(after, one, Paxos::Prepare{{1, one}}));
  REQUIRE(refused.size() == 1);
  CHECK(std::holds_alternative<Paxos::Rejected>(refused[0].message));
}

TEST_CASE("Paxos, one node: it decides alone") {
  auto alone = node(one, 1);
  const auto decided = only<Decided>(alone.step(Instant{}, Propose{"a"}));
  REQUIRE(decided.size() == 1);
  CHECK(decided[0].value == "a");
}

TEST_CASE("FLP: whoever schedules the messages keeps two proposers undecided as long as it likes") {
  // Each prepares just before the other's values arrive. No message is lost, each arrives in the end.
  std::map<NodeId, Paxos> nodes;
  for (std::uint64_t i = 1; i <= 3; ++i) nodes.emplace(NodeId{i}, node(NodeId{i}));
  const auto at_three = [&](NodeId from, const Paxos::Actions& actions) {
    Paxos::Actions answers;
    for (const auto& send : only<Paxos::Send>(actions)) {
      if (send.to != three) continue;
      for (const auto& answer : hear(nodes.at(three), from, send.message)) answers.push_back(answer);
    }
    return answers;
  };
  auto prepares = nodes.at(one).step(Instant{}, Propose{"a"});
  NodeId turn = one, other = two;
  for (int round = 0; round < 1000; ++round) {
    const auto promises = only<Paxos::Send>(at_three(turn, prepares));
    const auto accepts = hear(nodes.at(turn), three, promises.at(0).message);
    // Before these reach node 3 the other one's higher ballot does.
    auto& rival = nodes.at(other);
    const auto next = round == 0
                          ? rival.step(Instant{}, Propose{"b"})
                          : hear(rival, three, Paxos::Rejected{rival.ballot(), nodes.at(turn).ballot()});
    static_cast<void>(at_three(other, next));
    CHECK(std::holds_alternative<Paxos::Rejected>(only<Paxos::Send>(at_three(turn, accepts)).at(0).message));
    prepares = next;
    std::swap(turn, other);
    for (const auto& [id, paxos] : nodes) REQUIRE_FALSE(paxos.chosen());
  }
  CHECK(nodes.at(one).ballots_begun() + nodes.at(two).ballots_begun() > 1000);
}

TEST_CASE("Multi-Paxos: a new leader proposes again what was accepted, and fills the gap before it") {
  consensus::MultiPaxos::Config config;
  config.group = Group::numbered(one, 3);
  consensus::MultiPaxos::Durable durable;
  const consensus::Command left{two, 4, "left"};
  durable.accepted[2] = {2, {1, two}, left};
  consensus::MultiPaxos candidate(Instant{}, config, durable);
  const auto prepare = candidate.step(*candidate.deadline(), consensus::MultiPaxos::Tick{});
  const auto asked = only<consensus::MultiPaxos::Send>(prepare);
  REQUIRE(asked.size() == 2);
  const Ballot ballot = std::get<consensus::MultiPaxos::Prepare>(asked[0].message).ballot;
  const auto actions = candidate.step(
      Instant{}, consensus::MultiPaxos::Receive{two, consensus::MultiPaxos::Promise{ballot, {}}});
  CHECK(candidate.leads());
  std::map<std::uint64_t, consensus::Command> proposed;
  for (const auto& send : only<consensus::MultiPaxos::Send>(actions)) {
    if (const auto* accept = std::get_if<consensus::MultiPaxos::Accept>(&send.message)) {
      proposed[accept->slot] = accept->command;
    }
  }
  CHECK(proposed == std::map<std::uint64_t, consensus::Command>{{1, {}}, {2, left}});
}

TEST_CASE("Multi-Paxos of one place: what comes second is proposed to nobody, and told to nobody") {
  using Core = consensus::MultiPaxos;
  Core::Config config;
  config.group = {one, {one, two, three}};
  config.places = 1;
  Core::Durable durable;
  for (const Core::Slot slot : {1, 2})
    durable.accepted[slot] = {slot, Ballot{1, two}, consensus::Command{two, slot, "v"}};
  Core acceptor(Instant{}, config, durable);
  const auto promised =
      only<Core::Send>(acceptor.step(Instant{}, Core::Receive{three, Core::Prepare{Ballot{2, three}, 1}}));
  REQUIRE(promised.size() == 1);
  CHECK(std::get<Core::Promise>(promised[0].message).accepted.size() == 1);
  const Core::Accept second{Ballot{2, three}, 2, consensus::Command{three, 1, "w"}};
  CHECK(acceptor.step(Instant{}, Core::Receive{three, second}).empty());
  Core leader(Instant{}, config, {});
  (void)leader.step(*leader.deadline(), Core::Tick{});
  (void)leader.step(Instant{}, Core::Receive{two, Core::Promise{Ballot{1, one}, {}}});
  REQUIRE(leader.leads());
  CHECK_FALSE(only<Core::Send>(leader.step(Instant{}, Core::Submit{1, "v"})).empty());
  CHECK(only<Core::Send>(leader.step(Instant{}, Core::Submit{2, "w"})).empty());
}

TEST_CASE("Ben-Or: all alike decide in the first round, a tie is broken by the coin") {
  auto setup = play::quiet(4);
  setup.operations = 30;
  setup.load = catalogue::Load::spread;
  const auto played = play::run("ben-or", setup);
  CHECK(played.violated.empty());
  CHECK(played.report.operations == 30);
  CHECK(played.report.delays.front() == 20ms);
  CHECK(played.report.delays.back() > 20ms);
}

TEST_CASE("Ben-Or: more than f crashes stop it, and nobody decides wrongly") {
  auto setup = play::quiet(5);
  setup.asks = {{Instant{} + 10ms, one, {}}};
  for (const std::uint64_t dead : {3U, 4U, 5U}) play::crash(setup, dead, 1ms, 1s);
  const auto played = play::run("ben-or", setup);
  CHECK(played.violated.empty());
  CHECK(played.report.operations == 0);
}
