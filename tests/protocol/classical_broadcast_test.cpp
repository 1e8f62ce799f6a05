// SPDX-License-Identifier: MIT
// Waves, trees and rumours as their papers tell them. In the build whose rules can be removed: how far a
// rumour gets is a matter of large groups, and no sweep's.
#include <cmath>

#include "base/rule.hpp"
#include "catalogue/picture.hpp"
#include "classical_play.hpp"
#include "protocol/broadcast/anti_entropy.hpp"
#include "protocol/broadcast/echo.hpp"
#include "protocol/broadcast/ghs.hpp"
#include "protocol/broadcast/rumour.hpp"
#include "protocol/broadcast/tree_cast.hpp"

using namespace coord;
using namespace std::chrono_literals;
using broadcast::AntiEntropy;
using broadcast::Rumour;
using broadcast::TreeCast;

namespace {

const NodeId one{1}, two{2}, three{3};

struct Spread {
  double residue = 0;  // the share that never hears
  double calls = 0;    // tells a node
};

// Rumours among `nodes` that call in periods; messages take no time. The mean of so many rumours.
Spread spread(Rumour::Mode mode, std::uint64_t k, std::size_t nodes, int rumours) {
  Spread all;
  for (int run = 0; run < rumours; ++run) {
    std::map<NodeId, Rumour> group;
    std::deque<std::pair<NodeId, Rumour::Send>> sent;
    std::size_t tells = 0;
    const auto step = [&](NodeId who, Instant now, const Rumour::Event& event) {
      for (const auto& action : group.at(who).step(now, event)) {
        if (const auto* send = std::get_if<Rumour::Send>(&action)) sent.emplace_back(who, *send);
      }
    };
    const auto carry = [&](Instant now) {
      while (!sent.empty()) {
        const auto [from, send] = sent.front();
        sent.pop_front();
        if (std::holds_alternative<Rumour::Tell>(send.message)) ++tells;
        step(send.to, now, Rumour::Receive{from, send.message});
      }
    };
    Rumour::Config config;
    config.mode = mode;
    config.boring_after = k;
    for (std::size_t i = 1; i <= nodes; ++i) {
      config.group = Group::numbered(NodeId{i}, nodes);
      config.seed = static_cast<std::uint64_t>(run) * 7919 + i * 0x9e3779b97f4a7c15U;
      group.emplace(NodeId{i}, Rumour(config));
      if (i > 1) step(NodeId{i}, Instant{}, Rumour::Begin{});
    }
    step(one, Instant{}, Rumour::Begin{"news"});
    for (Instant now{}; now < Instant{} + 10s; now += 10ms) {
      for (auto& [id, node] : group) {
        if (node.deadline() && *node.deadline() <= now) step(id, now, Rumour::Tick{});
        carry(now);
      }
    }
    const auto ignorant =
        std::count_if(group.begin(), group.end(), [](const auto& n) { return !n.second.knows(); });
    all.residue += static_cast<double>(ignorant) / static_cast<double>(nodes) / rumours;
    all.calls += static_cast<double>(tells) / static_cast<double>(nodes) / rumours;
  }
  return all;
}

}  // namespace

TEST_CASE(
    "rumours, push with counters: the residue s solves s = exp(-(k+1)(1-s)), at (k+1)(1-s) calls a node") {
  const double residue[] = {0.203, 0.0595, 0.0198};
  const double traffic[] = {1.59, 2.82, 3.92};
  for (std::uint64_t k = 1; k <= 3; ++k) {
    const auto measured = spread(Rumour::Mode::push, k, 500, 12);
    INFO("k " << k);
    CHECK(measured.residue == Approx(residue[k - 1]).epsilon(0.25));
    CHECK(measured.calls == Approx(traffic[k - 1]).epsilon(0.05));
  }
}

TEST_CASE("rumours: who asks for news as long as he has none leaves no residue") {
  CHECK(spread(Rumour::Mode::pull, 3, 200, 3).residue == 0);
  CHECK(spread(Rumour::Mode::push_pull, 1, 200, 3).residue < 0.15);  // interest is lost as with push
}

TEST_CASE("rumours: if only the origin spreads it, hardly anybody hears") {
  mutants::removed = "rumour_who_hears_it_spreads_it";
  CHECK(spread(Rumour::Mode::push, 3, 100, 3).residue > 0.9);
  mutants::removed.clear();
  CHECK(spread(Rumour::Mode::push, 3, 100, 3).residue < 0.1);
}

TEST_CASE("the echo: 2E messages, and every node's contribution comes back once") {
  auto setup = play::quiet(9);
  setup.asks = {{Instant{}, three, {}}};
  const auto played = play::run("echo", setup);
  CHECK(played.violated.empty());
  CHECK(played.report.all_messages == 32);
  CHECK(played.report.parents.size() == 8);
}

TEST_CASE("down a tree and up again: a lost answer is asked for, a silent child is named") {
  TreeCast::Config config;
  config.self = one;
  config.children = {two, three};
  config.contribution = 5;
  config.resend = 100ms;
  config.patience = 1s;
  TreeCast root(config);
  CHECK(root.step(Instant{}, TreeCast::Begin{"x"}).size() == 3);
  CHECK(root.step(Instant{}, TreeCast::Receive{two, TreeCast::Up{broadcast::Aggregate::of(7), {}}}).empty());
  CHECK(root.step(Instant{}, TreeCast::Receive{two, TreeCast::Up{broadcast::Aggregate::of(7), {}}}).empty());
  const auto again = root.step(Instant{} + 100ms, TreeCast::Tick{});
  REQUIRE(again.size() == 1);
  CHECK(std::get<TreeCast::Send>(again[0]).to == three);
  const auto ended = root.step(Instant{} + 1s, TreeCast::Tick{});
  REQUIRE(ended.size() == 1);
  const auto& gathered = std::get<broadcast::Gathered>(ended[0]);
  CHECK(gathered.missing == std::set<NodeId>{three});
  CHECK(gathered.aggregate == broadcast::Aggregate{2, 12, 5, 7});
}

TEST_CASE("Gallager, Humblet, Spira: two nodes are a fragment of level 1 after 4 messages") {
  using broadcast::SpanningTree;
  const auto* protocol = catalogue::find("ghs");
  REQUIRE(protocol != nullptr);
  auto setup = play::quiet(2);
  setup.asks = {{Instant{}, one, {}}};
  const auto played = play::run("ghs", setup);
  CHECK(played.violated.empty());
  CHECK(played.report.messages.at("connect") == 2);
  CHECK(played.report.messages.at("initiate") == 2);
  CHECK(played.report.messages.at("report") == 2);
}

TEST_CASE("Gallager, Humblet, Spira: 200 nodes, every edge but the tree's is rejected, within the bound") {
  auto setup = play::quiet(200);
  setup.link.fifo = true;
  setup.patience = 1h;
  setup.asks = {{Instant{}, one, {}}};
  const auto played = play::run("ghs", setup);
  CHECK(played.violated.empty());  // among it: it is Kruskal's tree
  CHECK(static_cast<double>(played.report.all_messages) <= 5 * 200 * std::log2(200) + 2 * 398);
}

TEST_CASE("anti-entropy: what was deleted does not come back from a copy that has not heard of it") {
  std::map<NodeId, AntiEntropy> copies;
  for (std::uint64_t i = 1; i <= 2; ++i) {
    copies.emplace(NodeId{i}, AntiEntropy(Instant{}, {Group::numbered(NodeId{i}, 2), 100ms, i}));
  }
  Instant now{};
  const auto compare = [&](NodeId from, NodeId to) {
    now += 1h;
    AntiEntropy::Actions actions = copies.at(from).step(now, AntiEntropy::Tick{});
    NodeId sender = from, receiver = to;
    while (!actions.empty()) {
      const auto* send = std::get_if<AntiEntropy::Send>(&actions.back());
      if (!send) break;
      actions = copies.at(receiver).step(now, AntiEntropy::Receive{sender, send->message});
      std::swap(sender, receiver);
    }
  };
  static_cast<void>(copies.at(one).step(Instant{}, AntiEntropy::Write{"k", "v"}));
  compare(one, two);
  CHECK(copies.at(two).table().at("k").value == "v");
  static_cast<void>(copies.at(two).step(Instant{}, AntiEntropy::Write{"k", std::nullopt}));
  compare(one, two);  // the one that has not heard of it begins
  CHECK(copies.at(one).table().at("k").dead);
  CHECK(copies.at(one).table() == copies.at(two).table());
}

TEST_CASE("a tree that a broken protocol closed to a circle is drawn all the same") {
  const NodeId a{1}, b{2}, c{3}, d{4};
  const std::map<NodeId, NodeId> circle = {{a, b}, {b, c}, {c, a}, {d, b}};
  CHECK(catalogue::draw_tree_text(circle, true) == "1\n`- 3\n   `- 2\n      `- 4\n");
  CHECK(catalogue::draw_tree_svg(circle).find(">4</text>") != std::string::npos);
}
