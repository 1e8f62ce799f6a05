// SPDX-License-Identifier: MIT
// Each rule removed must be noticed by the bank, and as what.
#include <catch2/catch.hpp>
#include <set>

#include "bank.hpp"
#include "base/rule.hpp"
#include "cut/member.hpp"
#include "protocol/channel/channel.hpp"

using namespace coord;

namespace {

// The names of the rules that the bank finds violated in so many seeds.
std::set<std::string> noticed(const std::string& rule, std::uint64_t seeds) {
  mutants::removed = rule;
  std::set<std::string> names;
  test::Tally tally;
  for (std::uint64_t seed = 1; seed <= seeds && names.empty(); ++seed) {
    if (const auto violated = test::run_bank(seed, tally))
      names.insert(violated->substr(0, violated->find(':')));
  }
  mutants::removed.clear();
  return names;
}

}  // namespace

TEST_CASE("a bank under faults notices each rule of channels and cuts that is removed") {
  CHECK(noticed("", 20).empty());
  for (const char* rule : {"channel_takes_the_next_number", "channel_sends_again", "cut_input_is_withheld",
                           "cut_markers_leave_at_the_state", "cut_marker_before_the_next_message",
                           "cut_channel_ends_at_its_marker", "cut_second_marker_counts",
                           "cut_state_at_its_place", "channel_gives_back_what_is_refused", "cut_gives_up",
                           "cut_is_of_one_view", "cut_taken_is_written_to_the_command",
                           "channel_says_until_it_is_known_that_it_refuses", "wait_counts_every_channel"}) {
    INFO(rule);
    CHECK_FALSE(noticed(rule, 300).empty());
  }
}

namespace {

// What a channel must not do, which the bank cannot see or seldom meets.
bool mixes_lives() {
  channel::Channel a(1, 2), later(3, 1);
  a.offer(Bytes{7});
  for (const channel::Message& message : a.poll(Instant{})) later.receive(Instant{}, message);
  return later.front() != nullptr;
}
bool forgets_what_is_not_taken() {
  channel::Channel a(1, 2), b(2, 1);
  a.offer(Bytes{7});
  for (const channel::Message& message : a.poll(Instant{})) b.receive(Instant{}, message);
  for (const channel::Message& message : b.poll(Instant{})) a.receive(Instant{}, message);
  return a.close().empty();
}
bool sends_beyond_the_window() {
  channel::Limits limits;
  limits.longest_item = limits.window = 10;
  channel::Channel a(1, 2, limits);
  a.offer(Bytes(6));
  a.offer(Bytes(6));
  (void)a.poll(Instant{});
  return a.counts().sent == 2;
}

// The other one would take a line for unread that was read, when it hears that this one has left.
bool ends_before_it_is_known() {
  cut::Member a{{"g", "A", 1}}, b{{"g", "B", 2}};
  const cut::View view{1, {{"A", 1, "h"}, {"B", 2, "h"}}};
  a.view(Instant{}, view);
  b.view(Instant{}, view);
  (void)a.said(Instant{}, "B", "line");
  for (const cut::Packet& packet : a.packets(Instant{})) b.packet(Instant{}, 1, false, packet.bytes);
  (void)b.next_input(Instant{});
  b.input_written(1);
  b.input_ended();
  (void)b.packets(Instant{});  // lost
  return b.all_taken();
}

}  // namespace

TEST_CASE("a channel's rules that no sweep needs: each removed is seen") {
  const std::pair<const char*, bool (*)()> rules[] = {
      {"channel_is_of_two_lives", mixes_lives},
      {"cut_ends_when_its_end_is_known", ends_before_it_is_known},
      {"channel_keeps_until_taken", forgets_what_is_not_taken},
      {"channel_sends_what_there_is_room_for", sends_beyond_the_window}};
  for (const auto& [rule, wrong] : rules) {
    INFO(rule);
    CHECK_FALSE(wrong());
    mutants::removed = rule;
    CHECK(wrong());
    mutants::removed.clear();
  }
}
