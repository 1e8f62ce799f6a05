// SPDX-License-Identifier: MIT
// A host that does not vote: what it asks the voters, what it believes of their answers, and what its tools
// are told when the voter is lost. With three voters under faults: the sweep's profile `members`.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/rule.hpp"
#include "replica/feed.hpp"
#include "replica/forwarder.hpp"
#include "replica/replicated_service.hpp"
#include "wire/codec.hpp"
#include "wire/state_sections.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

constexpr NodeId a{1}, b{2}, c{3}, self{9};

// The member, and voters that say what the test wants.
class Member {
 public:
  Member() : Member(1) {}
  explicit Member(std::uint64_t seed, Level knows = newest_level) {
    Forwarder::Config config;
    config.self = self;
    config.voters = {a, b, c};
    config.level = knows;
    config.speaks = std::min<Level>(2, knows);
    SessionsConfig sessions;
    sessions.self = self;
    sessions.ttl_low = 100ms;
    service_.emplace(std::make_unique<Forwarder>(config, Random(seed), now), std::move(sessions));
  }

  const Forwarder& log() const { return dynamic_cast<const Forwarder&>(service_->log()); }
  void tell(const ServiceEvent& event) {
    take(service_->step(now, {}, event));
    take(service_->settle(now, {}));
  }
  void pass(Duration time) {
    for (const Instant end = now + time; now < end; now += 10ms) tell(Tick{});
  }
  void hear(NodeId from, PeerMessage message) { tell(FromPeer{from, std::move(message), 2, false}); }
  void connect(NodeId voter) { tell(Greeted{voter, 2, voter.value}); }

  // The state of a group in which one command was applied, and who leads.
  void begin(NodeId voter) {
    connect(voter);
    auto machine = service::StateMachine::at_level(2);
    service::Command command;
    command.wall = WallTime{1'000'000'000};
    command.body = service::Register{a, 5, {}, 2};
    (void)machine.apply(LogIndex{5}, command);
    const Bytes state = wire::encode_state(machine.state());
    hear(voter, FedState{life(), asked().number, LogIndex{5}, 2, state.size(), 0, state, {}});
    say(voter);
    apply_all(voter);
    REQUIRE(log().client() != service::ClientId{});
  }
  // Nothing new.
  void say(NodeId voter, NodeId leader = a) {
    hear(voter, Fed{life(), asked().number, leader, Term{3}, log().applied(), {}, {}});
  }
  // What has come by Forward since, as the next entries of the log.
  std::vector<raft::Entry> ordered() {
    std::vector<raft::Entry> entries;
    std::uint64_t at = log().applied().value;
    for (Bytes& command : forwarded_)
      entries.push_back({Term{3}, LogIndex{++at}, raft::EntryKind::command, std::move(command), 2});
    forwarded_.clear();
    return entries;
  }
  void apply_all(NodeId voter) {
    hear(voter, Fed{life(), asked().number, a, Term{3}, log().applied(), ordered(), {}});
  }

  std::uint64_t life() const { return log().life(); }
  const Follow& asked() const { return follow_.back().second; }
  NodeId asked_of() const { return follow_.back().first; }
  std::size_t questions() const { return follow_.size(); }
  std::size_t forwarded() const { return forwarded_.size(); }
  NodeId forwarded_to() const { return forwarded_to_; }
  const std::vector<PassedOrder>& passed() const { return passed_; }         // orders of its operators
  const std::vector<VotersAnswered>& answered() const { return answered_; }  // to them
  const std::vector<std::string>& halted() const { return halted_; }         // and why
  template <class Answer>
  std::size_t told() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        told_, [](const local::Answer& answer) { return std::holds_alternative<Answer>(answer); }));
  }
  void lock(Duration ttl = 1s) {
    const ConnectionId connection{1};
    tell(FromTool{connection, {1000, "user"}, local::Hello{local::protocol_version, "dlock"}});
    local::Acquire acquire;
    acquire.request = 1;
    acquire.names = {"a"};
    acquire.ttl = ttl;
    tell(FromTool{connection, {1000, "user"}, acquire});
  }

  Instant now{10s};

 private:
  void take(ServiceActions actions) {
    for (ServiceAction& action : actions) {
      if (auto* answer = std::get_if<ToTool>(&action)) told_.push_back(std::move(answer->answer));
      if (const auto* answered = std::get_if<VotersAnswered>(&action)) answered_.push_back(*answered);
      if (const auto* halted = std::get_if<Halted>(&action)) halted_.push_back(halted->why);
      auto* send = std::get_if<SendPeer>(&action);
      if (send == nullptr) continue;
      if (const auto* follow = std::get_if<Follow>(&send->message)) follow_.emplace_back(send->to, *follow);
      if (const auto* order = std::get_if<PassedOrder>(&send->message)) passed_.push_back(*order);
      if (auto* forward = std::get_if<Forward>(&send->message)) {
        forwarded_to_ = send->to;
        std::ranges::move(forward->commands, std::back_inserter(forwarded_));
      }
    }
  }

  std::optional<ReplicatedService> service_;
  std::vector<std::pair<NodeId, Follow>> follow_;
  std::vector<Bytes> forwarded_;
  NodeId forwarded_to_;
  std::vector<local::Answer> told_;
  std::vector<PassedOrder> passed_;
  std::vector<VotersAnswered> answered_;
  std::vector<std::string> halted_;
};

LogIndex after_a_gap() {
  Member member;
  member.begin(a);
  member.connect(b);
  member.tell(Parted{a});
  REQUIRE(member.asked_of() == b);
  const LogIndex before = member.log().applied();
  member.lock();
  // Of an earlier time with the same voter: what lies between went to a connection that is gone.
  std::vector<raft::Entry> entries{{Term{3}, LogIndex{before.value + 3}, raft::EntryKind::noop, {}, 2}};
  member.hear(b, Fed{member.life(),
                     member.asked().number,
                     a,
                     Term{3},
                     LogIndex{before.value + 2},
                     std::move(entries),
                     {}});
  return LogIndex{member.log().applied().value - before.value};
}

bool believes_what_was_told_an_earlier_life() {
  Member member;
  member.begin(a);
  const LogIndex before = member.log().applied();
  std::vector<raft::Entry> entries{{Term{3}, LogIndex{before.value + 1}, raft::EntryKind::noop, {}, 2}};
  member.hear(a, Fed{member.life() + 1, 1, a, Term{3}, before, std::move(entries), {}});
  return member.log().applied() != before;
}

bool refused_for_an_earlier_registration() {
  Member member;
  member.begin(a);
  member.lock();
  REQUIRE(member.forwarded() == 1);
  const service::ClientId earlier{member.log().client().value - 1};
  member.hear(a, Rejected{{1}, Rejected::Why::leader_full, earlier});
  return member.told<local::Refused>() > 0;
}

bool takes_a_late_grant() {
  Member member;
  member.begin(a);
  member.lock(1s);
  member.now += 900ms;  // its command would have to be stopped by now
  member.apply_all(a);
  return member.told<local::Granted>() > 0;
}

LogIndex told_of_a_log() {
  std::vector<raft::Entry> entries;
  for (std::uint64_t i = 1; i <= 5; ++i)
    entries.push_back({Term{1}, LogIndex{i}, raft::EntryKind::noop, {}, 2});
  const raft::Log log({}, {}, std::move(entries));
  const auto machine = service::StateMachine::at_level(2);
  const raft::Voters voters{{a, b, c}, {}};
  Feed feed;
  feed.asked(Instant{1s}, self, Follow{7, 1, LogIndex{1}, true, {}, 0});
  LogIndex last;
  for (const auto& [to, letter] : feed.due({log, LogIndex{3}, machine, voters, a, Term{1}}))
    last = std::get<Fed>(letter).entries.back().index;
  return last;
}

template <class Tried>
auto without(const char* rule, Tried&& tried) {
  mutants::removed = rule;
  const auto result = tried();
  mutants::removed.clear();
  return result;
}

}  // namespace

TEST_CASE("a member asks a voter, registers through it, and its tools get their locks") {
  Member member;
  member.begin(a);
  CHECK(member.log().leader() == a);
  member.lock();
  CHECK(member.forwarded() == 1);
  CHECK(member.told<local::Granted>() == 0);  // sent is not applied
  member.apply_all(a);
  CHECK(member.told<local::Granted>() == 1);
}

TEST_CASE("a command goes to another voter when the first is lost, and is answered once") {
  Member member;
  member.begin(a);
  member.connect(b);
  member.lock();
  const std::vector<raft::Entry> ordered = member.ordered();
  member.tell(Parted{a});
  CHECK(member.asked_of() == b);
  CHECK(member.asked().place == member.log().applied());
  CHECK(member.asked().again);
  member.say(b, c);
  REQUIRE(member.forwarded() == 1);  // once more
  CHECK(member.forwarded_to() == b);
  // Both copies were ordered: the first by the lost voter's leader.
  std::vector<raft::Entry> both = ordered;
  both.push_back(member.ordered().front());
  both.back().index = LogIndex{both.front().index.value + 1};
  member.hear(b, Fed{member.life(), member.asked().number, c, Term{4}, member.log().applied(), both, {}});
  CHECK(member.told<local::Granted>() == 1);
  CHECK(member.log().machine().state().sessions.size() == 1);
}

TEST_CASE("a voter that is silent, or knows no leader, is left for another") {
  Member member;
  member.begin(a);
  member.connect(b);
  SECTION("silent") {
    member.pass(2s);  // half of one until it asks, and one of patience
    CHECK(member.asked_of() == b);
  }
  SECTION("leaderless") {
    for (int i = 0; i < 30 && member.asked_of() == a; ++i) {
      member.say(a, NodeId{});
      member.pass(100ms);
    }
    CHECK(member.asked_of() == b);
    CHECK(member.log().leader() == NodeId{});  // until that one says who leads
  }
}

TEST_CASE("a host without a vote knows who votes and who learns, as of the place to which it has come") {
  Member member;
  member.begin(a);
  const auto say = [&](LogIndex after, std::vector<NodeId> voters, std::vector<NodeId> learners) {
    member.hear(a, Fed{member.life(), member.asked().number, a, Term{3}, after, {}, voters, learners});
  };
  const LogIndex at = member.log().applied();
  say(at, {a, b}, {c});
  CHECK(member.log().voters() == std::vector{a, b});
  CHECK(member.log().learns(c));
  say(LogIndex{at.value - 1}, {a, b, c}, {});  // of an earlier time
  CHECK(member.log().learns(c));
  std::vector<raft::Entry> entries{
      {Term{3}, LogIndex{at.value + 1}, raft::EntryKind::members, raft::encode(raft::Voters{{a}, {b}}), 2}};
  member.hear(a, Fed{member.life(), member.asked().number, a, Term{3}, at, std::move(entries), {}});
  CHECK(member.log().voters() == std::vector{a});
  CHECK(member.log().learns(b));
  CHECK_FALSE(member.log().learns(c));
}

TEST_CASE("orders for voters go to the voter that is asked, and each answer to who has asked") {
  Member member;
  member.begin(a);
  const auto order = [&](std::uint64_t ticket) {
    member.tell(AskVoters{ticket, {VoterVerb::promote, NodeId{7}, {}, "root"}});
  };
  const auto answer = [&](std::uint64_t id, VoterProgress progress) {
    VoterAnswer said;
    said.progress = progress;
    member.hear(a, OrderAnswer{id, said});
  };
  order(11);
  order(12);
  REQUIRE(member.passed().size() == 2);
  CHECK(member.passed()[0].order.node == NodeId{7});
  CHECK_FALSE(member.passed()[0].is_last);
  answer(member.passed()[1].id, VoterProgress::done);
  answer(member.passed()[1].id, VoterProgress::done);  // twice
  answer(member.passed()[0].id, VoterProgress::is_proposed);
  answer(4711, VoterProgress::done);
  REQUIRE(member.answered().size() == 2);
  CHECK(member.answered()[0].ticket == 12);
  CHECK(member.answered()[1].ticket == 11);
  CHECK(member.answered()[1].answer.progress == VoterProgress::is_proposed);

  SECTION("where nobody leads, that is the answer") {
    member.say(a, NodeId{});
    order(13);
    CHECK(member.passed().size() == 2);
    REQUIRE(member.answered().size() == 3);
    CHECK(member.answered()[2].answer.progress == VoterProgress::nobody_leads);
    CHECK(member.answered()[2].answer.leader == NodeId{});
  }
  SECTION("so many at a time, and what nobody answers is forgotten") {
    for (std::uint64_t i = 0; i < 300; ++i) order(100 + i);
    CHECK(member.passed().size() == 2 + 256);
    for (int i = 0; i < 101; ++i) {
      member.pass(100ms);
      member.say(a);
    }
    order(500);
    CHECK(member.passed().size() == 2 + 256 + 1);
    answer(member.passed()[257].id, VoterProgress::done);
    CHECK(member.answered().size() == 2);
  }
}

TEST_CASE("the leader is asked where it can be reached") {
  Member member;
  member.begin(a);
  member.connect(b);
  CHECK(member.asked_of() == a);
  member.say(a, b);
  CHECK(member.asked_of() == b);
}

TEST_CASE("a host that is sent the log, or asked for its vote when nobody leads, votes or is to learn") {
  const auto is_to_vote = [](PeerMessage message, NodeId leader) {
    Member member;
    member.begin(a);
    member.say(a, leader);
    member.hear(b, std::move(message));
    return member.log().is_sent_log();
  };
  CHECK(is_to_vote(raft::Message(raft::AppendRequest{}), a));
  // It was given its vote while it was away, and who leads is gone.
  CHECK(is_to_vote(raft::Message(raft::VoteRequest{}), NodeId{}));
  // Who asks while another one leads has not heard that this host does not vote.
  CHECK_FALSE(is_to_vote(raft::Message(raft::VoteRequest{}), a));
  CHECK_FALSE(is_to_vote(raft::Message(raft::VoteReply{}), NodeId{}));
}

TEST_CASE("nothing_is_left_out: what does not follow is asked for again") {
  CHECK(after_a_gap() == LogIndex{0});
  CHECK(without("nothing_is_left_out", after_a_gap) == LogIndex{3});
}

TEST_CASE("fed_to_this_life: what was told an earlier life is void") {
  CHECK_FALSE(believes_what_was_told_an_earlier_life());
  CHECK(without("fed_to_this_life", believes_what_was_told_an_earlier_life));
}

TEST_CASE("answers_of_this_registration: what was said of an earlier registration is void") {
  CHECK_FALSE(refused_for_an_earlier_registration());
  CHECK(without("answers_of_this_registration", refused_for_an_earlier_registration));
}

TEST_CASE("late_grant_is_closed: a grant that comes later than its lease allows is not taken") {
  CHECK_FALSE(takes_a_late_grant());
  CHECK(without("late_grant_is_closed", takes_a_late_grant));
}

TEST_CASE("of a late grant the session is closed, and the lock is asked for anew") {
  Member member;
  member.begin(a);
  member.lock(1s);
  member.now += 900ms;
  member.apply_all(a);
  const auto& sessions = member.log().machine().state().sessions;
  REQUIRE(sessions.size() == 1);
  const SessionId late = sessions.begin()->first;
  CHECK(member.told<local::Granted>() == 0);
  for (int i = 0; i < 3; ++i) member.apply_all(a);  // the end of that session, and what is asked anew
  CHECK_FALSE(sessions.contains(late));
  CHECK(sessions.size() == 1);
  CHECK(member.told<local::Granted>() == 1);
}

TEST_CASE("a member halts at what its program cannot read, and says which release it needs") {
  const auto entry_at = [](Member& member, raft::EntryKind kind, Bytes data, Level level, Level laid_out) {
    const LogIndex next{member.log().applied().value + 1};
    Fed fed{member.life(), member.asked().number, a, Term{3}, member.log().applied(), {}, {}};
    fed.entries.push_back({Term{3}, next, kind, std::move(data), level});
    member.tell(FromPeer{a, std::move(fed), laid_out, false});
  };
  const auto says = [](const Member& member, const std::string& words) {
    REQUIRE(member.halted().size() == 1);
    CHECK(member.halted().front().find(words) != std::string::npos);
  };
  const auto state_of = [](const Member& member, Level level, Bytes bytes, std::uint64_t size) {
    return FedState{member.life(), member.asked().number, LogIndex{5}, level, size, 0, std::move(bytes), {}};
  };
  const Bytes state = wire::encode_state(service::StateMachine::at_level(2).state());

  SECTION("an entry of level 2, by a program of level 1") {
    Member member(1, 1);
    member.connect(a);
    entry_at(member, raft::EntryKind::noop, {}, 2, 1);
    says(member, "log entry 1 is of level 2, and this program knows level 1: install the release");
    CHECK(member.log().applied() == LogIndex{0});
    // It is silent from then on.
    const std::size_t asked = member.questions();
    member.pass(3s);
    CHECK(member.questions() == asked);
    CHECK(member.halted().size() == 1);
  }
  SECTION("an entry of a level that is not there yet") {
    Member member;
    member.begin(a);
    const LogIndex before = member.log().applied();
    entry_at(member, raft::EntryKind::command, {}, newest_level + 1, 2);
    says(member, "and this program knows level 2: install the release");
    CHECK(member.log().applied() == before);
  }
  SECTION("a command that cannot be read") {
    Member member;
    member.begin(a);
    const LogIndex before = member.log().applied();
    entry_at(member, raft::EntryKind::command, {0xff}, 2, 2);
    says(member, "cannot be read");
    CHECK(member.log().applied() == before);
  }
  SECTION("a raise that cannot be read") {
    Member member;
    member.begin(a);
    entry_at(member, raft::EntryKind::raise, {0xff}, 2, 2);
    says(member, "cannot be read");
  }
  SECTION("a state of level 2, by a program of level 1") {
    Member member(1, 1);
    member.connect(a);
    member.tell(FromPeer{a, state_of(member, 2, state, state.size()), 1, false});
    says(member, "the group's state cannot be read by this program: install the release");
    CHECK(member.log().applied() == LogIndex{0});
  }
  SECTION("a state of a level that is not there yet, or beyond all bounds") {
    Member member;
    member.connect(a);
    const bool is_newer = GENERATE(true, false);
    const std::uint64_t size = is_newer ? state.size() : (std::uint64_t{1} << 32U);
    member.hear(a, state_of(member, is_newer ? newest_level + 1 : 2, state, size));
    says(member, "the group's state cannot be read by this program: install the release");
    CHECK(member.log().applied() == LogIndex{0});
  }
  SECTION("a state that is damaged") {
    Member member;
    member.connect(a);
    member.hear(a, state_of(member, 2, {1, 2, 3}, 3));
    says(member, "the state that a voter has sent cannot be read");
    CHECK(member.log().applied() == LogIndex{0});
  }
  SECTION("a word by formats that it does not know is not read, and halts nobody") {
    Member member;
    member.begin(a);
    const LogIndex before = member.log().applied();
    entry_at(member, raft::EntryKind::noop, {}, 2, newest_level + 1);
    CHECK(member.halted().empty());
    CHECK(member.log().applied() == before);
  }
}

TEST_CASE("members_are_told_what_was_applied: not what is only in the log") {
  CHECK(told_of_a_log() == LogIndex{3});
  CHECK(without("members_are_told_what_was_applied", told_of_a_log) == LogIndex{5});
}
