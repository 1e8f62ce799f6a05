// SPDX-License-Identifier: MIT
// Stories of the ring: who owns a key and how it is found, and what moves when a node joins.
#include <algorithm>
#include <array>
#include <cstdio>

#include "base/format.hpp"
#include "catalogue/scenario.hpp"
#include "classical/overlay.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;

// ---- six nodes on a ring of 64 places, and key 40

constexpr std::array<std::uint64_t, 6> places = {0, 14, 32, 45, 51, 57};
constexpr const char* places_option = "0,14,32,45,51,57";
constexpr std::uint64_t key = 40;

chord::List ring_of_six() {
  chord::List all;
  for (std::size_t i = 0; i < places.size(); ++i)
    all.push_back({classical::id_of_six_bits(places.at(i)), NodeId{i + 1}, 1});
  return all;
}

std::string place_of(const chord::Member& member) {
  return fmt::format("N{}", places.at(member.host.value - 1));
}

// "finger 1 is N14, ...": of the six that differ from the successor of the place itself.
std::string fingers_of(const chord::List& ring, std::size_t which) {
  chord::Fingers fingers(ring.at(which));
  fingers.fill(ring);
  constexpr unsigned six_bits = 6, below = chord::id_bits - six_bits;
  std::string line;
  for (unsigned i = 0; i < six_bits; ++i) {
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", (places.at(which) + (1U << i)) % 64,
                        place_of(*fingers.at(below + i)));
  }
  return line;
}

Story ring_of_six_story() {
  Setup setup;
  setup.nodes = places.size();
  setup.link.delay_low = setup.link.delay_high = 10ms;
  setup.options = {{"six_bit_places", places_option},
                   {"founders", "0"},
                   {"places", "1"},
                   {"hosts", "1"},
                   {"interval_ms", "1000000000"},
                   {"quiet", ""},
                   {"key", std::to_string(key)}};
  setup.asks = {{Instant{}, NodeId{1}, {}}};
  Report report;
  Story story = story_of("chord", setup, report);
  const chord::List ring = ring_of_six();
  const auto owner = std::ranges::lower_bound(ring, classical::id_of_six_bits(key), {}, &chord::Member::id);
  std::vector<std::string> asked;
  for (const auto& record : story.trace.records()) {
    if (record.kind == sim::TraceRecord::Kind::received && record.text.starts_with("find-route"))
      asked.push_back(fmt::format("N{}", places.at(record.node.value - 1)));
  }
  std::string hops;
  for (const std::string& name : asked) hops += (hops.empty() ? "" : ", then ") + name;
  story.facts = {
      "Nodes 1 to 6 are N0, N14, N32, N45, N51 and N57 on a ring of 64. N0 owns what lies behind N57: 58 to "
      "0.",
      fmt::format("Fingers of N0, the first node at or after each place: {}.", fingers_of(ring, 0)),
      fmt::format("Fingers of N32: {}.", fingers_of(ring, 2)),
      fmt::format("Key {} from N0: the finger nearest before it is asked, {}. The key lies between N32 and "
                  "its successor {}, which owns it: {} messages, {} ms.",
                  key, hops, place_of(*owner), report.all_messages, report.delays.front() / 1ms),
  };
  return story;
}

// ---- consistent hashing against the hash modulo the number of nodes

struct Moved {
  std::size_t all = 0, to_the_new_one = 0;
};

constexpr std::uint64_t keys = 10'000;

// From n to n+1 nodes, by each rule.
Moved moved_on_ring(std::size_t n, std::uint64_t places_each) {
  const auto ring = [&](std::size_t nodes) {
    return classical::founding_ring(Group::numbered(NodeId{1}, nodes), 0, places_each, {});
  };
  const auto owner = [](const chord::List& of, const chord::Id& id) {
    const auto found = std::ranges::lower_bound(of, id, {}, &chord::Member::id);
    return (found == of.end() ? of.front() : *found).host;
  };
  const chord::List before = ring(n), after = ring(n + 1);
  Moved moved;
  for (std::uint64_t i = 0; i < keys; ++i) {
    const chord::Id id = classical::id_of_key(fmt::format("key{}", i));
    const NodeId now = owner(after, id);
    if (now == owner(before, id)) continue;
    ++moved.all;
    if (now.value == n + 1) ++moved.to_the_new_one;
  }
  return moved;
}

Moved moved_by_modulo(std::size_t n) {
  Moved moved;
  for (std::uint64_t i = 0; i < keys; ++i) {
    const std::uint64_t hash = classical::id_of_key(fmt::format("key{}", i)).words.back();
    if (hash % n == hash % (n + 1)) continue;
    ++moved.all;
    if (hash % (n + 1) == n) ++moved.to_the_new_one;
  }
  return moved;
}

std::string text(const Moved& moved) {
  return fmt::format("{} of {} keys move, {} of them to the new node", moved.all, keys, moved.to_the_new_one);
}

Story consistent_hashing() {
  constexpr std::size_t nodes = 9, places_each = 20;
  Setup setup;
  setup.nodes = 4;
  setup.link.delay_low = setup.link.delay_high = 10ms;
  setup.options = {{"founders", "3"}, {"places", "1"}, {"interval_ms", "1000000000"}, {"quiet", ""}};
  setup.asks = {{Instant{} + 5ms, NodeId{4}, {}}};
  setup.settle = 100ms;
  setup.patience = 10s;
  Report report;
  Story story = story_of("chord", setup, report);
  story.facts = {
      "Drawn: node 4 joins three others. It asks one for its places, looks up the member before its own "
      "place, "
      "takes over that member's list. Only the successor's keys are concerned.",
      fmt::format("From 9 nodes to 10, hash modulo the number of nodes: {}.", text(moved_by_modulo(nodes))),
      fmt::format("On the ring with {} places a node: {}; the least possible is a tenth.", places_each,
                  text(moved_on_ring(nodes, places_each))),
  };
  return story;
}

}  // namespace

std::vector<Scenario> overlay_scenarios() {
  return {{"ring-of-six", "the owner of key 40 of a ring of six; found in one step", Drawing::space_time,
           ring_of_six_story},
          {"consistent-hashing", "a node joins a ring, and few keys move", Drawing::space_time,
           consistent_hashing}};
}

}  // namespace coord::catalogue
