// SPDX-License-Identifier: MIT
// What one wish of each algorithm is, and what it costs by its paper.
#include "classical_desk.hpp"

#include <cmath>

namespace classical_desk {

namespace {

void enters_and_leaves(Desk& desk) {
  desk.wish(2, Enter{});
  desk.settle();
  CHECK(desk.was_told(2, "granted"));
  CHECK(desk.node(2).state() == "inside");
  desk.wish(2, Leave{});
  desk.settle();
}

std::vector<Run> mutual_exclusion_runs() {
  const auto ring = [](Desk& desk) {  // all want, and leave at once
    desk.reply_to([](NodeId, const Told& told) -> std::optional<Wish> {
      if (std::holds_alternative<Granted>(told)) return Leave{};
      return std::nullopt;
    });
    for (std::size_t i = 1; i <= desk.size(); ++i) desk.wish(i, Enter{});
    desk.run_until([&] { return desk.all_were_told("granted"); });
  };
  const auto leases = [](Desk& desk) {  // node 1 is the store; the others come in turn, and the first leaves
    for (std::size_t i = 2; i <= desk.size(); ++i) {
      desk.wish(i, Enter{});
      desk.settle();
    }
    CHECK(desk.was_told(2, "granted"));
    CHECK_FALSE(desk.was_told(3, "granted"));
    CHECK(desk.node(3).missing() == std::set<NodeId>{NodeId{1}});
    desk.wish(2, Leave{});
    desk.settle();
    CHECK(desk.was_told(3, "granted"));
  };
  return {{"lamport", 4, enters_and_leaves, {}, 9, 9},          // 3(N-1)
          {"ricart-agrawala", 4, enters_and_leaves, {}, 6, 6},  // 2(N-1)
          {"maekawa", 9, enters_and_leaves, {}, 12, 12},        // 3(K-1), K = 5
          {"suzuki-kasami", 4, enters_and_leaves, {}, 4, 4},    // N
          {"token-ring", 4, ring, {}, 3, 4},                    // 1 an entry; the first has the token
          {"redlock", 4, enters_and_leaves, {}, 9, 9},          // 3(N-1)
          {"lease-race", 4, leases, {"notice", "look"}, 2, 2},
          {"lease-herd", 4, leases, {"notice", "look"}, 4, 4}};  // 2(N-2)
}

void lowest_suspects(Desk& desk) {
  desk.tick_all();  // the first tick starts it
  desk.wish(1, Suspect{});
  desk.run_until([&] { return desk.all_were_told("led 4"); });
  CHECK(desk.node(1).state() == "follows 4");
}

std::vector<Run> agreement_runs() {
  const auto decides = [](Desk& desk) {
    desk.wish(2, Propose{"blue"});
    desk.settle();
    CHECK(desk.all_were_told("decided blue"));
    CHECK(desk.node(3).state() == "decided blue");
  };
  const auto bits = [](Desk& desk) {
    for (std::size_t i = 1; i <= desk.size(); ++i) desk.wish(i, Propose{"1"});
    desk.settle();
    CHECK(desk.all_were_told("decided 1"));
  };
  const auto follower = [](Desk& desk) {
    std::uint64_t asker = 0;
    desk.run_until([&] {  // until a leader is known to a follower
      for (std::uint64_t i = 1; i <= desk.size(); ++i) {
        const std::string state = desk.node(i).state();
        if (state.substr(0, 7) == "follows" && state.substr(0, 9) != "follows 0") asker = i;
      }
      return asker != 0;
    });
    desk.forget_counts();
    desk.wish(asker, Propose{"blue"});
    desk.settle();
    CHECK(desk.all_were_told("decided blue at 1"));
  };
  const auto ordered = [](Desk& desk) {
    desk.wish(2, Propose{"blue"});
    desk.settle();
    CHECK(desk.was_told(2, "answered 1:blue"));
    CHECK(desk.all_were_told("decided blue at 1"));
  };
  return {{"bully",
           4,
           lowest_suspects,
           {},
           15,
           15,
           [](NodeId) {
             return Options{{"leader", "4"}};
           }},                                                                                // N^2-1
          {"promise-exchange", 4, decides, {}, 12, 12},                                       // 4(N-1)
          {"paxos", 4, decides, {}, 15, 15},                                                  // 5(N-1)
          {"multi-paxos", 4, follower, {"accept", "accepted", "chosen", "forward"}, 10, 10},  // 3(N-1) + 1
          {"ben-or", 4, bits, {}, 36, 36},                                                    // 3N(N-1)
          {"pbft", 4, ordered, {"pre-prepare", "prepare", "commit"}, 24, 24}};                // 2N(N-1)
}

std::vector<Run> commit_runs() {
  const auto commits = [](Desk& desk) {
    desk.reply_to([](NodeId, const Told& told) -> std::optional<Wish> {
      if (std::holds_alternative<VoteAsked>(told)) return Vote{true};
      return std::nullopt;
    });
    desk.wish(1, Begin{});
    desk.settle();
    CHECK(desk.all_were_told("committed"));
    CHECK(desk.stored().size() == desk.size());
  };
  return {{"2pc", 4, commits, {}, 12, 12},               // 4(N-1)
          {"3pc", 4, commits, {}, 18, 18},               // 6(N-1)
          {"majority-commit", 4, commits, {}, 21, 21}};  // 7(N-1)
}

std::vector<Run> broadcast_runs() {
  const auto wave = [](Desk& desk) {
    desk.wish(1, Broadcast{"news"});
    desk.settle();
    CHECK(desk.all_were_told("delivered news"));
    CHECK(desk.was_told(1, "gathered 4 nodes, sum 10"));
  };
  const auto numbered = [](NodeId self) { return Options{{"contribution", std::to_string(self.value)}}; };
  const auto tree = [](Desk& desk) {
    desk.wish(2, Begin{});
    desk.settle();
    std::string branches;
    for (std::uint64_t i = 1; i <= 4; ++i) branches += desk.node(i).state() + "; ";
    CHECK(branches == "branches 2; branches 1 3; branches 2 4; branches 3; ");
  };
  const auto edges = [](NodeId) { return Options{{"edges", "1-2:1,2-3:2,3-4:3,4-1:9,1-3:7"}}; };
  const auto rumour = [](bool all_ask) {
    return [all_ask](Desk& desk) {
      desk.wish(1, Broadcast{"news"});
      for (std::size_t i = 2; all_ask && i <= desk.size(); ++i) desk.wish(i, Listen{});
      desk.run_until([&] { return !desk.next_deadline(); });  // nobody talks about it any more
      CHECK(desk.all_were_told("delivered news"));            // by this seed
    };
  };
  const auto copies = [](Desk& desk) {
    desk.wish(3, Write{"colour", "blue"});
    desk.wish(2, Write{"shape", std::nullopt});
    desk.run_until([&] { return desk.node(1).state() == "2 keys" && desk.node(4).state() == "2 keys"; });
    CHECK(desk.stored().at(NodeId{4}).contains("key/colour"));
  };
  const double ghs = 5 * 4 * std::log2(4.0) + 2 * 5;   // 5N log2 N + 2E
  return {{"echo", 4, wave, {}, 12, 12, numbered},     // 2E
          {"tree-cast", 4, wave, {}, 6, 6, numbered},  // 2(N-1)
          {"ghs", 4, tree, {}, 6, ghs, edges},
          {"rumour-push", 4, rumour(false), {}, 6, 30},       // 2(N-1 + kN), k = 3
          {"rumour-pull", 4, rumour(true), {}, 6, 30 + 248},  // and 62N questions
          {"rumour-push-pull", 4, rumour(true), {}, 6, 30 + 248},
          {"anti-entropy", 4, copies, {}, 3, 1000}};
}

// A ring of waits among these, of which the last to close it is the first to look into it.
Run ring(std::string name, std::uint64_t first, std::uint64_t last, std::vector<std::string> types,
         double count) {
  const auto closes = [first, last](Desk& desk) {
    for (std::uint64_t i = first; i <= last; ++i) {
      desk.wish(i, WaitFor{{NodeId{i == last ? first : i + 1}}});
      desk.settle();
    }
    desk.run_until([&] { return desk.was_told(last, "gives up"); });
    CHECK(desk.node(last).state() == "goes on");
    CHECK(desk.node(first).missing() == std::set<NodeId>{NodeId{first + 1}});
  };
  const auto patience = [last](NodeId self) {
    return Options{{"patience_ms", self.value == last ? "1" : "60000"}};
  };
  return {std::move(name), static_cast<std::size_t>(last), closes, std::move(types), count, count, patience};
}

std::vector<Run> detection_runs() {
  const auto suspects = [](Desk& desk) {
    desk.tick_all();
    desk.settle();
    const std::size_t one_interval = desk.counted();
    desk.crash(4);
    desk.run_until([&] { return desk.all_were_told("suspects 4"); });
    CHECK_FALSE(desk.was_told(1, "suspects 2"));
    CHECK(desk.node(1).state() == "suspects 4");
    CHECK(one_interval == 12);  // N(N-1)
  };
  // One joins, is cut off, and denies its death when it is back; another one leaves.
  const auto notices = [](Desk& desk) {
    const auto all_say = [&](const std::string& state, bool is) {
      for (const std::uint64_t i : {1, 2, 3}) {
        if ((desk.node(i).state() == state) != is) return false;
      }
      return true;
    };
    desk.run_until([&] { return desk.was_told(1, "trusts 4") && desk.was_told(2, "trusts 4"); });
    desk.crash(4);
    desk.run_until([&] { return all_say("gone 4", true); });
    CHECK(desk.was_told(1, "suspects 4"));
    desk.heal(4);
    desk.run_until([&] { return all_say("gone 4", false); });
    desk.wish(3, Leave{});
    desk.run_until([&] { return desk.was_told(3, "completed") && desk.was_told(1, "suspects 3"); });
    CHECK(desk.node(2).state() == "gone 3");
  };
  return {ring("cmh-and", 1, 4, {"probe"}, 4),                        // N
          ring("cmh-or", 1, 4, {"query", "answer"}, 8),               // 2N
          ring("wait-graph", 2, 4, {"still", "confirm", "kill"}, 7),  // 2K+1, K = N-1
          {"heartbeat", 4, suspects, {}, 12, 1000},
          {"phi-normal", 4, suspects, {}, 12, 1000},
          {"phi-exponential", 4, suspects, {}, 12, 100000},
          {"swim", 4, notices, {"ping", "ack"}, 2, 100'000, [](NodeId) {
             return Options{{"founders", "3"}};
           }}};
}

std::vector<Run> global_state_runs() {
  const auto snapshot = [](Desk& desk) {
    desk.wish(2, Hand{NodeId{3}, 30});
    desk.settle();
    CHECK(desk.was_told(3, "handed 30 by 2"));
    CHECK(desk.node(2).state() == "has 70");
    desk.wish(1, Begin{});
    desk.settle();
    CHECK(desk.was_told(1, "recorded 100 and 0 on its way"));
    CHECK(desk.was_told(2, "recorded 70 and 0 on its way"));
    CHECK(desk.was_told(3, "recorded 130 and 0 on its way"));
    CHECK(desk.node(4).missing().empty());
  };
  const auto all_is_done = [](Desk& desk) {
    desk.wish(3, Hand{NodeId{2}, 1});
    desk.settle();
    desk.wish(2, Leave{});  // done
    desk.wish(1, Begin{});
    desk.settle();
    CHECK(desk.was_told(1, "completed"));
    CHECK(desk.node(2).state() == "idle");
  };
  const auto one_has_work = [](NodeId self) { return Options{{"work", self.value == 3 ? "1" : "0"}}; };
  return {{"chandy-lamport", 4, snapshot, {"marker"}, 12, 12},                          // N(N-1)
          {"lai-yang", 4, snapshot, {"count"}, 12, 12},                                 // N(N-1)
          {"four-counters", 4, all_is_done, {"ask", "answer"}, 12, 12, one_has_work}};  // 4(N-1)
}

std::vector<Run> overlay_runs() {
  const auto finds = [](Desk& desk) {
    desk.wish(2, Find{"a"});
    desk.settle();
    CHECK(desk.was_told(2, "owned by "));
    CHECK(desk.node(2).state() == "inside");
    const std::size_t lookup = desk.counted({"find-route", "route-found"});
    CHECK(lookup <= 8);  // at most log2 N steps
    desk.wish(9, Enter{});
    desk.run_until([&] { return desk.was_told(9, "completed"); });
    desk.run_until([&] { return desk.counted({"places"}) > 9 && desk.counted({"notify"}) > 9; });
    desk.wish(9, Leave{});
    CHECK(desk.node(9).state() == "left");
  };
  return {{"chord", 9, finds, {}, 1, 10'000, [](NodeId) { return Options{{"founders", "8"}}; }}};
}

std::vector<Run> replication_runs() {
  const auto writes = [](Desk& desk) {
    desk.wish(1, Propose{"blue"});
    desk.settle();
    CHECK(desk.was_told(1, "answered written at 1"));
  };
  return {{"primary-backup", 4, writes, {"replicate", "acknowledge"}, 6, 6},
          {"async-backup", 4, writes, {"replicate", "acknowledge"}, 6, 6}};
}

}  // namespace

std::vector<Run> runs() {
  std::vector<Run> all;
  for (auto family : {mutual_exclusion_runs, agreement_runs, commit_runs, broadcast_runs, detection_runs,
                      global_state_runs, overlay_runs, replication_runs}) {
    for (Run& run : family()) all.push_back(std::move(run));
  }
  return all;
}

}  // namespace classical_desk
