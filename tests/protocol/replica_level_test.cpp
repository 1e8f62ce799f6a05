// SPDX-License-Identifier: MIT
// The level of a group of peers of two releases (base/level.hpp): when it rises, what is written and sent
// before, and who is kept out after.
#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/rule.hpp"
#include "replica/logged_group.hpp"
#include "replica/replica.hpp"
#include "service/level.hpp"
#include "wire/codec.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

constexpr NodeId a{1}, b{2}, c{3};
const std::vector<NodeId> all{a, b, c};

// Three peers with disks that are never late, and a network that keeps order.
class Group {
 public:
  explicit Group(Duration raise_after = 1h, Duration new_group_for = 0s)
      : raise_after_(raise_after), new_group_for_(new_group_for) {}

  // A process of the release that knows this level, on what its disk holds.
  void start(NodeId node, Level knows) {
    Disk& disk = disks_[node];
    Config config;
    config.raft.self = node;
    config.raft.peers = all;
    config.raft.incarnation.fill(static_cast<std::uint8_t>(node.value));
    config.level = knows;
    config.raise_after = raise_after_;
    config.new_group_for = new_group_for_;
    peers_.erase(node);
    peers_.try_emplace(
        node, Replica(config, {disk.hard_state, {}, disk.entries}, {}, {}, Random(++seed_), now_), knows);
    for (auto& [other, peer] : peers_) peer.greeted.erase(node);
    peers_.at(node).greeted_with = replica(node).speaks();
  }
  void start_all(Level knows) {
    for (const NodeId node : all) start(node, knows);
    pass(2s);
  }
  void stop(NodeId node) { peers_.erase(node); }
  void cut(NodeId node) { cut_.push_back(node); }

  void tell(NodeId node, const Event& event) {
    perform(node, replica(node).step(now_, {}, event));
    perform(node, replica(node).settle(now_, {}));
    deliver();
  }
  void pass(Duration time) {
    for (const Instant end = now_ + time; now_ < end; now_ += 5ms) {
      for (const NodeId node : all) {
        if (peers_.contains(node)) tell(node, Tick{});
      }
    }
  }

  Replica& replica(NodeId node) { return peers_.at(node).replica; }
  Level level(NodeId node) { return replica(node).machine().level(); }
  NodeId leader() {
    for (auto& [node, peer] : peers_) {
      if (peer.replica.raft().role() == raft::Role::leader) return node;
    }
    return {};
  }
  NodeId follower() { return leader() == c ? b : c; }
  const std::vector<raft::Entry>& log_of(NodeId node) { return disks_[node].entries; }
  Level highest_on_disk(NodeId node) {
    Level level = first_level;
    for (const raft::Entry& entry : disks_[node].entries) level = std::max(level, entry.level);
    return level;
  }

  bool greets = true;              // false: what a peer says of itself gets lost
  std::size_t above_greeting = 0;  // messages of a level above the one that their connection was greeted with
  Level highest_sent = first_level;
  std::vector<std::string> halted;
  std::vector<OrderAnswer> answers;  // to hosts that are none of the three

 private:
  struct Disk {
    raft::HardState hard_state;
    std::vector<raft::Entry> entries;
  };
  struct Peer {
    Peer(Replica made, Level known) : replica(std::move(made)), knows(known) {}
    Replica replica;
    Level knows;
    Level greeted_with = first_level;
    std::map<NodeId, std::uint64_t> greeted{};
  };
  struct Letter {
    NodeId from;
    SendPeer send;
  };

  void perform(NodeId node, Actions actions) {
    std::vector<std::uint64_t> jobs;
    for (Action& action : actions) {
      if (auto* job = std::get_if<DiskJob>(&action)) {
        if (const auto* persist = std::get_if<raft::Persist>(&job->work)) write(disks_[node], *persist);
        jobs.push_back(job->job);
      } else if (auto* send = std::get_if<SendPeer>(&action)) {
        if (send->level > peers_.at(node).greeted_with) ++above_greeting;
        highest_sent = std::max(highest_sent, send->level);
        if (const auto* answer = std::get_if<OrderAnswer>(&send->message);
            answer && !peers_.contains(send->to))
          answers.push_back(*answer);
        letters_.push_back({node, std::move(*send)});
      } else if (const auto* speak = std::get_if<SpeakLevel>(&action)) {
        peers_.at(node).greeted_with = speak->level;
      } else if (const auto* halt = std::get_if<Halted>(&action)) {
        halted.push_back(halt->why);
      }
    }
    for (const std::uint64_t job : jobs) {
      perform(node, replica(node).step(now_, {}, JobDone{job, false}));
      perform(node, replica(node).settle(now_, {}));
    }
  }
  static void write(Disk& disk, const raft::Persist& persist) {
    if (persist.hard_state) disk.hard_state = *persist.hard_state;
    if (persist.entries.empty()) return;
    disk.entries.resize(static_cast<std::size_t>(persist.first.value - 1));
    disk.entries.insert(disk.entries.end(), persist.entries.begin(), persist.entries.end());
  }
  void deliver() {
    while (!letters_.empty()) {
      Letter letter = std::move(letters_.front());
      letters_.pop_front();
      const auto is_cut = [&](NodeId node) { return std::ranges::find(cut_, node) != cut_.end(); };
      if (is_cut(letter.from) || is_cut(letter.send.to)) continue;
      if (!peers_.contains(letter.from) || !peers_.contains(letter.send.to)) continue;
      const Peer& from = peers_.at(letter.from);
      Peer& to = peers_.at(letter.send.to);
      if (from.greeted_with > to.knows || from.knows < to.replica.speaks())
        continue;  // refused at the greeting
      const std::uint64_t life = from.replica.life();
      if (greets && to.greeted[letter.from] != life) {
        to.greeted[letter.from] = life;
        perform(letter.send.to, to.replica.step(now_, {}, Greeted{letter.from, from.knows, life}));
      }
      perform(letter.send.to,
              to.replica.step(now_, {}, FromPeer{letter.from, letter.send.message, letter.send.level}));
      perform(letter.send.to, to.replica.settle(now_, {}));
    }
  }

  const Duration raise_after_, new_group_for_;
  Instant now_{1h};
  std::uint64_t seed_ = 1;
  std::map<NodeId, Disk> disks_;
  std::map<NodeId, Peer> peers_;
  std::deque<Letter> letters_;
  std::vector<NodeId> cut_;
};

class Without {
 public:
  explicit Without(const char* rule) { mutants::removed = rule; }
  ~Without() { mutants::removed.clear(); }
};

// A peer of the first level that follows, and what it does with what a leader of a later level sends.
class Old {
 public:
  Old() : replica_(config(), recovered(), {}, {}, Random(1), Instant(1h)) {}
  Actions hears(const raft::Message& message) { return replica_.step(Instant(1h), {}, FromPeer{b, message}); }
  Actions ticks(Instant now) { return replica_.step(now, {}, Tick{}); }

 private:
  static Config config() {
    Config config;
    config.raft.self = a;
    config.raft.peers = all;
    config.level = first_level;
    return config;
  }
  static raft::Recovered recovered() {
    raft::Recovered recovered;
    recovered.hard_state.term = Term{1};
    for (const NodeId peer : all) recovered.hard_state.founders[peer] = {};
    return recovered;
  }
  Replica replica_;
};

raft::AppendRequest raise_request() {
  raft::AppendRequest request;
  request.term = Term{1};
  request.entries = {{Term{1}, LogIndex{1}, raft::EntryKind::raise, wire::encode(service::Raise{2, {}})}};
  return request;
}

raft::SnapshotRequest snapshot_request() {
  return {Term{1}, LogIndex{9}, Term{1}, 3, 0, {1, 2, 3}, 2};
}

bool writes_or_answers(const Actions& actions) {
  return std::ranges::any_of(actions, [](const Action& action) {
    return std::holds_alternative<DiskJob>(action) || std::holds_alternative<SendPeer>(action);
  });
}

}  // namespace

TEST_CASE("a group that is founded by this release is at the newest level soon after") {
  Group group(1h, 1min);
  group.start_all(newest_level);
  for (const NodeId node : all) CHECK(group.level(node) == newest_level);
  CHECK(group.above_greeting == 0);
}

TEST_CASE("a group of two releases writes and sends nothing that the earlier one cannot read") {
  Group group(100ms, 1min);
  for (const NodeId node : {a, b}) group.start(node, newest_level);
  group.start(c, first_level);
  group.pass(5s);
  REQUIRE(group.leader() != NodeId{});
  CHECK(group.level(a) == first_level);
  CHECK(group.highest_sent == first_level);
  for (const NodeId node : all) CHECK(group.highest_on_disk(node) == first_level);
  if (group.leader() != c) {
    const LevelView view = group.replica(group.leader()).level_view();
    CHECK(view.next == 2);
    CHECK(view.missing == std::map<NodeId, LevelView::Missing>{{c, LevelView::Missing::earlier}});
  }

  group.stop(c);
  group.start(c, newest_level);
  group.pass(5s);
  for (const NodeId node : all) CHECK(group.level(node) == newest_level);
  CHECK(group.above_greeting == 0);
  CHECK(group.halted.empty());
}

TEST_CASE("the level rises when its time has come, or at the operator's word, and not before") {
  Group group(10s);
  group.start_all(newest_level);
  CHECK(group.level(a) == first_level);
  CHECK(group.replica(group.leader()).level_view().missing.empty());
  REQUIRE(group.replica(group.leader()).level_view().due.has_value());
  group.tell(group.leader(), RaiseNow{});
  group.pass(200ms);
  for (const NodeId node : all) CHECK(group.level(node) == newest_level);

  Group patient(10s);
  patient.start_all(newest_level);
  patient.pass(7s);
  CHECK(patient.level(a) == first_level);
  patient.pass(2s);
  CHECK(patient.level(a) == newest_level);
}

TEST_CASE("who is missing is named, with why") {
  Group group;
  group.start_all(newest_level);
  const NodeId leader = group.leader(), other = group.follower();
  group.tell(leader, Parted{other});
  CHECK(group.replica(leader).level_view().missing ==
        std::map<NodeId, LevelView::Missing>{{other, LevelView::Missing::unreachable}});
  group.tell(leader, RaiseNow{});
  group.pass(1s);
  CHECK(group.level(leader) == first_level);
}

TEST_CASE("a peer that was away while the level rose catches up, and then speaks it") {
  Group group(100ms);
  group.start_all(first_level);
  const NodeId away = group.follower();
  for (const NodeId node : all) group.start(node, newest_level);
  group.pass(5s);
  REQUIRE(group.level(away) == newest_level);
  group.stop(away);
  group.pass(1s);
  group.start(away, newest_level);
  group.pass(1s);
  CHECK(group.level(away) == newest_level);
  CHECK(group.replica(away).client() != service::ClientId{});
  CHECK(group.above_greeting == 0);
}

TEST_CASE("a peer halts on a committed entry that it cannot read, whatever the level") {
  Group group(1h, 1min);
  group.start_all(newest_level);
  for (const Level level : {1U, 2U}) {
    Group other(1h, level == 2 ? Duration(1min) : Duration{});
    other.start_all(newest_level);
    other.tell(other.leader(), FromPeer{other.follower(), Forward{{{1, 2, 3}}}, level});
    other.pass(200ms);
    CHECK(other.halted.empty());  // a leader appends no such thing
  }
  raft::AppendRequest request;
  request.term = Term{1};
  request.commit = LogIndex{1};
  request.entries = {{Term{1}, LogIndex{1}, raft::EntryKind::command, {1, 2, 3}}};
  Old old;
  const Actions actions = old.hears(request);
  const auto halted = std::ranges::find_if(
      actions, [](const Action& action) { return std::holds_alternative<Halted>(action); });
  REQUIRE(halted != actions.end());
  CHECK(std::get<Halted>(*halted).why.find("log entry 1, of level 1, cannot be read") == 0);
  CHECK(old.ticks(Instant(2h)).empty());
}

TEST_CASE("raise_counts_who_knows_it: a voter below the level that is counted is noticed") {
  const auto level = [] {
    Group group;
    for (const NodeId node : {a, b}) group.start(node, newest_level);
    group.start(c, first_level);
    group.pass(5s);
    if (group.leader() == c) {  // which would raise nothing
      group.stop(c);
      group.pass(2s);
      group.start(c, first_level);
      group.pass(2s);
    }
    for (const NodeId node : {a, b}) group.tell(node, RaiseNow{});
    group.pass(1s);
    return std::max(group.level(a), group.level(b));
  };
  CHECK(level() == first_level);
  const Without rule("raise_counts_who_knows_it");
  CHECK(level() > first_level);
}

TEST_CASE(
    "raise_counts_learners: a level that one does not know who learns is not raised to, and he is named") {
  struct Seen {
    bool rises = false, is_named = false;
  };
  const auto look = [] {
    constexpr Level next = newest_level + 1;
    Group group(1h, 1min);
    group.start_all(newest_level);
    const NodeId learner = group.follower();
    group.tell(group.leader(), AskVoters{1, {VoterVerb::demote, learner, {}, "test"}});
    group.pass(2s);
    REQUIRE(group.replica(group.leader()).raft().voters().learns(learner));
    for (const NodeId node : all) {
      if (node == learner) continue;
      group.stop(node);
      group.start(node, next);
    }
    group.pass(3s);
    const NodeId leader = group.leader();
    REQUIRE(leader != NodeId{});
    const auto missing = group.replica(leader).level_view().missing;
    group.tell(leader, RaiseNow{});
    group.pass(1s);
    return Seen{group.level(leader) == next, missing.contains(learner)};
  };
  CHECK_FALSE(look().rises);
  CHECK(look().is_named);
  const Without rule("raise_counts_learners");
  CHECK(look().rises);
}

TEST_CASE("a log says which group it is of, once an entry shows that its raise was in force") {
  Group group(1h, 1min);
  group.start_all(newest_level);
  const NodeId leader = group.leader();
  group.tell(leader, PutIntoLog{service::KeepVoters{{3, 60s, 0s, {}}, {}}});
  group.pass(100ms);
  std::vector<raft::Entry> log = group.log_of(leader);
  const auto said = group_in(log);
  REQUIRE(said.has_value());
  CHECK(*said == group.replica(leader).machine().state().group);
  const auto after = std::ranges::find_if(log, [](const raft::Entry& entry) { return entry.level >= 2; });
  log.erase(after, log.end());
  CHECK_FALSE(group_in(log).has_value());  // it may be void
  CHECK_FALSE(group_in({}).has_value());
}

TEST_CASE("a voter passes an order of a host without a vote on to who leads, once, and the answer back") {
  Group group(1h, 1min);
  group.start_all(newest_level);
  const NodeId follower = group.follower();
  const NodeId leader = group.leader();
  constexpr NodeId member{9};
  const auto order = [&](NodeId at, bool is_last) {
    const PassedOrder passed{77, {VoterVerb::demote, follower, {}, "test"}, is_last};
    group.tell(at, FromPeer{member, passed, newest_level, false});
    REQUIRE_FALSE(group.answers.empty());
    REQUIRE(group.answers.back().id == 77);
    return group.answers.back().answer;
  };
  CHECK(order(follower, true).progress == VoterProgress::nobody_leads);
  const VoterAnswer answer = order(follower, false);
  CHECK(answer.progress == VoterProgress::is_proposed);
  CHECK(answer.leader == leader);
  group.pass(1s);
  CHECK(group.replica(leader).raft().voters().learns(follower));
  CHECK(order(leader, false).progress == VoterProgress::done);
}

TEST_CASE("links_greeted_at_level: what goes out on a connection of before the raise is noticed") {
  const auto sent = [] {
    Group group;
    group.start_all(newest_level);
    group.tell(group.leader(), RaiseNow{});
    group.pass(1s);
    return group.above_greeting;
  };
  CHECK(sent() == 0);
  const Without rule("links_greeted_at_level");
  CHECK(sent() > 0);
}

TEST_CASE("raise_in_force_when_applied: a leader that speaks a level which it has only appended is noticed") {
  const auto spoken = [] {
    Group group;
    group.start_all(newest_level);
    const NodeId leader = group.leader();
    for (const NodeId node : all) {
      if (node != leader) group.cut(node);
    }
    group.tell(leader, RaiseNow{});
    group.pass(50ms);
    return group.replica(leader).speaks();
  };
  CHECK(spoken() == first_level);
  const Without rule("raise_in_force_when_applied");
  CHECK(spoken() > first_level);
}

TEST_CASE("announcement_of_one_life: an announcement that is kept over a restart is noticed") {
  const auto level = [] {
    Group group;
    group.start_all(newest_level);
    const NodeId leader = group.leader(), other = group.follower();
    group.greets = false;
    group.stop(other);
    group.start(other, first_level);
    group.pass(2s);
    group.tell(leader, RaiseNow{});
    group.pass(1s);
    return group.level(leader);
  };
  CHECK(level() == first_level);
  const Without rule("announcement_of_one_life");
  CHECK(level() > first_level);
}

TEST_CASE(
    "entries_of_known_levels: a peer that stores an entry of a level which it does not know is noticed") {
  CHECK_FALSE(writes_or_answers(Old().hears(raise_request())));
  const Without rule("entries_of_known_levels");
  CHECK(writes_or_answers(Old().hears(raise_request())));
}

TEST_CASE("snapshot_level_first: a peer that looks at a snapshot's level once it is installed is noticed") {
  CHECK_FALSE(writes_or_answers(Old().hears(snapshot_request())));
  const Without rule("snapshot_level_first");
  CHECK(writes_or_answers(Old().hears(snapshot_request())));
}

TEST_CASE("a peer that was sent what it cannot read keeps its state and stands in no election") {
  Old old;
  (void)old.hears(raise_request());
  for (int second = 1; second <= 10; ++second)
    CHECK_FALSE(writes_or_answers(old.ticks(Instant(1h) + std::chrono::seconds(second))));
}

TEST_CASE(
    "finished_pause_is_told: a pause that is over is over for who is started later, and with no count, too") {
  const auto ends = [](std::uint32_t count) {
    Group group(1h, 1min);
    group.start_all(newest_level);
    const NodeId leader = group.leader();
    const service::VoterPolicy policy{count, 60s, 1s, WallTime{7}};
    const LogIndex seen = group.replica(leader).machine().state().kept_at;
    group.tell(leader, PutIntoLog{service::KeepVoters{policy, seen}});
    group.pass(500ms);
    REQUIRE(group.replica(leader).machine().state().kept_voters == policy);
    group.pass(2s);
    return std::ranges::all_of(all, [&](NodeId node) {
      const service::VoterPolicy& kept = group.replica(node).machine().state().kept_voters;
      return kept.pause == Duration{} && kept.count == count;
    });
  };
  CHECK(ends(3));
  CHECK(ends(0));
  const Without rule("finished_pause_is_told");
  CHECK_FALSE(ends(3));
  CHECK_FALSE(ends(0));
}
