// SPDX-License-Identifier: MIT
// The rules of voters that change: the textbook's ways to get two leaders by changing who votes.
#include "raft_cluster.hpp"
#include "raft_rules.hpp"
#include "raft_solo.hpp"

namespace raft_test {

namespace {

Options with_later(std::size_t founders, std::size_t later) {
  Options options;
  options.peers = founders + later;
  options.later = later;
  return options;
}

bool change_done(Cluster& group, Step step, char whom) {
  const char leader = group.leader();
  const LogIndex before = group.raft(leader).voters_index();
  group.change(leader, step, whom);
  const auto in_force = [&] {
    const LogIndex index = group.raft(leader).voters_index();
    return index > before && group.raft(leader).commit_index() >= index;
  };
  return group.run_until(in_force, 2000);
}

std::vector<char> others_of(const Cluster& group, char leader, std::size_t founders) {
  std::vector<char> others;
  for (const char name : group.names()) {
    if (name != leader && others.size() + 1 < founders) others.push_back(name);
  }
  return others;
}

void part(Cluster& group, const std::string& one, const std::string& other) {
  for (const char a : one) {
    for (const char b : other) group.cut_both(a, b);
  }
}

bool is_append(const Message& message) {
  return std::holds_alternative<AppendRequest>(message);
}

// Ongaro's bug of 2015. A leader of four promotes a fifth, and only that one hears it. The next leader, which
// knows nothing of it, removes the first before it has committed anything of its own.
std::string change_before_own_commit() {
  Cluster group(with_later(4, 1));
  const char first = group.settle();
  const auto others = others_of(group, first, 4);
  const char second = others[0], third = others[1], fourth = others[2];
  if (!change_done(group, Step::learn, 'e')) return "the learner was not taken";
  group.run(300);
  group.drop_if = [&](char from, char to, const Message& m) {
    return from == first && to != 'e' && is_append(m);
  };
  group.change(first, Step::promote, 'e');
  group.run(30);
  if (!group.raft('e').voters().votes(id_of('e'))) return "the fifth has not heard of its vote";
  // The first and the fifth are cut off. Whoever leads now reaches one other only with its entries.
  part(group, {first, 'e'}, {second, third, fourth});
  group.drop_if = [&](char from, char to, const Message& m) {
    if (std::holds_alternative<VoteRequest>(m) && from != second && from != first) return true;
    return to == fourth && is_append(m);
  };
  if (!group.run_until([&] { return group.raft(second).role() == Role::leader; }))
    return "nobody was elected";
  group.run(60);
  group.change(second, Step::remove, first);
  group.run(100);
  // Then the first is elected by the fourth and the fifth, of five.
  group.heal();
  part(group, {second, third}, {first, fourth, 'e'});
  group.run(3000);
  return group.violation;
}

// Two promotions that are both not committed: three of five agree, and two of the three that the others know.
std::string two_changes() {
  Cluster group(with_later(3, 2));
  const char leader = group.settle();
  const auto others = others_of(group, leader, 3);
  for (const char later : {'d', 'e'}) {
    if (!change_done(group, Step::learn, later)) return "a learner was not taken";
  }
  group.run(300);
  group.drop_if = [&](char from, char to, const Message& m) {
    return from == leader && (to == others[0] || to == others[1]) && is_append(m);
  };
  group.change(leader, Step::promote, 'd');
  group.run(30);  // what e must have before it may vote is there
  group.change(leader, Step::promote, 'e');
  group.run(60);
  part(group, {leader, 'd', 'e'}, {others[0], others[1]});
  group.run(1500);
  return group.violation;
}

std::string learners_are_not_asked() {
  Cluster group(with_later(3, 2));
  const char leader = group.settle();
  const auto others = others_of(group, leader, 3);
  if (!change_done(group, Step::learn, 'd')) return "the learner was not taken";
  group.drop_if = [&](char, char to, const Message& m) {
    return (to == others[0] || to == others[1]) && is_append(m);
  };
  group.propose(leader, "held by a learner only");
  group.run(200);
  return group.violation;
}

std::string learners_catch_up() {
  Cluster group(with_later(3, 1));
  const char leader = group.settle();
  group.drop_if = [&](char, char to, const Message& m) { return to == 'd' && is_append(m); };
  if (!change_done(group, Step::learn, 'd')) return "the learner was not taken";
  group.change(leader, Step::promote, 'd');
  group.run(200);
  return group.raft(leader).voters().votes(id_of('d')) ? "who has nothing of the log votes" : group.violation;
}

// The change that takes its vote away is in its log, and it is elected before that is committed.
std::string removed_leader_leads_on() {
  Solo a({1, 1}, 1, 4);
  const Voters without{{NodeId{2}, NodeId{3}, NodeId{4}}, {NodeId{1}}};
  a.recovered.entries.push_back({Term{1}, LogIndex{3}, EntryKind::members, encode(without), 2});
  a.become_leader();
  a.receive('b', AppendReply{Term{2}, true, false, LogIndex{4}, LogIndex{}, Term{}});
  if (a.raft().commit_index() != LogIndex{0}) return "it has counted itself";
  a.receive('c', AppendReply{Term{2}, true, false, LogIndex{4}, LogIndex{}, Term{}});
  if (a.raft().commit_index() != LogIndex{4}) return "two of three have it, and it is not committed";
  return a.raft().role() == Role::leader ? "it leads on, and has no vote" : "";
}

// A voter that came back empty asks the founders. Once others vote too, they may have used what it forgot.
std::string rejoined_where_voters_changed() {
  Solo a({}, 0);
  a.config.rejoin = true;
  a.recovered.hard_state.founders.clear();
  a.tick_at_deadline();
  std::uint64_t nonce = 0;
  for (const Send& send : a.all<Send>()) nonce = std::get<StateQuery>(send.message).nonce;
  const std::map<NodeId, Incarnation> founders{{NodeId{1}, {9}}, {NodeId{2}, {}}, {NodeId{3}, {}}};
  for (const char name : {'b', 'c'}) a.receive(name, StateAnswer{nonce, {}, false, false, Term{4}, founders});
  a.durable();
  if (!a.raft().recovering()) return "it has not rejoined";
  const Voters four{{NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}}, {}};
  a.receive('b', AppendRequest{Term{5},
                               LogIndex{},
                               Term{},
                               LogIndex{2},
                               {{Term{2}, LogIndex{1}, EntryKind::members, encode(four), 2}, entry(5, 2)}});
  a.durable();
  if (!a.raft().recovering()) return "it votes again with what it has forgotten";
  const Voters learns{{NodeId{2}, NodeId{3}, NodeId{4}}, {NodeId{1}}};
  a.receive('b', AppendRequest{Term{5},
                               LogIndex{2},
                               Term{5},
                               LogIndex{3},
                               {{Term{5}, LogIndex{3}, EntryKind::members, encode(learns), 2}}});
  return a.raft().recovering() ? "its vote was taken away, and it is still mute" : "";
}

// Put back from a backup of a time when it had no vote, a host does not know what it has promised since.
std::string newcomer_without_a_log() {
  Solo d({}, 0);
  d.config.peers = {NodeId{2}, NodeId{3}, NodeId{4}};
  d.recovered.hard_state = {};
  d.tick_at_deadline();
  (void)d.sent();
  for (const bool pre : {true, false}) d.receive('b', VoteRequest{Term{8}, LogIndex{9}, Term{6}, pre});
  d.durable();
  for (const std::string& line : d.sent())
    if (line.find("granted") != std::string::npos) return "it votes, and its log may be lost: " + line;
  return "";
}

// A voter has lost its disk. Its number is free when the group has removed it, and not when that
// may still be undone.
std::string lost_disk_waits_for_its_removal() {
  Cluster group(with_later(3, 0));
  const char leader = group.settle();
  const auto others = others_of(group, leader, 3);
  const char lost = others[0], third = others[1];
  group.wipe(lost);
  group.start(lost);
  group.run(600);
  if (group.raft(lost).may_come_anew()) return "it comes again, and its number votes";
  group.drop_if = [&](char, char to, const Message& m) { return to == third && is_append(m); };
  group.change(leader, Step::remove, lost);
  group.run(250);
  if (group.raft(leader).voters().has(id_of(lost))) return "the change has not begun";
  if (group.raft(lost).may_come_anew()) return "it comes again, and the change is not committed";
  group.drop_if = {};
  if (!group.run_until([&] { return group.raft(lost).may_come_anew(); }, 3000)) return "it is never told";
  if (group.raft(lost).role() != Role::bootstrap) return "it takes part";
  return group.violation;
}

// The operator says that its disk is lost. That disk may turn up again, by the number that it has.
std::string number_of_a_lost_disk() {
  Solo a({}, 0);
  a.config.rejoin = true;
  a.recovered.hard_state.founders.clear();
  a.tick_at_deadline();
  StateAnswer answer;
  for (const Send& send : a.all<Send>()) answer.nonce = std::get<StateQuery>(send.message).nonce;
  answer.term = Term{4};
  answer.founders = {{NodeId{1}, {9}}, {NodeId{2}, {}}, {NodeId{3}, {}}};
  answer.of_disks = true;
  a.receive('b', answer);
  answer.of_disks = false;  // not told yet that the group can do so
  a.receive('c', answer);
  a.durable();
  if (a.raft().role() != Role::bootstrap) return "it goes on under the number of the disk that is lost";
  return a.raft().gives_up_number() ? "" : "it does not ask to be removed";
}

// A leader dies. The next one has its entry committed by the other voter, and is told to take that one out.
std::string takes_out_the_only_one_left() {
  Cluster group(with_later(3, 0));
  const char first = group.settle();
  group.crash(first);
  const auto leads = [&] { return group.leader() != 0 && group.leader() != first; };
  if (!group.run_until(leads)) return "nobody was elected";
  const char second = group.leader();
  const char third = others_of(group, second, 3)[first == others_of(group, second, 3)[0] ? 1 : 0];
  const auto may_learn = [&] { return !group.raft(second).why_not({Step::learn, NodeId{26}}); };
  if (!group.run_until(may_learn, 300)) return "its first entry was not committed";
  group.change(second, Step::remove, third);
  group.run(1000);
  if (!group.raft(second).voters().votes(id_of(third))) return "a change began that nobody can commit";
  if (group.leader() != second) return "its leader did not stay";
  return group.violation;
}

}  // namespace

const std::vector<RuleScenario>& member_rule_scenarios() {
  static const std::vector<RuleScenario> all{
      {"change_after_own_term_commit", change_before_own_commit},
      {"one_change_at_a_time", two_changes},
      {"learners_do_not_count", learners_are_not_asked},
      {"learner_catches_up_first", learners_catch_up},
      {"removed_leader_does_not_count", removed_leader_leads_on},
      {"rejoined_only_among_founders", rejoined_where_voters_changed},
      {"newcomer_is_named_before_it_votes", newcomer_without_a_log},
      {"removed_when_committed", lost_disk_waits_for_its_removal},
      {"number_is_of_one_disk", number_of_a_lost_disk},
      {"who_is_there_has_answered", takes_out_the_only_one_left},
  };
  return all;
}

}  // namespace raft_test
