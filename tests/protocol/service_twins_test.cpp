// SPDX-License-Identifier: MIT
// Twins: one machine that applied every command, and one that came from its snapshots on the way. Whatever is
// kept beside the state must be computed from it as it would have come about, or peers that were restarted
// answer otherwise than the others and the group is two. So the same commands of all families, near bounds
// that are small, must have the same effects at both.
#include <catch2/catch.hpp>
#include <set>

#include "base/random.hpp"
#include "service_epochs_story.hpp"

using namespace coord;
using namespace coord::service;

namespace {

Limits small_limits() {
  Limits limits;
  limits.set_level(2);
  limits.sessions = 60;
  limits.sessions_of_user = 5;
  limits.all_owner_bytes = 180;
  limits.requests = 12;
  limits.names = 12;
  limits.names_of_user = 7;
  limits.all_name_bytes = 120;
  limits.epochs = 4;
  limits.epochs_of_user = 2;
  limits.all_site_bytes = 900;
  limits.history_holds = 3;
  limits.history_names = 4;
  limits.history_bytes = 1'200;
  limits.barriers = 4;
  limits.barriers_of_user = 2;
  limits.idle_barriers = 2;
  limits.all_barrier_bytes = 3'000;
  limits.candidates = 16;
  limits.books_of_user = 2;
  limits.books = 4;
  limits.slot_keys = 9;
  limits.slot_keys_of_user = 4;
  limits.value_keys = 5;
  limits.value_keys_of_user = 3;
  limits.all_value_bytes = 60;
  limits.decisions = 6;
  limits.decisions_of_user = 3;
  limits.all_decision_bytes = 300;
  limits.forgotten_decisions = 2;
  limits.transactions = 5;
  limits.transactions_of_user = 2;
  limits.transactions_by_sites = 2;
  limits.all_commit_participants = 7;
  return limits;
}

class Twins {
 public:
  explicit Twins(std::uint64_t seed)
      : random_(seed), live_(*StateMachine::restore(StateMachine::at_level(2).state(), small_limits())) {
    twin_ = live_;
    for (std::uint64_t node = 1; node <= 2; ++node) {
      (void)live_.apply(next(), {.body = Register{NodeId{node}, node, {}, 2}});
      clients_[node] = live_.registration(NodeId{node});
    }
    restore();
  }

  // What differed first; empty: nothing did.
  std::string run(int commands) {
    for (int i = 0; i < commands && differs_.empty(); ++i) {
      if (random_.chance(0.1)) restore();
      if (random_.chance(0.01)) {
        const LogIndex at = next();
        const std::vector<NodeId> voters{NodeId{1}, NodeId{random_.below(2) + 1}};
        compare(live_.apply_voters(at, voters), twin_.apply_voters(at, voters));
      }
      const Command command = make();
      const LogIndex at = next();
      compare(live_.apply(at, command), twin_.apply(at, command));
    }
    return differs_;
  }
  const std::set<Refusal>& refusals() const { return refusals_; }

 private:
  using Milliseconds = std::chrono::milliseconds;

  LogIndex next() { return LogIndex{++index_}; }

  void restore() {
    auto restored = StateMachine::restore(live_.state(), small_limits());
    if (!restored.ok()) {
      differs_ = "after " + std::to_string(index_) + ": " + restored.error().text();
      return;
    }
    twin_ = std::move(*restored);
  }
  void compare(const Effects& live, const Effects& twin) {
    for (const Effect& effect : live) {
      if (const auto* refused = std::get_if<Refused>(&effect)) refusals_.insert(refused->why);
      std::visit(
          [&]<class T>(const T& one) {
            if constexpr (requires { one.why == Refusal::none; }) refusals_.insert(one.why);
          },
          effect);
    }
    if (live != twin)
      differs_ = "at " + std::to_string(index_) + ": " + text_of(live) + " | " + text_of(twin);
    if (!(live_.state() == twin_.state())) differs_ = "after " + std::to_string(index_) + ": other states";
    if (live_.running_timers().size() != twin_.running_timers().size())
      differs_ = "after " + std::to_string(index_) + ": other timers";
  }

  template <class Container>
  auto& any_of(Container& container) {
    return *std::next(container.begin(), static_cast<std::ptrdiff_t>(random_.below(container.size())));
  }
  std::string name(const char* kind, std::uint64_t of) {
    return kind + std::string(1 + random_.below(3), static_cast<char>('a' + random_.below(of)));
  }
  std::uint32_t uid() { return 1000 + static_cast<std::uint32_t>(random_.below(3)); }
  static std::string user(std::uint32_t uid) { return "u" + std::to_string(uid); }
  Open open() {
    const std::uint32_t who = uid();
    return {Owner{"peer", "host", who, user(who), 42, "c"}, Milliseconds(500), random_.next()};
  }

  Command make() {
    if (random_.chance(0.12)) {
      if (const auto timers = live_.running_timers(); !timers.empty()) {
        const RunningTimer& over = any_of(timers);
        return {.body = TimerOver{over.kind, over.token}};
      }
    }
    const std::uint64_t node = random_.below(2) + 1;
    const std::uint64_t sequence = ++sequences_[node];
    return {.node = NodeId{node},
            .client = clients_[node],
            .sequence = sequence,
            .acknowledged = sequence - 1,
            .wall = WallTime{static_cast<std::int64_t>(index_) * 1'000'000},
            .body = body(NodeId{node})};
  }
  SessionId session(NodeId node) {
    std::vector<SessionId> own = live_.sessions_of(node);
    return own.empty() ? SessionId{1} : any_of(own);
  }

  Body body(NodeId node) {
    const std::uint64_t kind = random_.below(100);
    const std::uint32_t who = uid();
    const SessionId by = session(node);
    if (kind < 30) return acquire(node, by);
    if (kind < 38) return Release{by, 1 + random_.below(2), std::uint8_t{0}};
    if (kind < 44) return Cancel{by, 1 + random_.below(2)};
    if (kind < 60) return Close{by, static_cast<CloseReason>(random_.below(3)), {}};
    if (kind < 70) return barrier(by, who);
    if (kind < 76) return election(by, who);
    if (kind < 84) return value(who);
    return kind < 92 ? decision(who) : transaction(node, who);
  }

  Acquire acquire(NodeId node, SessionId by) {
    Acquire acquire{.session = by, .request = 1 + random_.below(2)};
    if (random_.chance(0.7)) {
      acquire.session = {};
      acquire.open = open();
    }
    acquire.wait = random_.chance(0.85);
    const std::uint64_t kind = random_.below(10);
    if (kind < 2) {
      acquire.names = {name("led", 4)};
      acquire.candidacy = Candidacy{static_cast<std::int32_t>(random_.below(3)), random_.chance(0.3), "v"};
      if (random_.chance(0.6)) acquire.candidacy->slot = SlotWish{name("k", 3), {}, 2};
      if (random_.chance(0.2)) acquire.terms.min_hold = Milliseconds(100);
      return acquire;
    }
    if (kind < 3) {
      acquire.put = SessionValue{name("key", 4), std::string(random_.below(20), 'x'), {}};
      return acquire;
    }
    if (kind < 6) {
      acquire.names = {name("door", 3)};
      if (random_.chance(0.8)) {
        acquire.terms.mode = Mode::shared;
        acquire.part = Gate::part();
        const Epoch* epoch = live_.of<Locks>().epoch_of(acquire.names.front());
        if (epoch != nullptr && random_.chance(0.3)) acquire.part->closes = epoch->number;
      }
      return acquire;
    }
    for (std::uint64_t i = 1 + random_.below(2); i > 0; --i) acquire.names.push_back(name("", 4));
    if (random_.chance(0.3)) acquire.terms.mode = Mode::shared;
    if (random_.chance(0.2)) {
      acquire.terms = {.mode = Mode::exclusive, .permits = 2};
      acquire.names = {name("pool", 2)};
    }
    if (random_.chance(0.3)) acquire.terms.min_hold = Milliseconds(100);
    if (random_.chance(0.3)) acquire.terms.lock_delay = Milliseconds(100);
    if (random_.chance(0.3)) acquire.inside = {session(node)};
    acquire.key = {0, random_.below(2)};
    acquire.join = random_.chance(0.3);
    return acquire;
  }

  Body barrier(SessionId by, std::uint32_t who) {
    if (random_.chance(0.15)) return Depart{by};
    if (random_.chance(0.2)) return Finish{by, static_cast<std::int32_t>(random_.below(2)), {}};
    if (random_.chance(0.1)) return ResetBarrier{name("bar", 3), 0, "root"};
    Arrive arrive{.open = open(), .name = name("bar", 3), .id = name("id", 4), .terms = {.count = 2}};
    arrive.open.owner.uid = who;
    arrive.open.owner.user = user(who);
    arrive.terms.in_turn = random_.chance(0.3);
    if (random_.chance(0.3)) arrive.terms.quorum = 1, arrive.terms.after = Milliseconds(100);
    arrive.command = arrive.terms.in_turn || random_.chance(0.3);
    arrive.key = random_.next();
    arrive.fail = random_.chance(0.1);
    return arrive;
  }
  Body election(SessionId by, std::uint32_t who) {
    const std::string led = name("led", 4);
    const std::uint64_t kind = random_.below(4);
    if (kind < 2) return Complete{by, 1 + random_.below(2)};
    if (kind == 2) return Enroll{led, Enrolment{1, "v", who, user(who)}};
    return Withdraw{led, who, user(who)};
  }
  Body value(std::uint32_t who) {
    if (random_.chance(0.4)) return RemoveValue{name("key", 4), {}, who, user(who)};
    return PutValue{name("key", 4), std::string(random_.below(25), 'x'), {}, who, user(who)};
  }
  Body decision(std::uint32_t who) {
    const std::string of = name("plan", 4);
    const Token now = live_.state().last_token;
    if (random_.chance(0.4)) return ForgetDecision{of, who, user(who)};
    if (random_.chance(0.4))
      return OpenDecision{of, Agreement::paxos, Gate::part().sites, now, "web1", who, user(who)};
    return ProposeValue{of, std::string(random_.below(40), 'x'), now, 5, "web1", who, user(who)};
  }
  Body transaction(NodeId node, std::uint32_t who) {
    const std::string of = name("deploy", 4);
    const std::string id = name("p", 3);
    const auto kept = live_.state().transactions.find(of);
    const Token generation = kept == live_.state().transactions.end() ? Token{} : kept->second.generation;
    const std::uint64_t kind = random_.below(10);
    if (kind < 1) return ForgetCommit{of, who, user(who), true};
    if (kind < 3) return VoteCommit{of, generation, id, 7, random_.chance(0.5), "", who, user(who)};
    if (kind < 4) return FinishCommit{of, generation, id, 7, 0, who, user(who)};
    JoinCommit join{of, id, "web1", 3, 7, who, user(who)};
    if (random_.chance(0.5)) {
      join.by = CommitBy::two_phase;
      join.site = DecisionSite{node, 5, 6, "web1"};
    }
    return join;
  }

  Random random_;
  StateMachine live_, twin_;
  std::map<std::uint64_t, ClientId> clients_;
  std::map<std::uint64_t, std::uint64_t> sequences_;
  std::uint64_t index_ = 0;
  std::set<Refusal> refusals_;
  std::string differs_;
};

// X, then Y ask to take part in a name that is held; X withdraws, and asks for other names.
std::string counted_for(bool restored) {
  Gate gate;
  Limits limits;
  limits.set_level(2);
  limits.epochs_of_user = 1;
  gate.log.machine = *StateMachine::restore(gate.log.machine.state(), limits);
  const auto ask = [&](const char* user, const std::string& name) {
    Acquire acquire;
    acquire.open = Open{Owner{"peer", "host", 1000, user, 42, "command"}, 10s, 7};
    acquire.request = 1;
    acquire.names = {name};
    acquire.terms.mode = Mode::shared;
    acquire.part = Gate::part();
    return gate.a.propose(acquire);
  };
  (void)gate.b.lock({"door"});
  (void)ask("x", "door");
  const std::uint64_t x = gate.log.last;
  (void)ask("y", "door");
  (void)gate.a.cancel(x);
  if (restored) gate.log.machine = *StateMachine::restore(gate.log.machine.state(), limits);
  return ask("x", "gate") + "\n" + ask("y", "window");
}

}  // namespace

TEST_CASE("who waits to take part in a name is counted alike by a machine from a snapshot") {
  CHECK(counted_for(false) == counted_for(true));
  CHECK(counted_for(false).find("granted") == counted_for(false).rfind("granted"));  // y has its name, x none
}

TEST_CASE("a machine that was restored from its snapshot answers as the one that was not") {
  std::set<Refusal> refusals;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Twins twins(seed);
    const std::string differs = twins.run(300);
    INFO("seed " << seed << ": " << differs);
    REQUIRE(differs.empty());
    refusals.insert(twins.refusals().begin(), twins.refusals().end());
  }
  // The runs come to the bounds, where what is counted decides.
  using enum Refusal;
  for (const Refusal why :
       {too_many_of_user, too_many_requests, too_many_names, too_many_owner_bytes, too_many_barriers,
        too_many_slots, too_many_slots_of_user, too_many_names_of_user, too_many_barriers_of_user,
        too_many_values, too_many_values_of_user, too_many_decisions, too_many_decisions_of_user,
        too_many_transactions, too_many_epochs, too_many_epochs_of_user, deadlock, entries_differ}) {
    INFO(name_of(why));
    CHECK(refusals.contains(why));
  }
}
