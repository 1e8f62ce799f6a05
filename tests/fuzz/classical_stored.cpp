// SPDX-License-Identifier: MIT
// Bytes that an earlier life of a node is said to have stored, of a classical algorithm, whichever: an
// Error, or a node that lives, answers a message and a tick, and names nobody else. The first node has more
// than the others: it coordinates transactions.
#include "base/check.hpp"
#include "classical/registry.hpp"
#include "classical/toy_notary.hpp"

using namespace coord;
using namespace coord::classical;

namespace {

constexpr std::size_t nodes = 4;

void check(const Algorithm& algorithm, NodeId self, const Actions& actions) {
  for (const Action& action : actions) {
    const auto* send = std::get_if<Send>(&action);
    if (!send) continue;
    COORD_CHECK(send->to.value >= 1 && send->to.value <= nodes && send->to != self);
    COORD_CHECK(algorithm.describe(send->message).ok());
  }
}

void live(const Algorithm& algorithm, NodeId self, Instance& node, Instant now) {
  check(algorithm, self, node.tick(now));
  for (const Wish& wish : {Wish(Begin{}), Wish(Vote{true}), Wish(Propose{"1"})}) {
    if (const auto done = node.wish(now, wish); done.ok()) check(algorithm, self, *done);
  }
  if (const auto due = node.deadline()) check(algorithm, self, node.tick(std::max(now, *due)));
  COORD_CHECK(!node.state().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ToyNotary first(NodeId{1}, 1), second(NodeId{2}, 1);
  const Instant now = Instant{} + std::chrono::hours(1);
  for (const Algorithm& algorithm : all()) {
    if (!algorithm.stores) continue;
    for (const NodeId self : {NodeId{1}, NodeId{2}}) {
      for (const char* key : {"state", "promise", "vote/1", "view", "place/1"}) {
        Setup setup;
        setup.group = Group::numbered(self, nodes);
        setup.now = now;
        setup.life = 2;
        setup.notary = self == NodeId{1} ? &first : &second;
        setup.stored[key] = Bytes(data, data + size);
        if (const auto made = algorithm.make(setup); made.ok()) live(algorithm, self, **made, now);
      }
    }
  }
  return 0;
}
