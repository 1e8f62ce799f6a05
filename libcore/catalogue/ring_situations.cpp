// SPDX-License-Identifier: MIT
#include "catalogue/ring_situations.hpp"

#include "ring/placement.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using ring::Consistency;

constexpr std::size_t of_three_copies = 3;

// Each of them is false if this ring is too small for it.

// One of a key's three hosts writes, the two others answer and take nothing, and a host behind keeps a hint.
// Then the two are read.
bool hint_is_no_copy(const RingStage& stage) {
  const ring::Placement placement(stage.ring);
  const std::string key = RingUsers::key(0);
  const ring::Hosts set = placement.of_key(key).now;
  if (set.size() < of_three_copies || placement.behind(key).empty()) return false;
  for (const NodeId host : {set[1].host, set[2].host}) stage.busy(host, true);
  stage.users.put(set[0].host, key);
  stage.run(5s);
  stage.cut_off({set[1].host, set[2].host});
  stage.users.get(set[1].host, key);
  stage.run(3s);
  for (const NodeId host : {set[1].host, set[2].host}) stage.busy(host, false);
  stage.heal();
  stage.run(10s);
  return true;
}

// The disk of one of its hosts takes nothing for so long that the record of the removal would go, and no host
// behind keeps a hint for it.
bool removal_waits_for_a_disk(const RingStage& stage) {
  const ring::Placement placement(stage.ring);
  const std::string key = RingUsers::key(1);
  const ring::Hosts set = placement.of_key(key).now;
  if (set.size() < of_three_copies) return false;
  ring::Hosts full = placement.behind(key);
  full.push_back(set.back());
  stage.users.put(set.front().host, key);
  stage.run(3s);
  for (const ring::Host& host : full) stage.fill(host.host, true);
  stage.users.remove(set.front().host, key);
  stage.run(4min);
  for (const ring::Host& host : full) stage.fill(host.host, false);
  stage.run(10s);
  return true;
}

// Beside a cut: a value, another one that follows it, and a third that follows the second; who has read the
// third asks for the first on the other side.
bool chain_is_followed(const RingStage& stage) {
  const ring::Placement placement(stage.ring);
  const ring::Hosts set = placement.of_key(RingUsers::key(0)).now;
  if (set.size() < 2) return false;
  const NodeId here = set.front().host, there = set.back().host;
  stage.cut_off({there});
  for (std::size_t i = 0; i < 3; ++i) {
    stage.users.put_in_session(here, 0, RingUsers::key(i), stage.users.one_more());
    stage.run(4s);
  }
  stage.users.get_in_session(here, 1, RingUsers::key(2), stage.users.one_more());
  stage.run(4s);
  stage.users.get_in_session(there, 1, RingUsers::key(0), stage.users.one_more());
  stage.run(4s);
  stage.heal();
  stage.run(10s);
  return true;
}

}  // namespace

std::vector<std::string> play_situations(const RingStage& stage) {
  std::vector<std::string> played;
  switch (stage.users.level()) {
    case Consistency::quorum:
      if (hint_is_no_copy(stage)) played.emplace_back("hint is no copy");
      if (removal_waits_for_a_disk(stage)) played.emplace_back("removal waits for a disk");
      break;
    case Consistency::causal:
      if (chain_is_followed(stage)) played.emplace_back("chain is followed");
      break;
    case Consistency::one:
      break;
  }
  return played;
}

}  // namespace coord::catalogue
