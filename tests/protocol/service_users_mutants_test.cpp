// SPDX-License-Identifier: MIT
// What users may do to each other's names, leaderships and barriers from level 2 on, and the rules without
// which they could do more.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "service_scenario.hpp"

using namespace coord;
using namespace coord::service;

namespace {

// A group of this level with one peer, whose tools are of several users.
struct Users {
  explicit Users(Level level = 2, std::optional<Limits> limits = {}) {
    if (limits) log.machine = StateMachine(*limits);
    if (!limits) log.machine = StateMachine::at_level(level);
    if (limits) {
      State state;
      state.level = level;
      log.machine = *StateMachine::restore(state, limits);
    }
    // A peer of this program announces its level.
    log.apply(Command{.body = Register{NodeId{1}, 1, {}, newest_level}});
    client = log.find<Registered>().client;
  }
  static Open open(std::uint32_t uid, const std::string& user) {
    return Open{Owner{"peer", "host", uid, user, 42, "command"}, 10s, 7};
  }
  std::string propose(Body body) {
    return log.apply(
        Command{.node = NodeId{1}, .client = client, .sequence = ++sequence, .body = std::move(body)});
  }
  std::string lock(std::uint32_t uid, const std::string& user, std::vector<std::string> names) {
    return propose(Acquire{.open = open(uid, user), .request = 1, .names = std::move(names)});
  }
  std::string lead(std::uint32_t uid, const std::string& user, int priority, bool preempt = false) {
    return propose(Acquire{.open = open(uid, user),
                           .request = 1,
                           .names = {"job"},
                           .candidacy = Candidacy{.priority = priority, .preempt = preempt}});
  }
  std::string arrive(std::uint32_t uid, const std::string& user, const std::string& id,
                     std::uint32_t count = 3) {
    return propose(Arrive{.open = open(uid, user), .name = "gate", .id = id, .terms = {.count = count}});
  }

  Log log;
  ClientId client{};
  std::uint64_t sequence = 0;
};

const std::string not_yours = "refused: " + describe(Refusal::not_yours);

// The same without a rule, and with it again.
template <class What>
auto without(const char* rule, const What& what) {
  mutants::removed = rule;
  auto result = what();
  mutants::removed.clear();
  return result;
}

}  // namespace

TEST_CASE("name_is_its_users: whoever uses another user's name is noticed") {
  const auto refused = [] {
    Users users;
    users.lock(1000, "alice", {"@alice/x"});
    return std::vector<std::string>{
        users.lock(1001, "bob", {"@alice/x"}),
        users.lock(1001, "bob", {"plain", "@alice/y"}),
        users.propose(Acquire{
            .open = Users::open(1001, "bob"), .request = 1, .names = {"@alice/x"}, .candidacy = Candidacy{}}),
        users.propose(Enroll{"@alice/x", {0, "", 1001, "bob"}}),
        users.propose(
            Arrive{.open = Users::open(1001, "bob"), .name = "@alice/x", .id = "one", .terms = {.count = 1}}),
        users.propose(ResetBarrier{"@alice/x", 1001, "bob"}),
    };
  };
  CHECK(refused() == std::vector<std::string>(6, not_yours));
  for (const std::string& answer : without("name_is_its_users", refused)) CHECK(answer != not_yours);
  Users users;
  CHECK(users.lock(1000, "alice", {"@alice/x"}).starts_with("opened"));
  CHECK(users.lock(0, "root", {"@bob/x"}).starts_with("opened"));
  CHECK(users.lock(1234, "1234", {"@#1234/x"}).starts_with("opened"));
  CHECK(users.lock(1000, "alice", {"@/x"}) == not_yours);
}

TEST_CASE("deposes_only_own: whoever deposes another user's leader is noticed") {
  const auto refused = [] {
    Users users;
    users.lead(1000, "alice", 1);
    const Token term = users.log.find<Granted>().token;
    return std::vector<std::string>{users.propose(Depose{"job", term, 1001, "bob"}),
                                    users.lead(1001, "bob", 9, true)};
  };
  CHECK(refused() == std::vector<std::string>(2, not_yours));
  CHECK(without("deposes_only_own", refused).front().starts_with("deposed"));
  Users users;
  users.lead(1000, "alice", 1);
  const Token term = users.log.find<Granted>().token;
  CHECK(users.lead(1001, "bob", 1, true).find("queued") != std::string::npos);  // preempts nobody
  CHECK(users.propose(Depose{"job", term, 0, "root"}).starts_with("deposed"));
}

TEST_CASE("resets_only_own: whoever resets a barrier where others take part is noticed") {
  const auto refused = [] {
    Users users;
    users.arrive(1000, "alice", "one");
    users.arrive(1001, "bob", "two");
    return users.propose(ResetBarrier{"gate", 1001, "bob"});
  };
  CHECK(refused() == not_yours);
  CHECK(without("resets_only_own", refused).starts_with("done"));
  Users users;
  users.arrive(1000, "alice", "one");
  CHECK(users.propose(ResetBarrier{"gate", 1001, "bob"}) == not_yours);
  CHECK(users.propose(ResetBarrier{"gate", 1000, "alice"}).starts_with("done"));
  users.arrive(1000, "alice", "one");
  users.arrive(1001, "bob", "two");
  CHECK(users.propose(ResetBarrier{"gate", 0, "root"}).starts_with("done"));
}

TEST_CASE("of a participant whose command has ended it is known whose it was") {
  Users users;
  users.propose(Arrive{.open = Users::open(1000, "alice"),
                       .name = "gate",
                       .id = "one",
                       .terms = {.count = 2},
                       .command = true});
  const SessionId alice{users.log.last};
  users.propose(Arrive{
      .open = Users::open(1001, "bob"), .name = "gate", .id = "two", .terms = {.count = 2}, .command = true});
  users.propose(Finish{alice, 0, {}});
  users.propose(Close{alice, CloseReason::finished});
  CHECK(users.propose(ResetBarrier{"gate", 1001, "bob"}) == not_yours);
}

TEST_CASE("names_of_user_bounded: one user's names leave room for the others") {
  const auto second = [](Level level) {
    Limits limits;
    limits.names_of_user = level < 2 ? limits_of_level(1).names_of_user : 2;
    Users users(level, limits);
    users.lock(1000, "alice", {"a", "b"});
    return users.lock(1000, "alice", {"c"});
  };
  const std::string full = "refused: " + describe(Refusal::too_many_names_of_user);
  CHECK(second(2) == full);
  CHECK(without("names_of_user_bounded", [&] { return second(2); }) != full);
  CHECK(second(1) != full);
  Limits limits;
  limits.names_of_user = 2;
  Users users(2, limits);
  users.lock(1000, "alice", {"a", "b"});
  const SessionId alice{users.log.last};
  CHECK(users.lock(1001, "bob", {"c"}).starts_with("opened"));
  // What a hold leaves behind counts as well, until its time is over.
  users.propose(Close{alice, CloseReason::finished});
  users.propose(Acquire{
      .open = Users::open(1000, "alice"), .request = 1, .names = {"a", "b"}, .terms = {.min_hold = 60s}});
  const Token token = users.log.find<Granted>().token;
  users.propose(Close{SessionId{users.log.last}, CloseReason::finished});
  CHECK(users.lock(1000, "alice", {"d"}) == full);
  users.log.leader(TimerOver{TimerKind::min_hold, token});
  CHECK(users.lock(1000, "alice", {"d"}).starts_with("opened"));
  // And a machine that comes from a snapshot counts the same.
  users.log.machine = *StateMachine::restore(users.log.machine.state(), limits);
  CHECK(users.lock(1000, "alice", {"e", "f"}) == full);
}

TEST_CASE("before level 2 the log lets through what only a peer has looked at") {
  Users users(1);
  CHECK(users.lock(1001, "bob", {"@alice/x"}).starts_with("opened"));
  users.lead(1000, "alice", 1);
  CHECK(users.lead(1001, "bob", 9, true).find("preempted") != std::string::npos);
  users.arrive(1000, "alice", "one");
  CHECK(users.propose(ResetBarrier{"gate", 1001, "bob"}).starts_with("done"));
  for (const auto& [name, barrier] : users.log.machine.state().barriers.barriers)
    for (const auto& [number, generation] : barrier.generations)
      for (const auto& [id, arrival] : generation.arrivals) CHECK(arrival.user.empty());
}

namespace {

// A user's slot of this name and key, begun and let go.
std::string slot(Users& users, std::uint32_t uid, const std::string& user, const std::string& name,
                 const std::string& key) {
  const std::string answer =
      users.propose(Acquire{.open = Users::open(uid, user),
                            .request = 1,
                            .names = {name},
                            .candidacy = Candidacy{.slot = SlotWish{.key = key, .attempts = 5}}});
  if (answer.starts_with("opened")) users.propose(Close{SessionId{users.log.last}, CloseReason::finished});
  return answer;
}

}  // namespace

TEST_CASE("slots_of_user_bounded: one user's slots leave room for the others, and root's are not bounded") {
  const std::string full = "refused: " + describe(Refusal::too_many_slots_of_user);
  Limits limits;
  limits.books_of_user = 2;
  limits.slot_keys_of_user = 3;
  const auto third_name = [&] {
    Users users(2, limits);
    slot(users, 1000, "alice", "a", "1");
    slot(users, 1000, "alice", "b", "1");
    return slot(users, 1000, "alice", "c", "1");
  };
  CHECK(third_name() == full);
  CHECK(without("slots_of_user_bounded", third_name) != full);
  Users users(2, limits);
  slot(users, 1000, "alice", "a", "1");
  slot(users, 1000, "alice", "b", "1");
  CHECK(slot(users, 1000, "alice", "b", "2").starts_with("opened"));
  CHECK(slot(users, 1000, "alice", "b", "3") == full);                // a key
  CHECK(slot(users, 1000, "alice", "b", "2").starts_with("opened"));  // again is no new one
  CHECK(slot(users, 1001, "bob", "c", "1").starts_with("opened"));
  CHECK(slot(users, 1001, "bob", "a", "7").starts_with("opened"));  // a key of his in another's book
  CHECK(slot(users, 0, "root", "d", "1").starts_with("opened"));
  users.log.machine = *StateMachine::restore(users.log.machine.state(), limits);
  CHECK(slot(users, 1000, "alice", "e", "1") == full);
  CHECK(slot(users, 1001, "bob", "f", "1").starts_with("opened"));
  CHECK(slot(users, 1001, "bob", "g", "1") == full);
}

TEST_CASE("a user's names without slots are forgotten for his own, the oldest first") {
  Limits limits;
  limits.books_of_user = 2;
  Users users(2, limits);
  const auto completes = [&](const std::string& name) {
    users.propose(
        Acquire{.open = Users::open(1000, "alice"), .request = 1, .names = {name}, .candidacy = Candidacy{}});
    const SessionId session{users.log.last};
    const std::string answer = users.propose(Complete{session, 1});
    users.propose(Close{session, CloseReason::finished});
    return answer;
  };
  for (const char* name : {"a", "b", "c"}) CHECK(completes(name).find("refused") == std::string::npos);
  const auto& books = users.log.machine.state().elections.books;
  CHECK(books.size() == 2);
  CHECK_FALSE(books.contains("a"));
}

TEST_CASE("below level 2 no user is kept, and none is counted") {
  Users users(1);
  slot(users, 1000, "alice", "a", "1");
  users.arrive(1000, "alice", "one");
  const State& state = users.log.machine.state();
  CHECK(state.elections.books.at("a").user.empty());
  CHECK(state.elections.books.at("a").slots.at("1").user.empty());
  CHECK(state.barriers.barriers.at("gate").user.empty());
}

TEST_CASE("barriers_of_user_bounded: one user's barriers in use leave room for the others") {
  const std::string full = "refused: " + describe(Refusal::too_many_barriers_of_user);
  Limits limits;
  limits.barriers_of_user = 2;
  const auto at = [](Users& users, std::uint32_t uid, const std::string& user, const std::string& name,
                     std::uint32_t count = 2) {
    return users.propose(
        Arrive{.open = Users::open(uid, user), .name = name, .id = user, .terms = {.count = count}});
  };
  const auto third = [&] {
    Users users(2, limits);
    at(users, 1000, "alice", "a");
    at(users, 1000, "alice", "b");
    return at(users, 1000, "alice", "c");
  };
  CHECK(third() == full);
  CHECK(without("barriers_of_user_bounded", third) != full);
  Users users(2, limits);
  at(users, 1000, "alice", "a");
  const SessionId first{users.log.last};
  at(users, 1000, "alice", "b");
  CHECK(at(users, 1001, "bob", "c") != full);
  CHECK(at(users, 1000, "alice", "c") != full);  // bob's: it was his before she came
  CHECK(at(users, 0, "root", "d") != full);
  CHECK(at(users, 1000, "alice", "e") == full);
  users.propose(Depart{first});
  CHECK(at(users, 1000, "alice", "e") != full);
  CHECK(at(users, 1001, "bob", "b") != full);  // released: it is idle now, and counts no more
  CHECK(at(users, 1000, "alice", "f") != full);
  users.log.machine = *StateMachine::restore(users.log.machine.state(), limits);
  CHECK(at(users, 1000, "alice", "g") == full);
}
