// SPDX-License-Identifier: MIT
// The channel between two lives: once, in order, bounded, whatever the carrier does.
#include "protocol/channel/channel.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "base/random.hpp"

using namespace coord;
using namespace coord::channel;
using namespace std::chrono_literals;

namespace {

Limits small() {
  Limits limits;
  limits.longest_item = 100;
  limits.fragment = 10;
  limits.window = 120;
  limits.queue = 200;
  return limits;
}

struct Pair {
  Channel a{1, 2, small()}, b{2, 1, small()};
  Instant now{};

  // Until nothing is left to say at this time.
  void carry() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
        for (const Message& message : from->poll(now)) {
          moved = true;
          to->receive(now, decode(encode(message)).value());
        }
      }
    }
  }
};

Bytes item(const std::string& text) {
  return {text.begin(), text.end()};
}
std::string front(const Channel& channel) {
  return channel.front() ? std::string(channel.front()->begin(), channel.front()->end()) : "none";
}

}  // namespace

TEST_CASE("channel: items longer than a piece arrive whole, an empty one too") {
  Pair pair;
  pair.a.offer(item(std::string(95, 'x')));
  pair.a.offer(item(""));
  pair.carry();
  CHECK(front(pair.b) == std::string(95, 'x'));
  pair.b.done(pair.b.take());
  CHECK(front(pair.b).empty());
}

TEST_CASE("channel: an item is the sender's until it is taken, and comes back when the other life is over") {
  Pair pair;
  for (const char* text : {"one", "two", "three"}) pair.a.offer(item(text));
  pair.carry();
  CHECK_FALSE(pair.a.all_taken());
  pair.b.done(pair.b.take());
  pair.carry();
  const auto back = pair.a.close();
  CHECK(back == std::vector<Bytes>{item("two"), item("three")});
  pair.a.offer(item("four"));
  CHECK(pair.a.poll(pair.now).empty());
}

TEST_CASE("channel: who is slow to take holds the sender up, within bounds") {
  Pair pair;
  std::size_t offered = 0;
  while (pair.a.has_room()) {
    pair.a.offer(item("0123456789"));
    ++offered;
  }
  pair.carry();
  CHECK(offered == 20);
  CHECK(pair.b.waiting() == 12);  // the window
  while (pair.b.waiting() > 0) {
    pair.b.done(pair.b.take());
    pair.carry();
  }
  CHECK(pair.a.all_taken());
  CHECK(pair.a.has_room());
}

TEST_CASE("channel: what names another life is dropped and counted") {
  Pair pair;
  Channel later(3, 1, small());
  pair.a.offer(item("for 2"));
  for (const Message& message : pair.a.poll(pair.now)) later.receive(pair.now, message);
  CHECK(later.front() == nullptr);
  CHECK(later.counts().strayed == 1);
  CHECK(later.poll(pair.now).empty());
}

TEST_CASE("channel: what is lost is sent again, at longer and longer intervals, and counted apart") {
  Pair pair;
  pair.a.offer(item("lost"));
  CHECK(pair.a.poll(pair.now).size() == 1);
  Instant last = pair.now;
  std::vector<Duration> gaps;
  for (int i = 0; i < 5; ++i) {
    pair.now = *pair.a.deadline();
    gaps.push_back(pair.now - last);
    last = pair.now;
    CHECK(pair.a.poll(pair.now).size() == 1);
  }
  CHECK(gaps == std::vector<Duration>{300ms, 600ms, 1200ms, 2s, 2s});
  CHECK(pair.a.counts().sent == 1);
  CHECK(pair.a.counts().resent == 5);
  pair.a.reconnected();
  pair.carry();
  CHECK(front(pair.b) == "lost");
  CHECK(pair.b.counts().acknowledgements == 1);
}

TEST_CASE("channel: once and in order over a carrier that loses, doubles and reorders") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    Pair pair;
    std::vector<std::pair<bool, Message>> flying;
    int offered = 0, taken = 0;
    while (taken < 60 && pair.now < Instant{} + 600s) {
      pair.now += Duration(random.below(20'000'000));
      while (offered < 60 && pair.a.has_room())
        pair.a.offer(item(std::to_string(++offered) + std::string(random.below(80), '.')));
      for (const bool to_b : {true, false}) {
        for (const Message& message : (to_b ? pair.a : pair.b).poll(pair.now)) {
          if (random.below(10) < 3) continue;
          flying.emplace_back(to_b, message);
          if (random.below(10) < 2) flying.emplace_back(to_b, message);
        }
      }
      if (!flying.empty()) {
        const auto which = flying.begin() + static_cast<std::ptrdiff_t>(random.below(flying.size()));
        (which->first ? pair.b : pair.a).receive(pair.now, which->second);
        flying.erase(which);
      }
      if (random.below(50) == 0) pair.a.reconnected();
      if (pair.b.front() && random.below(2) == 0) {
        REQUIRE(std::stoi(front(pair.b)) == ++taken);
        pair.b.done(pair.b.take());
      }
    }
    INFO("seed " << seed);
    REQUIRE(taken == 60);
  }
}

TEST_CASE("channel: hostile numbers, lengths and floods change nothing and hold nothing") {
  Pair pair;
  pair.b.receive(pair.now, Acknowledge{1, 2, 7, 7});
  pair.b.receive(pair.now, Acknowledge{1, 2, 0, 7});
  Parcel flood{1, 2, 1, {}};
  for (int i = 0; i < 1000; ++i) flood.pieces.push_back({false, Bytes(10)});
  pair.b.receive(pair.now, flood);
  CHECK(pair.b.front() == nullptr);
  pair.b.receive(pair.now, Parcel{1, 2, ~std::uint64_t{0}, {{true, Bytes(1)}}});
  CHECK(pair.b.waiting() == 0);
  for (const Bytes& bytes : {Bytes{}, Bytes{2}, Bytes{1, 0, 0}, Bytes(34, 1), Bytes(24, 0), Bytes(29, 0)})
    CHECK_FALSE(decode(bytes).has_value());
  Bytes cut = encode(Parcel{1, 2, 3, {{true, item("text")}}});
  for (std::size_t size = 26; size < cut.size(); ++size)
    CHECK_FALSE(decode(ByteView(cut).first(size)).has_value());
}

TEST_CASE(
    "channel: what is refused comes back, and so does what is offered later, with both lives going on") {
  Pair pair;
  for (const char* text : {"one", "two", "three"}) pair.a.offer(item(text));
  pair.b.offer(item("other way"));
  pair.carry();
  pair.b.done(pair.b.take());
  pair.b.refuse();
  CHECK(pair.b.front() == nullptr);
  (void)pair.b.poll(pair.now);  // what says so is lost
  pair.now += 3s;
  pair.carry();
  CHECK(pair.a.refused() == std::vector<Bytes>{item("two"), item("three")});
  CHECK(pair.a.all_taken());
  pair.a.offer(item("four"));
  pair.carry();
  CHECK(pair.a.refused() == std::vector<Bytes>{item("four")});
  CHECK(pair.a.refused().empty());
  CHECK(pair.b.front() == nullptr);
  CHECK_FALSE(pair.a.deadline().has_value());
  CHECK(front(pair.a) == "other way");
  // A late acknowledgement says nothing new.
  pair.a.receive(pair.now, Acknowledge{2, 1, 3, 3});
  CHECK(pair.a.all_taken());
}

TEST_CASE("channel: one acknowledgement is for many items, and who asks has it at once") {
  Limits limits = small();
  limits.acknowledge_after = 20ms;
  Channel a(1, 2, limits), b(2, 1, limits);
  Instant now{};
  for (int i = 0; i < 3; ++i) {
    a.offer(item("x"));
    for (const Message& message : a.poll(now)) b.receive(now, message);
    b.done(b.take());
    CHECK(b.poll(now).empty());
    now += 1ms;
  }
  REQUIRE(b.deadline());
  now = *b.deadline();
  const auto late = b.poll(now);
  REQUIRE(late.size() == 1);
  a.receive(now, late.front());
  CHECK(a.all_taken());
  a.offer(item("y"));
  for (const Message& message : a.poll(now)) b.receive(now, message);
  b.done(b.take());
  a.ask();
  for (const Message& message : a.poll(now)) b.receive(now, message);
  for (const Message& message : b.poll(now)) a.receive(now, message);
  CHECK(a.all_taken());
}

TEST_CASE(
    "channel: what is beyond its queue waits in the owner's file, comes in its order, and is forgotten") {
  struct Shelf final : Spill {
    std::optional<std::uint64_t> put(ByteView bytes) override {
      kept.emplace_back(bytes.begin(), bytes.end());
      ++live;
      return kept.size() - 1;
    }
    std::optional<Bytes> get(std::uint64_t at, std::size_t) override { return kept.at(at); }
    void forget(std::uint64_t, std::size_t) override { --live; }
    std::vector<Bytes> kept;
    int live = 0;
  } shelf;
  {
    Channel a(1, 2, small(), &shelf), b(2, 1, small());
    for (int i = 0; i < 200; ++i) a.offer(item("number " + std::to_string(i)));
    CHECK(shelf.live > 150);
    Instant now{};
    int next = 0;
    for (int round = 0; round < 1000 && !a.all_taken(); ++round) {
      for (const Message& message : a.poll(now)) b.receive(now, message);
      for (; b.front(); b.done(b.take())) CHECK(front(b) == "number " + std::to_string(next++));
      for (const Message& message : b.poll(now)) a.receive(now, message);
    }
    CHECK(next == 200);
    CHECK(shelf.live == 0);
    for (int i = 0; i < 50; ++i) a.offer(item("again"));
    CHECK(shelf.live > 0);
    CHECK(a.close().size() == 50);
    CHECK(shelf.live == 0);
  }
}

TEST_CASE("channel: who refuses may end when the other end knows what it has taken, and both may refuse") {
  const bool both = GENERATE(false, true);
  Pair pair;
  pair.a.offer(item("taken"));
  pair.carry();
  pair.b.done(pair.b.take());
  pair.carry();
  CHECK(pair.b.may_end());
  pair.b.refuse();
  if (both) pair.a.refuse();
  CHECK_FALSE(pair.b.may_end());
  (void)pair.b.poll(pair.now);  // lost
  CHECK_FALSE(pair.b.may_end());
  REQUIRE(pair.b.deadline());
  pair.now = *pair.b.deadline();
  pair.carry();  // ends
  CHECK(pair.b.may_end());
  CHECK(pair.a.close().empty());
}

namespace {

std::map<std::string, Message> channel_samples() {
  return {
      {"parcel", Parcel{7, 9, 3, {{false, item("ab")}, {true, item("c")}}}},
      {"parcel_of_an_empty_item", Parcel{7, 9, 1, {{true, {}}}}},
      {"asks", Parcel{7, 9, 4, {}}},
      {"acknowledge", Acknowledge{9, 7, 5, 4}},
      {"refuses", Acknowledge{9, 7, 5, 4, true}},
      {"knows", Acknowledge{9, 7, 5, 4, false, true}},
      {"settled", Acknowledge{9, 7, 5, 4, true, true, true}},
  };
}

std::string hex_of(const Bytes& bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

}  // namespace

// COORD_GOLDEN=write writes the file anew. It has the seeds of the fuzzer, too.
TEST_CASE("channel: its messages have the bytes that they always had") {
  const char* const mode = std::getenv("COORD_GOLDEN");
  if (mode != nullptr && std::string(mode) == "write") {
    std::ofstream out(COORD_CHANNEL_FILE);
    for (const auto& [name, message] : channel_samples())
      out << name << ' ' << hex_of(encode(message)) << '\n';
  }
  std::ifstream in(COORD_CHANNEL_FILE);
  REQUIRE(in);
  std::map<std::string, std::string> golden;
  for (std::string line, name, bytes; std::getline(in, line);) {
    std::istringstream(line) >> name >> bytes;
    golden[name] = bytes;
  }
  CHECK(golden.size() == channel_samples().size());
  for (const auto& [name, message] : channel_samples()) {
    INFO(name);
    CHECK(hex_of(encode(message)) == golden[name]);
    CHECK(decode(encode(message)) == message);
  }
}
