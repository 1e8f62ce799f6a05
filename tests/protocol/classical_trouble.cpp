// SPDX-License-Identifier: MIT
// What is said only where something goes wrong: contention, crashes, links that are cut for a while.
#include "classical_desk.hpp"

namespace classical_desk {

namespace {

void leave_when_granted(Desk& desk) {
  desk.reply_to([](NodeId, const Told& told) -> std::optional<Wish> {
    if (std::holds_alternative<Granted>(told)) return Leave{};
    return std::nullopt;
  });
}

// In a grid of three by three: 8 is locked for 2 when 9 asks; 7 is locked for 9 when 1
// does, and asks for it back.
void quorum_is_given_back(Desk& desk) {
  leave_when_granted(desk);
  const std::vector<std::uint64_t> sites = {2, 9, 1};
  for (const std::uint64_t site : sites) desk.wish(site, Enter{});
  desk.settle();
  for (const std::uint64_t site : sites) CHECK(desk.was_told(site, "granted"));
}

// All want at once.
void contention(Desk& desk) {
  leave_when_granted(desk);
  for (std::size_t i = desk.size(); i > 0; --i) desk.wish(i, Enter{});
  desk.settle();
  CHECK(desk.all_were_told("granted"));
}

void lost_token(Desk& desk) {
  desk.tick_all();
  desk.crash(2);
  desk.run_until([&] { return desk.counted({"token"}) == 1; });
  desk.heal(2);
  desk.wish(2, Enter{});
  desk.run_until([&] { return desk.was_told(2, "granted"); });
}

void rival_proposers(Desk& desk) {
  for (std::size_t i = 1; i <= desk.size(); ++i) desk.wish(i, Propose{"v" + std::to_string(i)});
  desk.run_until([&] { return desk.all_were_told("decided"); });
  for (std::uint64_t i = 2; i <= desk.size(); ++i) CHECK(desk.node(i).state() == desk.node(1).state());
}

bool leads(Desk& desk, std::uint64_t node) {
  return desk.node(node).state().substr(0, 5) == "leads";
}
std::uint64_t leader_but(Desk& desk, std::uint64_t other) {
  for (std::uint64_t i = 1; i <= desk.size(); ++i)
    if (i != other && leads(desk, i)) return i;
  return 0;
}

// A follower that was cut off catches up; a leader that was learns of its successor.
void away_for_a_while(Desk& desk) {
  desk.run_until([&] { return leader_but(desk, 0) != 0; });
  const std::uint64_t old = leader_but(desk, 0);
  const std::uint64_t away = old % desk.size() + 1;
  desk.crash(away);
  desk.wish(old, Propose{"blue"});
  desk.settle();
  CHECK_FALSE(desk.was_told(away, "decided"));
  desk.heal(away);
  desk.run_until([&] { return desk.was_told(away, "decided blue at 1"); });
  desk.crash(old);
  desk.run_until([&] { return leader_but(desk, old) != 0; });
  desk.heal(old);
  desk.run_until([&] { return !leads(desk, old); });
}

// The coordinator dies when all have been asked, before it has any vote.
void votes_for_nobody(Desk& desk) {
  desk.reply_to([&desk](NodeId self, const Told& told) -> std::optional<Wish> {
    if (!std::holds_alternative<VoteAsked>(told)) return std::nullopt;
    if (self == NodeId{4}) desk.crash(1);
    return Vote{true};
  });
  desk.wish(1, Begin{});
  desk.settle();
}
void blocked_participants(Desk& desk) {
  votes_for_nobody(desk);
  desk.run_until([&] { return desk.was_told(2, "blocked"); });
  CHECK(desk.node(2).missing().contains(NodeId{1}));
}
void another_takes_over(Desk& desk) {
  votes_for_nobody(desk);
  desk.crash(4);
  desk.run_until([&] { return desk.was_told(2, "aborted") && desk.was_told(3, "aborted"); });
  desk.restart(4);
  desk.run_until([&] { return desk.was_told(4, "aborted"); });
}

// The others go on in the next view; then it fetches what it has missed.
void silent_primary(Desk& desk) {
  desk.crash(1);
  desk.wish(2, Propose{"blue"});
  desk.run_until([&] { return desk.was_told(2, "answered 1:blue"); });
  desk.heal(1);
  desk.wish(2, Propose{"green"});
  desk.run_until([&] { return desk.node(1).state().find("executed to 2") != std::string::npos; });
}

// All places are taken: whoever asks is shown by whom.
void late_replica(Desk& desk) {
  desk.crash(4);
  desk.wish(2, Propose{"blue"});
  desk.run_until([&] { return desk.was_told(2, "answered 1:blue"); });
  desk.settle();
  desk.heal(4);
  desk.wish(4, Propose{"red"});
  desk.run_until([&] { return desk.was_told(4, "decided blue at 1"); });
}

void all_wake(Desk& desk) {
  for (std::size_t i = 1; i <= desk.size(); ++i) desk.wish(i, Begin{});
  desk.settle();
  std::size_t ends = 0;
  for (std::uint64_t i = 1; i <= desk.size(); ++i) ends += desk.was_told(i, "completed") ? 1 : 0;
  CHECK(ends == 2);  // of the core
}

void no_deadlock(Desk& desk) {
  desk.wish(2, WaitFor{{NodeId{3}}});
  desk.settle();
  CHECK(desk.was_told(3, "wanted by 2"));
  desk.wish(3, Serve{NodeId{2}});
  desk.settle();
  CHECK(desk.was_told(2, "goes on"));
}

Run run(std::string name, void (*wish)(Desk&), std::size_t nodes = 4, Options options = {}) {
  return {std::move(name), nodes, wish, {}, 0, 0, [options](NodeId) { return options; }};
}

void primary_fails(Desk& desk) {
  desk.wish(1, Propose{"blue"});
  desk.settle();
  desk.wish(2, Propose{"red"});
  CHECK(desk.was_told(2, "refused: the primary is 1"));
  desk.crash(1);
  desk.wish(2, Suspect{});
  desk.settle();
  CHECK(desk.node(4).state() == "1 writes, view 2 of 2");
  desk.wish(2, Propose{"red"});
  desk.settle();
  CHECK(desk.was_told(2, "answered written at 2"));
  CHECK(desk.node(3).missing().empty());
}

// Two rounds for nobody; then one wants it.
void sleeping_token(Desk& desk) {
  desk.tick_all();
  desk.run_until([&] { return !desk.next_deadline(); });
  desk.wish(3, Enter{});
  desk.run_until([&] { return desk.was_told(3, "granted"); });
}

}  // namespace

std::vector<Run> troubled_runs() {
  return {run("lamport", contention),
          run("ricart-agrawala", contention),
          run("suzuki-kasami", contention),
          run("maekawa", quorum_is_given_back, 9),
          run("token-ring", lost_token, 4, {{"lost_after_ms", "50"}}),
          run("token-ring", sleeping_token, 4),
          run("paxos", rival_proposers),
          run("multi-paxos", away_for_a_while),
          run("2pc", blocked_participants),
          run("3pc", another_takes_over),
          run("pbft", silent_primary, 4, {{"checkpoint_every", "1"}}),
          run("pbft", late_replica, 4, {{"places", "1"}}),
          run("ghs", all_wake, 6, {{"edges", "1-2:1,2-3:2,4-5:4,5-6:5,3-6:9"}}),
          run("cmh-and", no_deadlock),
          run("cmh-or", no_deadlock),
          run("wait-graph", no_deadlock),
          run("primary-backup", primary_fails),
          run("async-backup", primary_fails)};
}

}  // namespace classical_desk
