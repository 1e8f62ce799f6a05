// SPDX-License-Identifier: MIT
// A member of a ring, its fingers and lookups: what each does, and that each rule is noticed when it is gone.
#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "protocol/chord/chord.hpp"
#include "protocol/chord/ring_check.hpp"

using namespace coord;
using namespace coord::chord;
using namespace std::chrono_literals;
using Purpose = RingMember::Purpose;

namespace {

// Member n of a ring of 100: its id is n, its host too.
Id at(std::uint32_t n) {
  Id id;
  id.words[0] = n << 24U;
  return id;
}
Member m(std::uint32_t n) {
  return {at(n), NodeId{n}, 1};
}
List list(std::initializer_list<std::uint32_t> numbers) {
  List all;
  for (const std::uint32_t n : numbers) all.push_back(m(n));
  return all;
}

RingMember settled(std::uint32_t self, std::uint32_t before, std::initializer_list<std::uint32_t> after,
                   std::size_t hosts = 2) {
  RingMember member(m(self), hosts);
  member.found({m(before), list(after)});
  return member;
}

bool asks(const RingMember::Actions& actions, Purpose purpose, std::uint32_t whom) {
  if (actions.size() != 1) return false;
  const auto* ask = std::get_if<RingMember::Ask>(&actions.front());
  return ask && ask->purpose == purpose && ask->whom == m(whom);
}
bool notifies(const RingMember::Actions& actions, std::uint32_t whom) {
  if (actions.size() != 1) return false;
  const auto* notify = std::get_if<RingMember::Notify>(&actions.front());
  return notify && notify->whom == m(whom);
}

template <class Check>
void without(const char* rule, Check check) {
  mutants::removed = rule;
  check();
  mutants::removed.clear();
}

// 10 asks 20, which has been told of 15; 15 is dead. What 10 is followed by then.
List after_a_dead_candidate() {
  RingMember member = settled(10, 5, {20, 30});
  CHECK(asks(member.stabilize(), Purpose::successor, 20));
  const auto next = member.alive(Purpose::successor, m(20), {m(15), list({30, 40})});
  if (asks(next, Purpose::candidate, 15)) CHECK(notifies(member.dead(Purpose::candidate, m(15)), 20));
  return member.view().successors;
}

// 20 after 10, told of 5 while 10 lives.
Member predecessor_after_a_farther_one() {
  RingMember member = settled(20, 10, {30, 40});
  if (asks(member.notified(m(5)), Purpose::predecessor, 10))
    static_cast<void>(member.alive(Purpose::predecessor, m(10), {}));
  return *member.view().predecessor;
}

}  // namespace

TEST_CASE("arcs are circular and open at the left", "[chord]") {
  CHECK(in_open(at(10), at(15), at(20)));
  CHECK_FALSE(in_open(at(10), at(10), at(20)));
  CHECK_FALSE(in_open(at(10), at(20), at(20)));
  CHECK(in_left_open(at(10), at(20), at(20)));
  CHECK(in_open(at(90), at(5), at(20)));
  CHECK_FALSE(in_open(at(90), at(50), at(20)));
  CHECK(in_open(at(10), at(11), at(10)));
  CHECK_FALSE(in_open(at(10), at(10), at(10)));
  CHECK(in_left_open(at(10), at(10), at(10)));
  CHECK(share_of_ring(at(0), at(64)) == Approx(0.25));
  CHECK(share_of_ring(at(192), at(0)) == Approx(0.25));
  CHECK(share_of_ring(at(7), at(7)) == 1);
  CHECK(at(1) - at(2) + at(2) == at(1));
  CHECK(power_of_two(159) + power_of_two(159) == Id{});
  CHECK(highest_bit_of(power_of_two(159)) == 159);
  CHECK(highest_bit_of(power_of_two(32) + power_of_two(31)) == 32);
  CHECK(highest_bit_of(power_of_two(0)) == 0);
  CHECK(text(at(1)) == "0100000000000000000000000000000000000000");
}

TEST_CASE("a list of successors runs on until it names so many hosts, and not past its member", "[chord]") {
  const Member self = m(10);
  List twins = {{at(20), NodeId{1}, 1},
                {at(21), NodeId{1}, 1},
                {at(22), NodeId{10}, 1},
                {at(23), NodeId{2}, 1},
                {at(24), NodeId{3}, 1}};
  CHECK(cut_to_hosts(self, twins, 2).size() == 4);
  CHECK(hosts_named(self, cut_to_hosts(self, twins, 2)) == 2);
  CHECK(cut_to_hosts(self, list({20, 30, 9, 11}), 9) == list({20, 30, 9}));
  CHECK(cut_to_hosts(self, list({20, 10, 30}), 9) == list({20}));
  without("chord_list_names_distinct_hosts", [&] { CHECK(cut_to_hosts(self, twins, 2).size() == 2); });
}

TEST_CASE("join takes the whole list over, and leaves nobody out", "[chord]") {
  const auto joined = [] {
    RingMember member(m(15), 2);
    CHECK(asks(member.join(m(10), {m(5), list({20, 30})}), Purpose::successor, 20));
    CHECK(member.view().predecessor == m(10));
    return member.view().successors;
  };
  CHECK(joined() == list({20, 30}));
  without("chord_join_takes_the_whole_list", [&] { CHECK(joined() == list({20})); });
  RingMember second(m(15), 2);
  CHECK(asks(second.join(m(10), {}), Purpose::successor, 10));  // a ring of one
  CHECK(second.view().successors == list({10}));
}

TEST_CASE("stabilize drops a dead head and takes over the list of a live one", "[chord]") {
  RingMember member = settled(10, 5, {20, 30});
  CHECK(asks(member.stabilize(), Purpose::successor, 20));
  CHECK(member.stabilize().empty());  // it is under way
  CHECK(notifies(member.alive(Purpose::successor, m(20), {m(10), list({30, 40})}), 20));
  CHECK(member.view().successors == list({20, 30}));
  CHECK(asks(member.stabilize(), Purpose::successor, 20));
  CHECK(notifies(member.dead(Purpose::successor, m(20)), 30));
  CHECK(member.view().successors == list({30}));
  CHECK(asks(member.stabilize(), Purpose::successor, 30));
  CHECK(notifies(member.alive(Purpose::successor, m(30), {m(10), list({40, 50})}), 30));
  CHECK(member.view().successors == list({30, 40}));
  without("chord_dead_head_is_dropped", [] {
    RingMember mutant = settled(10, 5, {20, 30});
    static_cast<void>(mutant.stabilize());
    static_cast<void>(mutant.dead(Purpose::successor, m(20)));
    CHECK(mutant.view().successors == list({20, 30}));
  });
}

TEST_CASE("stabilize asks a candidate before it is put in front", "[chord]") {
  RingMember member = settled(10, 5, {20, 30});
  CHECK(asks(member.stabilize(), Purpose::successor, 20));
  CHECK(asks(member.alive(Purpose::successor, m(20), {m(15), list({30, 40})}), Purpose::candidate, 15));
  CHECK(notifies(member.alive(Purpose::candidate, m(15), {m(10), list({20, 30})}), 15));
  CHECK(member.view().successors == list({15, 20}));
  // Two live ones are named as before when the candidate is dead: without the rule only one is.
  CHECK(after_a_dead_candidate() == list({20, 30}));
  without("chord_candidate_is_asked", [] { CHECK(after_a_dead_candidate() == list({15, 20})); });
}

TEST_CASE("rectify keeps a live predecessor, and replaces a dead one", "[chord]") {
  CHECK(predecessor_after_a_farther_one() == m(10));
  without("chord_rectify_asks_the_old_predecessor", [] { CHECK(predecessor_after_a_farther_one() == m(5)); });
  RingMember member = settled(20, 10, {30, 40});
  CHECK(member.notified(m(15)).empty());  // nearer: at once
  CHECK(member.view().predecessor == m(15));
  CHECK(asks(member.notified(m(10)), Purpose::predecessor, 15));
  CHECK(member.notified(m(11)).empty());  // one after the other
  CHECK(member.dead(Purpose::predecessor, m(15)).empty());
  CHECK(member.view().predecessor == m(10));
}

TEST_CASE("who has lost all successors is a ring of one, and joins whoever is reported alive", "[chord]") {
  RingMember member = settled(10, 5, {20});
  static_cast<void>(member.stabilize());
  CHECK(member.dead(Purpose::successor, m(20)).empty());
  CHECK(member.alone());
  member.reported_alive(m(40));
  member.reported_alive(m(60));
  CHECK(asks(member.stabilize(), Purpose::candidate, 40));
  CHECK(notifies(member.alive(Purpose::candidate, m(40), {m(30), list({60, 80})}), 40));
  CHECK(member.view().successors == list({40, 60}));
}

TEST_CASE("a ring of one forgets a dead predecessor, which would hide all that are reported alive",
          "[chord]") {
  // 10 is cut off with 20, which begins anew: 10 has nobody left but what it was told by the last life of 20.
  const auto comes_back = [] {
    const auto later_life = [](std::uint32_t n) { return Member{at(n), NodeId{n}, 2}; };
    RingMember member = settled(10, 20, {20});
    static_cast<void>(member.stabilize());
    static_cast<void>(member.dead(Purpose::successor, m(20)));
    for (int round = 0; round < 3 && member.alone(); ++round) {
      member.reported_alive(later_life(20));
      member.reported_alive(m(40));
      for (const auto& action : member.stabilize()) {
        const auto& asked = std::get<RingMember::Ask>(action);
        if (asked.whom.life == 2 || asked.whom == m(40)) {
          static_cast<void>(member.alive(asked.purpose, asked.whom, {m(9), list({40, 60})}));
        } else {
          static_cast<void>(member.dead(asked.purpose, asked.whom));
        }
      }
    }
    return !member.alone() && member.view().successors.front() == later_life(20);
  };
  CHECK(comes_back());
  without("chord_dead_candidate_is_no_predecessor", [&] { CHECK_FALSE(comes_back()); });
}

TEST_CASE("fingers lead at least half of the way", "[chord]") {
  List ring;
  for (std::uint32_t n = 0; n < 64; ++n) ring.push_back(m(4 * n));
  Fingers fingers(ring.front());
  fingers.fill(ring);
  CHECK(fingers.distinct().size() == 6);
  List nearest;
  fingers.closest_before(at(100), 2, nearest);
  CHECK(nearest == list({64, 32}));
  // Looked up one after the other they come to the same.
  Fingers found(ring.front());
  std::size_t lookups = 0;
  for (; found.distinct() != fingers.distinct(); ++lookups) {
    REQUIRE(lookups < 20);
    const Id place = found.next_place(ring[1]);
    found.found(place, *std::ranges::lower_bound(ring, place, {}, &Member::id));
  }
  CHECK(lookups <= 6);
  found.forget(m(64));
  CHECK(found.distinct().size() == 5);
}

TEST_CASE("a lookup goes round the dead, by successors where fingers fail", "[chord]") {
  List ring;
  for (std::uint32_t n = 0; n < 64; ++n) ring.push_back(m(4 * n));
  const auto find = [&](std::uint32_t key, const std::set<std::uint32_t>& dead, bool with_fingers) {
    Lookup lookup(at(key), {m(0)});
    while (const auto next = lookup.next()) {
      if (dead.contains(static_cast<std::uint32_t>(next->host.value))) {
        lookup.dead(*next);
        continue;
      }
      Fingers fingers(*next);
      if (with_fingers) fingers.fill(ring);
      lookup.answered(*next, route(*next, ideal_view(*next, ring, 4).successors, fingers, at(key)));
    }
    return lookup.is_found() ? lookup.owners() : List{};
  };
  CHECK(find(101, {}, true) == list({104, 108, 112, 116}));
  CHECK(find(104, {}, true).front() == m(104));
  // Who follows a dead member before the key says the rest.
  CHECK(find(101, {100, 96, 64, 80}, true).front() == m(104));
  CHECK(find(41, {}, false).front() == m(44));
  without("chord_lookup_uses_the_successors", [&] { CHECK(find(41, {}, false).empty()); });
}

TEST_CASE("a host joins behind the member before its place and nowhere else", "[chord]") {
  // 10 is followed by 12, which is dead but not dropped yet, and then 20: 15 waits.
  const auto joins_behind_a_dead_head = [] {
    Chord joiner({NodeId{15}, 1, {at(15)}, {NodeId{10}}, 2, 500ms, 500ms});
    Instant now{1s};
    auto actions = joiner.step(now, Chord::Join{});
    const auto answer = [&](Message message) {
      return joiner.step(now, Chord::Receive{NodeId{10}, std::move(message)});
    };
    const auto last = [&] { return std::get<Chord::Send>(actions.back()).message; };
    actions = answer(Places{std::get<WhoAreYou>(last()).request, list({10})});
    const auto asked = std::get<FindRoute>(last());
    CHECK(asked.key == at(15));
    actions = answer(RouteFound{asked.request, Route{list({12}), list({12, 20})}});
    for (int tick = 0; tick < 2; ++tick) actions = joiner.step(now += 500ms, Chord::Tick{});  // 12 is silent
    return !joiner.members().empty();
  };
  CHECK_FALSE(joins_behind_a_dead_head());
  without("chord_joins_behind_its_predecessor", [&] { CHECK(joins_behind_a_dead_head()); });
}

TEST_CASE("an answer to a host's earlier life is none to this one's request", "[chord]") {
  // 10 begins anew, and hears of 20; an answer that 20 gave to its last life has the same number as its first
  // question would have without the rule.
  const auto stabilizes_on = [] {
    const auto begun = [](std::uint64_t life) {
      return Chord({NodeId{10}, life, {at(10)}, {NodeId{20}}, 2, 500ms, 500ms});
    };
    Instant now{1s};
    const auto ask_of = [&](Chord& host) {
      static_cast<void>(host.step(now, Chord::Resume{}));
      static_cast<void>(host.step(now += 500ms, Chord::Tick{}));
      const auto hello = host.step(now += 500ms, Chord::Tick{});
      for (const auto& action : hello) {
        const auto* send = std::get_if<Chord::Send>(&action);
        const auto* who = send ? std::get_if<WhoAreYou>(&send->message) : nullptr;
        if (who != nullptr)
          static_cast<void>(host.step(now, Chord::Receive{NodeId{20}, Places{who->request, list({20})}}));
      }
      for (const auto& action : host.step(now += 500ms, Chord::Tick{})) {
        const auto* send = std::get_if<Chord::Send>(&action);
        if (send != nullptr && std::holds_alternative<Ask>(send->message))
          return std::get<Ask>(send->message).request;
      }
      return std::uint64_t{0};
    };
    Chord before = begun(1), after = begun(2);
    const std::uint64_t earlier = ask_of(before), now_asked = ask_of(after);
    REQUIRE(now_asked != 0);
    static_cast<void>(after.step(now, Chord::Receive{NodeId{20}, RouteFound{earlier, std::nullopt}}));
    static_cast<void>(
        after.step(now, Chord::Receive{NodeId{20}, Answer{now_asked, View{m(10), list({10})}}}));
    return !after.members().front()->alone();
  };
  CHECK(stabilizes_on());
  without("chord_answers_to_this_life_only", [&] { CHECK_FALSE(stabilizes_on()); });
}

TEST_CASE("a ring is checked from outside", "[chord]") {
  const List all = list({10, 20, 30, 40});
  std::vector<MemberState> ring;
  for (const Member& member : all) ring.push_back({member, ideal_view(member, all, 2)});
  CHECK(objection_to_invariant(ring, 2) == std::nullopt);
  CHECK(objection_to_ideal(ring, 2) == std::nullopt);
  ring[0].view.successors = list({30, 40});
  CHECK(objection_to_ideal(ring, 2)->find("is followed by") != std::string::npos);
  CHECK(objection_to_invariant(ring, 3)->find("only 3 hosts") == 0);
  ring[0].view.successors = list({11});
  CHECK(objection_to_invariant(ring, 2)->find("has no live successor") != std::string::npos);
}
