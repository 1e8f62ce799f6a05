// SPDX-License-Identifier: MIT
// Bytes that are said to be a message of a classical algorithm, whichever: what is no message is an
// Error; what is one, and what hundreds of such do to a node together, crashes nothing, hangs nothing and
// names nobody else. What is said to be stored: classical_stored.cpp.
#include "base/check.hpp"
#include "classical/registry.hpp"
#include "classical/toy_notary.hpp"

using namespace coord;
using namespace coord::classical;

namespace {

constexpr std::size_t nodes = 4;
constexpr int messages_a_life = 512;

std::unique_ptr<Instance> born(const Algorithm& algorithm, Instant now) {
  static const ToyNotary notary(NodeId{2}, 1);
  Setup setup;
  setup.group = Group::numbered(NodeId{2}, nodes);
  setup.now = now;
  setup.notary = &notary;
  auto made = algorithm.make(setup);
  COORD_CHECK(made.ok());
  return std::move(*made);
}

void check(const Algorithm& algorithm, const Actions& actions) {
  for (const Action& action : actions) {
    const auto* send = std::get_if<Send>(&action);
    if (!send) continue;
    COORD_CHECK(send->to.value >= 1 && send->to.value <= nodes && send->to != NodeId{2});
    const auto described = algorithm.describe(send->message);
    COORD_CHECK(described.ok() && described->type == send->type);
  }
}

const std::vector<Wish>& wishes() {
  static const std::vector<Wish> all = {Enter{},           Leave{},
                                        Suspect{},         Propose{"1"},
                                        Begin{},           Vote{true},
                                        Broadcast{"news"}, Listen{},
                                        Write{"key", "v"}, WaitFor{{NodeId{3}}},
                                        Serve{NodeId{1}},  Hand{NodeId{1}, 1},
                                        Find{"key"}};
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::vector<std::unique_ptr<Instance>> lives(all().size());
  static std::uint64_t inputs = 0;
  static Instant now = Instant{} + std::chrono::hours(1);
  now += std::chrono::milliseconds(1);
  ++inputs;
  const ByteView message(data, size);
  const NodeId from{size > 0 && data[size - 1] % 2 == 0 ? std::uint64_t{1} : std::uint64_t{3}};
  for (std::size_t i = 0; i < all().size(); ++i) {
    const Algorithm& algorithm = all()[i];
    if (inputs % messages_a_life == 1) lives[i] = born(algorithm, now);
    Instance& life = *lives[i];
    const auto described = algorithm.describe(message);
    COORD_CHECK(!described.ok() || !described->text.empty());
    const auto heard = life.receive(now, from, message);
    COORD_CHECK(described.ok() || !heard.ok());
    if (!heard.ok()) continue;
    check(algorithm, *heard);
    if (auto wished = life.wish(now, wishes()[inputs % wishes().size()]); wished.ok())
      check(algorithm, *wished);
    if (const auto due = life.deadline(); due && *due <= now) check(algorithm, life.tick(now));
    COORD_CHECK(life.missing().size() <= nodes);  // Redlock: its own store, too, may have said no
    COORD_CHECK(!life.state().empty());
  }
  return 0;
}
