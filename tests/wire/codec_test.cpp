// What every message must stand: its bytes never change unnoticed, it survives the round trip, and no damage
// to its bytes gives anything but an error or another valid message.
#include "wire/codec.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/random.hpp"
#include "samples.hpp"
#include "wire/local_version.hpp"

using namespace coord;

namespace {

std::string hex(ByteView data) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : data) {
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

// COORD_GOLDEN=write regenerates the file; the commit explains the difference.
template <class T>
void check_golden(const std::string& family, const samples::Named<T>& all) {
  const std::string path = std::string(COORD_GOLDEN_DIR) + "/" + family + ".hex";
  const char* mode = std::getenv("COORD_GOLDEN");
  if (mode != nullptr && std::string(mode) == "write") {
    std::ofstream out(path);
    for (const auto& [name, message] : all) out << name << ' ' << hex(wire::encode(message)) << '\n';
    return;
  }
  std::map<std::string, std::string> golden;
  std::ifstream in(path);
  REQUIRE(in);
  for (std::string name, bytes, line; std::getline(in, line);) {
    std::istringstream(line) >> name >> bytes;
    golden[name] = bytes;
  }
  CHECK(golden.size() == all.size());
  for (const auto& [name, message] : all) {
    INFO(family << " " << name);
    CHECK(hex(wire::encode(message)) == golden[name]);
  }
}

template <class T>
void check_round_trip(const samples::Named<T>& all) {
  for (const auto& [name, message] : all) {
    INFO(name);
    const Bytes bytes = wire::encode(message);
    const auto back = wire::decode<T>(bytes);
    REQUIRE(back.ok());
    CHECK(wire::encode(*back) == bytes);
    CHECK((*back == message));
  }
}

// An accepted message is the only one with its bytes.
template <class T>
bool refused_or_canonical(const Bytes& bytes) {
  const auto message = wire::decode<T>(bytes);
  return !message.ok() || wire::encode(*message) == bytes;
}

template <class T>
void check_damage(const samples::Named<T>& all) {
  Random random(7);
  for (const auto& [name, message] : all) {
    INFO(name);
    const Bytes whole = wire::encode(message);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto cut = wire::decode<T>(ByteView(whole).first(size));
      REQUIRE_FALSE(cut.ok());
      REQUIRE(cut.error().kind == ErrorKind::data);
    }
    Bytes longer = whole;
    longer.push_back(0);
    CHECK_FALSE(wire::decode<T>(longer).ok());
    CHECK(wire::decode<T>(longer, {.newer_sender = true}).ok());
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const std::uint8_t value : Bytes{0x00, 0x01, 0x02, 0x7f, 0x80, 0xff}) {
        Bytes damaged = whole;
        damaged[at] = value;
        REQUIRE(refused_or_canonical<T>(damaged));
      }
    }
    for (int round = 0; round < 2000; ++round) {
      Bytes damaged = whole;
      for (std::uint64_t n = 1 + random.below(4); n-- > 0;)
        damaged[random.below(damaged.size())] = static_cast<std::uint8_t>(random.next());
      REQUIRE(refused_or_canonical<T>(damaged));
    }
  }
}

// Every count in a message, set to the largest: refused at once.
template <class T>
void check_hostile_lengths(const samples::Named<T>& all) {
  for (const auto& [name, message] : all) {
    INFO(name);
    const Bytes whole = wire::encode(message);
    for (std::size_t at = 0; at + 4 <= whole.size(); ++at) {
      Bytes damaged = whole;
      for (std::size_t i = 0; i < 4; ++i) damaged[at + i] = 0xff;
      REQUIRE(refused_or_canonical<T>(damaged));
    }
  }
}

template <class T>
void check_family(const std::string& family, const samples::Named<T>& all) {
  check_golden(family, all);
  check_round_trip(all);
  check_damage(all);
  check_hostile_lengths(all);
}

template <class Variant>
void check_every_alternative(const samples::Named<Variant>& all) {
  std::set<std::size_t> seen;
  for (const auto& [name, message] : all) seen.insert(message.index());
  CHECK(seen.size() == std::variant_size_v<Variant>);
  Bytes unknown{static_cast<std::uint8_t>(std::variant_size_v<Variant>)};
  unknown.resize(200);
  CHECK_FALSE(wire::decode<Variant>(unknown).ok());
  unknown[0] = 0xff;
  CHECK_FALSE(wire::decode<Variant>(unknown).ok());
}

}  // namespace

TEST_CASE("every message of Raft has its bytes and refuses all others") {
  check_family("raft", samples::raft_messages());
  check_every_alternative(samples::raft_messages());
}

TEST_CASE("every message between peers has its bytes and refuses all others") {
  check_family("peer_message", samples::peer_messages());
  check_every_alternative(samples::peer_messages());
}

TEST_CASE("log entries and hard state have their bytes and refuse all others") {
  check_family("entry", samples::entries());
  check_family("hard_state", samples::hard_states());
}

TEST_CASE("every command of the service has its bytes and refuses all others") {
  check_family("command", samples::commands());
  std::set<std::size_t> seen;
  for (const auto& [name, command] : samples::commands()) seen.insert(command.body.index());
  CHECK(seen.size() == std::variant_size_v<service::Body>);
}

TEST_CASE("the service's snapshot has its bytes and refuses all others") {
  check_family("state", samples::states());
}

TEST_CASE("every request of a tool has its bytes and refuses all others") {
  check_family("request", samples::requests());
  check_every_alternative(samples::requests());
}

TEST_CASE("every answer to a tool has its bytes and refuses all others") {
  check_family("answer", samples::answers());
  check_every_alternative(samples::answers());
}

TEST_CASE("the peers' hello has its bytes and refuses all others") {
  check_family("hello", samples::peer_hellos());
}

TEST_CASE("an entry of an unknown kind is refused") {
  Bytes bytes = wire::encode(samples::entries()[0].second);
  bytes[16] = 3;
  CHECK_FALSE(wire::decode<raft::Entry>(bytes).ok());
}

TEST_CASE("founders out of order or twice are refused") {
  raft::HardState state;
  state.founders = {{NodeId{1}, {}}, {NodeId{2}, {}}};
  const Bytes bytes = wire::encode(state);
  const std::size_t second = 8 + 8 + 4 + 24;
  for (const std::uint8_t key : Bytes{0, 1}) {
    Bytes damaged = bytes;
    damaged[second] = key;
    CHECK_FALSE(wire::decode<raft::HardState>(damaged).ok());
  }
}

// A tool of 0.1.0 and one of today greet the same peer, and each is answered so that it understands.
TEST_CASE("greetings tell what each end speaks to an end that asks, and nothing to one of 0.1.0") {
  const local::Hello hello{1, "dlock", local::newest_spoken};
  const Bytes newer = wire::encode<local::Request>(hello, 2);
  const auto new_peer = wire::decode<local::Request>(newer, {.version = 2});
  REQUIRE(new_peer.ok());
  CHECK((*new_peer == local::Request(hello)));
  // As a peer of 0.1.0 reads it: a frame of a newer version, as far as it is known.
  const auto old_peer = wire::decode<local::Request>(newer, {.newer_sender = true});
  REQUIRE(old_peer.ok());
  CHECK((*old_peer == local::Request(local::Hello{1, "dlock", 1})));
  const local::Welcome welcome{1, "a", local::Scope::cluster, local::newest_spoken};
  const auto old_tool = wire::decode<local::Answer>(wire::encode<local::Answer>(welcome, 1));
  REQUIRE(old_tool.ok());
  CHECK((*old_tool == local::Answer(local::Welcome{1, "a", local::Scope::cluster, 1})));
  CHECK(local::common(1) == 1);
  CHECK(local::common(0) == 1);
  CHECK(local::common(7) == local::newest_spoken);
}

TEST_CASE("names beyond their bound are refused, long command lines are cut") {
  local::Acquire acquire;
  acquire.names = {std::string(255, 'n')};
  acquire.command = std::string(5000, 'c');
  const Bytes bytes = wire::encode<local::Request>(acquire);
  const auto back = wire::decode<local::Request>(bytes);
  REQUIRE(back.ok());
  CHECK(std::get<local::Acquire>(*back).names[0].size() == 255);
  CHECK(std::get<local::Acquire>(*back).command.size() == 4096);

  Bytes longer = bytes;  // kind, request, count of names, length of the first
  REQUIRE(longer[1 + 8 + 4] == 255);
  longer[1 + 8 + 4] = 0;
  longer[1 + 8 + 4 + 1] = 1;
  longer.insert(longer.begin() + 1 + 8 + 4 + 4, 'n');
  CHECK_FALSE(wire::decode<local::Request>(longer).ok());
}
