// SPDX-License-Identifier: MIT
// Each rule of the members' part is removed in turn; a story must end otherwise.
#include <catch2/catch.hpp>
#include <functional>

#include "base/rule.hpp"
#include "members_group.hpp"

using namespace coord;
using namespace coord::members;
using namespace coord::members::test;

namespace {

constexpr NodeId first{1}, second{2}, third{3}, stranger{99};

bool names_own(const membership::SwimMessage& message, NodeId own, Incarnation beyond) {
  const auto among = [&](const membership::Rumours& rumours) {
    return std::ranges::any_of(rumours, [&](const membership::Rumour& rumour) {
      return rumour.node == own && rumour.incarnation > beyond;
    });
  };
  return std::visit(
      [&](const auto& what) {
        if constexpr (requires { what.rumours; }) {
          return among(what.rumours);
        } else if constexpr (requires { what.members; }) {
          return among(what.members);
        } else {
          return false;
        }
      },
      message);
}

// Power may go at any moment: then the next life would have an incarnation that was told before.
bool nothing_is_told_before_it_is_durable() {
  Group group(3);
  group.run(1s);
  group.kill(second);
  group.until_all_hold(second, State::dead);
  group.stalled = {second};
  group.start(second);
  const std::size_t before = group.sent.size();
  group.run(5s);
  bool told = false;
  for (std::size_t i = before; i < group.sent.size(); ++i)
    told = told || (group.sent[i].from == second &&
                    names_own(message_of(group.sent[i]), second, Incarnation{incarnations_ahead - 1}));
  return !told && group.all_hold(second, State::dead);
}

bool strangers_are_not_taken() {
  Group group(3);
  group.run(1s);
  const membership::Rumour rumour{stranger, {}, State::alive, second};
  group.step(first, node::FromPeer{second, bytes_of(membership::Gossip{{rumour}}), 2, node::Way::datagram});
  group.run(1s);
  return !group.part(first).view(group.now, stranger) && !group.part(third).view(group.now, stranger) &&
         group.part(first).strangers() == 1;
}

}  // namespace

TEST_CASE("every rule of the members that is removed is noticed", "[members]") {
  const std::vector<std::pair<const char*, std::function<bool()>>> stories{
      {"member_is_durable_before_it_is_told", nothing_is_told_before_it_is_durable},
      {"members_are_of_the_list", strangers_are_not_taken}};
  for (const auto& [rule, story] : stories) {
    INFO(rule);
    CHECK(story());
    mutants::removed = rule;
    const bool is_right = story();
    mutants::removed.clear();
    CHECK_FALSE(is_right);
  }
}
