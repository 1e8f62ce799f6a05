// SPDX-License-Identifier: MIT
// Stories of coordd's own Raft: what a partition does to the leader, and to the log.
#include <algorithm>

#include "base/check.hpp"
#include "base/format.hpp"
#include "catalogue/raft_app.hpp"
#include "catalogue/scenario.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;

const NodeId one{1}, two{2}, three{3}, four{4}, five{5};

// Five nodes, 10 ms apart, of which node 1 is elected first.
constexpr std::size_t nodes = 5;

struct Group {
  explicit Group(std::uint64_t seed) : app(nodes, seed), world(app, config()) {
    world.set_trace(&trace);
    world.start_all();
  }
  static sim::WorldConfig config() {
    sim::WorldConfig config;
    config.nodes = nodes;
    config.link.delay_low = config.link.delay_high = 10ms;
    config.link.fifo = true;
    return config;
  }
  void ask(Duration when, NodeId node, std::string command) {
    world.at(Instant{} + when, [this, node, command] { world.input(node, RaftApp::Command{command}); });
  }
  void cut(Duration from, Duration to, std::string how, std::vector<std::pair<NodeId, NodeId>> pairs) {
    world.at(Instant{} + from, [this, how, pairs] {
      world.note(NodeId{}, how);
      for (const auto& [a, b] : pairs) world.network().bridge(a, b);
    });
    world.at(Instant{} + to, [this] {
      world.note(NodeId{}, "the network is whole again");
      world.network().heal();
    });
  }
  // Heartbeats are left out of what is told: there are hundreds, each like the one before.
  Story story(Duration until) {
    world.run_until(Instant{} + until);
    COORD_CHECK(!world.violation());
    Story told;
    told.nodes = nodes;
    told.spans = app.spans(world.now());
    for (const auto& record : trace.records()) {
      if (!record.text.starts_with("heartbeat")) told.trace.add(record);
    }
    return told;
  }

  RaftApp app;
  sim::Trace trace;
  RaftApp::World world;
};

// The first seed of which it is so.
std::uint64_t seed_for_leader(NodeId leader) {
  for (std::uint64_t seed = 1;; ++seed) {
    Group group(seed);
    group.world.run_for(400ms);
    if (group.app.leads_since(leader)) return seed;
  }
}

std::string ms(std::optional<Instant> time) {
  if (!time) return "never";
  return fmt::format("{} ms", (*time - Instant{}) / 1ms);
}

// The first time after `from` at which this node knew no leader.
std::optional<Instant> without_leader(Group& group, NodeId node, Duration from) {
  for (const auto& view : group.app.views(node)) {
    if (view.since >= Instant{} + from && view.leader.value == 0) return view.since;
  }
  return std::nullopt;
}

std::string names(const std::vector<NodeId>& all) {
  std::string text;
  for (const NodeId node : all) text += fmt::format("{}{}", text.empty() ? "" : " ", node.value);
  return text;
}

// ---- the leader with the minority

Story leader_cut_off() {
  Group group(seed_for_leader(one));
  constexpr Duration cut_at = 500ms, healed_at = 1500ms;
  group.ask(400ms, one, "a=1");
  group.cut(cut_at, healed_at, "{1 2} and {3 4 5} do not hear each other",
            {{one, three}, {one, four}, {one, five}, {two, three}, {two, four}, {two, five}});
  group.ask(520ms, one, "b=2");  // nobody but node 2 hears of it
  NodeId next;
  group.world.at(Instant{} + 1100ms, [&] {
    for (const NodeId node : {three, four, five}) {
      if (group.world.node(node)->raft.role() == raft::Role::leader) next = node;
    }
    if (next.value != 0) group.world.input(next, RaftApp::Command{"c=3"});
  });
  LogIndex held_by_minority;
  group.world.at(Instant{} + healed_at - 1ms,
                 [&] { held_by_minority = group.world.node(two)->raft.last_index(); });
  Story story = group.story(2s);

  std::optional<Instant> recovered = group.app.applied(one, "c=3");
  if (recovered) recovered = std::max(recovered, group.app.applied(two, "c=3"));
  const auto& raft_of_one = group.world.node(one)->raft;
  story.facts = {
      fmt::format("At {} ms leader 1 and node 2 are cut off from 3, 4 and 5. a=1 was committed before; b=2 "
                  "is asked of node 1 after it: it is stored at 1 and 2 (as entry {}), which is no majority, "
                  "and so never acknowledged.",
                  cut_at / 1ms, held_by_minority.value),
      fmt::format("Among the three, node {} is elected for term {} at {}, and c=3 is committed at {}. Node 1 "
                  "hears from no majority and stops leading at {}. Until then two call themselves leader: "
                  "the old one can commit nothing and confirm no read.",
                  names({next}), group.world.node(next)->raft.term().value, ms(group.app.leads_since(next)),
                  ms(group.app.applied(next, "c=3")), ms(without_leader(group, one, cut_at))),
      fmt::format("The minority asks for pre-votes in vain, so its term does not rise: after the heal at {} "
                  "ms it disturbs nobody. Both follow node {}, replace b=2 by what the majority decided, and "
                  "hold c=3 at {}.",
                  healed_at / 1ms, names({raft_of_one.leader()}), ms(recovered)),
      fmt::format("b=2 was {}: its user had no answer, and asks again.",
                  group.app.applied(next, "b=2") ? "committed." : "applied nowhere"),
  };
  return story;
}

// ---- the bridge

Story bridge_partition() {
  Group group(seed_for_leader(one));
  constexpr Duration cut_at = 500ms, healed_at = 1500ms;
  group.cut(cut_at, healed_at, "{1 2} and {4 5} do not hear each other; 3 hears all",
            {{one, four}, {one, five}, {two, four}, {two, five}});
  group.ask(700ms, one, "a=1");
  group.ask(900ms, four, "b=2");
  std::uint64_t granted_before = 0, granted = 0, refused = 0;
  group.world.at(Instant{} + cut_at, [&] { granted_before = group.app.pre_votes_granted(); });
  group.world.at(Instant{} + healed_at, [&] {
    granted = group.app.pre_votes_granted() - granted_before;
    refused = group.app.pre_votes_refused();
  });
  Story story = group.story(2s);
  const auto caught_up = std::max(group.app.applied(four, "a=1"), group.app.applied(five, "a=1"));
  story.facts = {
      fmt::format("{{1 2 3}} and {{3 4 5}} are both majorities, and only node 3 hears all. Leader 1 keeps "
                  "the first: a=1, asked for at 700 ms, is committed at {}.",
                  ms(group.app.applied(one, "a=1"))),
      fmt::format("Nodes 4 and 5 hear no leader from {} at the latest, and ask whether they would be "
                  "elected. Node 3 hears one, and says no: {} pre-votes refused, {} granted (by 4 and 5 to "
                  "each other). b=2, asked of node 4, is refused at once.",
                  ms(without_leader(group, four, cut_at)), refused, granted),
      fmt::format("Without that question each would raise its term, and node 3 would carry the higher term "
                  "to leader 1 and depose it, again and again. So the term is still {} and the leader node "
                  "{} after the heal; 4 and 5 hold a=1 at {}.",
                  group.world.node(three)->raft.term().value, names({group.world.node(five)->raft.leader()}),
                  ms(caught_up)),
  };
  return story;
}

}  // namespace

std::vector<Scenario> raft_scenarios() {
  return {
      {"leader-cut-off", "the leader with the minority: election and heal (Raft)", Drawing::gantt,
       leader_cut_off},
      {"bridge-partition", "two halves that share one node: the leader stays (Raft)", Drawing::gantt,
       bridge_partition},
  };
}

}  // namespace coord::catalogue
