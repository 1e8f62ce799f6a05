// SPDX-License-Identifier: MIT
#include "raft_rules.hpp"

#include "raft_cluster.hpp"
#include "raft_solo.hpp"

namespace raft_test {

namespace {

Options both_ways(std::uint64_t seed = 1) {
  Options options;
  options.seed = seed;
  options.datagrams = true;
  return options;
}

// A follower holds entries of an older leader where the present one has others. A heartbeat that named the
// bare commit index would have it apply them.
std::string heartbeats_name_only_what_matches() {
  Cluster group(both_ways());
  const char old = group.settle();
  group.isolate(old);
  // More than the others will have: of what is not there it would take no notice.
  for (int i = 0; i < 8; ++i) group.propose(old, "lost " + std::to_string(i));
  group.run_until([&] { return group.has_leader() && group.leader() != old; });
  for (int i = 0; i < 3; ++i) group.propose(group.leader(), "kept " + std::to_string(i));
  group.run(300);
  // It comes back to a leader whose entries are lost on their way, and whose beats are not.
  group.heal();
  group.drop_if = [&](char, char to, const Message& message) {
    return to == old && std::holds_alternative<AppendRequest>(message);
  };
  group.run(500);
  group.drop_if = nullptr;
  group.run(500);
  if (!group.violation.empty()) return group.violation;
  return group.has_applied(old, "kept 2") ? "" : "it has not caught up";
}

// The last beat of a leader that is gone, doubled again and again by the network.
std::string an_old_round_keeps_nobody_alive() {
  Cluster group(both_ways());
  std::optional<Heartbeat> last;
  char leader = group.settle();
  group.drop_if = [&](char, char, const Message& message) {
    const auto* beat = std::get_if<Heartbeat>(&message);
    if (beat != nullptr && beat->round != 0) last = *beat;
    return false;
  };
  group.run(100);
  group.drop_if = nullptr;
  group.crash(leader);
  for (int i = 0; i < 40; ++i) {
    for (const char name : {'a', 'b', 'c'}) {
      if (name != leader) group.send_again(leader, name, *last);
    }
    group.run(50);
    if (group.has_leader()) return group.violation;
  }
  return "a leader that is gone was followed for two seconds";
}

// An answer that was under way for nearly an election time-out proves that a majority followed then, not now.
std::string late_answers_prove_little() {
  Solo a;
  a.become_leader();  // its first round begins
  a.after(280, Tick{});
  a.receive('b', HeartbeatReply{Term{1}, 1, false});
  a.after(30, Tick{});
  return a.raft().role() == Role::leader ? "it led on by an answer that was long under way" : "";
}

// Streams are shut towards the others, and what is larger than a datagram never arrives: beats alone do.
std::string beats_alone_do_not_keep_a_leader() {
  Cluster group(both_ways());
  const char leader = group.settle();
  group.drop_if = [&](char from, char, const Message& message) {
    return from == leader && std::holds_alternative<AppendRequest>(message);
  };
  group.propose(leader, "too large");
  for (int i = 0; i < 30; ++i) {
    group.run(100);
    if (group.leader() != leader) return group.violation;
  }
  return "a leader that could only beat led on for three seconds";
}

}  // namespace

const std::vector<RuleScenario>& rule_scenarios() {
  static const std::vector<RuleScenario> all{
      {"heartbeat_commits_what_matches", heartbeats_name_only_what_matches},
      {"rounds_only_go_up", an_old_round_keeps_nobody_alive},
      {"reply_counts_from_sending", late_answers_prove_little},
      {"beats_alone_are_not_enough", beats_alone_do_not_keep_a_leader},
  };
  return all;
}

}  // namespace raft_test
