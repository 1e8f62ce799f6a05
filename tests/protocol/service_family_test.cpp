// SPDX-License-Identifier: MIT
// What a family has to say of itself: whichever it leaves out, it is none, so that the list
// of families does not compile.
#include <array>
#include <catch2/catch.hpp>
#include <string>
#include <type_traits>

#include "service/state_machine.hpp"

namespace coord::service {

namespace {

struct Put {
  int value = 0;
};
struct Rest {
  bool operator==(const Rest&) const = default;
};
struct NoLimits {};

enum class Part {
  none,
  commands,
  shares,
  answers,
  news,
  openings,
  orders,
  questions,
  views,
  watched,
  state,
  limits,
  section,
  since,
  ends_before_holds,
  timers,
  on,
  nature,
  takes,
  rebuild,
  session_ends,
  standing,
  timer_length,
  running_timers,
  timer_over,
  grants_again,
  settle,
  busy,
  makes_durable,
  list_holding,
  list_staying,
  for_each_name,
  end,
};

template <Part>
struct Nothing {};
struct HasCommands {
  using Commands = Types<Put>;
};
struct HasShares {
  using Shares = Types<Cancel>;
};
struct HasAnswers {
  using Answers = Types<>;
};
struct HasNews {
  using News = Types<>;
};
struct HasOpenings {
  using Openings = Types<>;
};
struct HasOrders {
  using Orders = Types<>;
};
struct HasQuestions {
  using Questions = Types<>;
};
struct HasViews {
  using Views = Types<>;
};
struct HasWatched {
  using Watched = Types<>;
};
struct HasState {
  using StatePart = Rest;
};
struct HasLimits {
  using LimitsPart = NoLimits;
};
struct HasSection {
  static constexpr std::uint32_t section = 99;
};
struct HasSince {
  static constexpr Level since = 9;
};
struct HasOrder {
  static constexpr bool ends_before_holds = false;
};
struct HasTimers {
  static constexpr std::array<TimerKind, 0> timers{};
};

template <Part without, Part part, class Has>
using Unless = std::conditional_t<without == part, Nothing<part>, Has>;

// A whole family, but for one part.
template <Part without>
struct Toy : FamilyBase,
             Unless<without, Part::commands, HasCommands>,
             Unless<without, Part::shares, HasShares>,
             Unless<without, Part::answers, HasAnswers>,
             Unless<without, Part::news, HasNews>,
             Unless<without, Part::openings, HasOpenings>,
             Unless<without, Part::orders, HasOrders>,
             Unless<without, Part::questions, HasQuestions>,
             Unless<without, Part::views, HasViews>,
             Unless<without, Part::watched, HasWatched>,
             Unless<without, Part::state, HasState>,
             Unless<without, Part::limits, HasLimits>,
             Unless<without, Part::section, HasSection>,
             Unless<without, Part::since, HasSince>,
             Unless<without, Part::ends_before_holds, HasOrder>,
             Unless<without, Part::timers, HasTimers> {
  // clang-format off
  void on(const Put&, Step&) requires(without != Part::on) {}
  void on(const Cancel&, Step&) {}
  static Nature nature(const Put&) requires(without != Part::nature) { return {}; }
  static Nature nature(const Cancel&) { return {}; }
  bool takes(const Cancel&) const requires(without != Part::takes) { return false; }
  Status rebuild(Rebuild&) requires(without != Part::rebuild) { return done(); }
  void session_ends(SessionId, End, Step&) requires(without != Part::session_ends) {}
  std::optional<Standing> standing(SessionId, std::uint64_t) const requires(without != Part::standing) { return {}; }
  Duration timer_length(TimerKind, Token) const requires(without != Part::timer_length) { return {}; }
  std::vector<RunningTimer> running_timers() const requires(without != Part::running_timers) { return {}; }
  void timer_over(TimerKind, Token, Step&) requires(without != Part::timer_over) {}
  void grants_again() requires(without != Part::grants_again) {}
  void settle(Step&) requires(without != Part::settle) {}
  bool busy() const requires(without != Part::busy) { return false; }
  bool makes_durable() const requires(without != Part::makes_durable) { return false; }
  void list_holding(Words&) const requires(without != Part::list_holding) {}
  void list_staying(Words&) const requires(without != Part::list_staying) {}
  template <class Visit>
  static void for_each_name(const Rest&, Visit&&) requires(without != Part::for_each_name) {}
  // clang-format on
};

// The first part that a family may leave out; `end`: there is none.
template <int... part>
constexpr int forgotten(std::integer_sequence<int, part...>) {
  int found = static_cast<int>(Part::end);
  ((part != 0 && part < found && Family<Toy<static_cast<Part>(part)>> ? found = part : 0), ...);
  return found;
}

}  // namespace

TEST_CASE("a family that says all is one, and one that leaves any part out is none") {
  STATIC_REQUIRE(Family<Toy<Part::none>>);
  CHECK(forgotten(std::make_integer_sequence<int, static_cast<int>(Part::end)>()) ==
        static_cast<int>(Part::end));
}

TEST_CASE(
    "every kind of command and effect is in the list of one family or of the core, at its place in the log") {
  // The order of release 0.1.0: the eldest family stands between the core's own. Then what came later.
  STATIC_REQUIRE(
      std::is_same_v<
          Body, std::variant<Register, Acquire, Cancel, Release, Close, Renew, Expire, TimerOver, TokenFloor,
                             Break, Complete, Depose, Enroll, Withdraw, Arrive, Depart, Finish, ResetBarrier,
                             Shut, Forget, KeepVoters, Move, Replacing, PutValue, RemoveValue, JoinRing,
                             LeaveRing, SettleRing, ProposeValue, ForgetDecision, OpenDecision, JoinCommit,
                             VoteCommit, AbandonCommit, FinishCommit, ForgetCommit, LearnCommit>>);
  // A family that comes later stands behind all that came before it.
  using Later = BodyOf<Locks, Elections, Barriers, Values, Rings, Decisions, Commits, Toy<Part::none>>::type;
  STATIC_REQUIRE(std::variant_size_v<Later> == std::variant_size_v<Body> + 1);
  STATIC_REQUIRE(std::is_same_v<std::variant_alternative_t<std::variant_size_v<Body>, Later>, Put>);
  STATIC_REQUIRE(std::variant_size_v<Effect> == 35);
}

TEST_CASE("families have sections of their own") {
  std::vector<std::uint32_t> sections{CoreState::section};
  for_each_family([&]<class F>() { sections.push_back(F::section); });
  CHECK(sections == std::vector<std::uint32_t>{1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("which commands may grow the state and which a lone peer syncs their families say") {
  Acquire lock{.names = {"x"}};
  CHECK((nature_of(lock).grows && !nature_of(lock).durable));
  lock.candidacy.emplace();
  CHECK((nature_of(lock).grows && nature_of(lock).durable));
  CHECK(nature_of(Arrive{}).grows);
  CHECK_FALSE(nature_of(Release{}).grows);
  CHECK_FALSE(nature_of(Renew{}).grows);
  CHECK(nature_of(Complete{}).durable);
  CHECK(nature_of(Enroll{}).durable);
  CHECK(nature_of(Withdraw{}).durable);
  CHECK_FALSE(nature_of(Depose{}).durable);
}

TEST_CASE("a machine that is copied or moved goes on by itself") {
  StateMachine first;
  first.apply(LogIndex{1}, Command{.body = Register{NodeId{1}, 7, {}, 1}});
  const auto lock = [](StateMachine& machine, std::uint64_t index) {
    Acquire body{
        .open = Open{.owner = {}, .ttl = std::chrono::seconds(1), .nonce = 1}, .request = 1, .names = {"x"}};
    Command command{.node = NodeId{1}, .client = ClientId{1}, .sequence = index, .body = body};
    return machine.apply(LogIndex{index}, command);
  };
  StateMachine second = first;
  lock(second, 2);
  CHECK(first.state().sessions.empty());
  CHECK(first.of<Locks>().table().all().empty());
  CHECK(second.of<Locks>().table().all().size() == 1);
  StateMachine third = std::move(second);
  lock(third, 3);
  CHECK(third.state().requests.size() == 2);
  CHECK(third.of<Locks>().table().find("x")->waiting.size() == 1);
  first = third;
  lock(first, 4);
  CHECK(first.state().requests.size() == 3);
  CHECK(third.state().requests.size() == 2);
}

}  // namespace coord::service
