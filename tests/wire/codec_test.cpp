// SPDX-License-Identifier: MIT
// What every message must stand: its bytes never change unnoticed, it survives the round trip, and no damage
// to its bytes gives anything but an error or another valid message.
#include "wire/codec.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/level.hpp"
#include "base/random.hpp"
#include "samples.hpp"
#include "wire/local_version.hpp"
#include "wire/state_sections.hpp"

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

// How a level lays a type out; a state is more than one message (wire/state_sections.hpp).
template <class T>
Bytes encoded(const T& message, Level level) {
  if constexpr (std::is_same_v<T, service::State>) {
    service::State state = message;
    state.level = level;
    return wire::encode_state(state);
  } else {
    return wire::encode(message, level);
  }
}

template <class T>
Result<T> decoded(ByteView bytes, Level level) {
  if constexpr (std::is_same_v<T, service::State>) {
    return wire::decode_state(bytes, level);
  } else {
    return wire::decode<T>(bytes, {.version = level});
  }
}

Bytes bytes_of_hex(const std::string& text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  return bytes;
}

std::string golden_file(const std::string& family, Level level) {
  return std::string(COORD_GOLDEN_DIR) + "/" + family + (level == 1 ? "" : "-" + std::to_string(level)) +
         ".hex";
}

std::map<std::string, std::string> golden_of(const std::string& family, Level level) {
  std::map<std::string, std::string> golden;
  std::ifstream in(golden_file(family, level));
  REQUIRE(in);
  for (std::string name, bytes, line; std::getline(in, line); bytes.clear()) {
    std::istringstream(line) >> name >> bytes;
    golden[name] = bytes;
  }
  return golden;
}

// What a level's bytes are never changes once it is released: each line of its file is decoded for ever.
template <class T>
void check_earlier_level(const std::string& family, Level level) {
  const auto golden = golden_of(family, level);
  CHECK_FALSE(golden.empty());
  for (const auto& [name, text] : golden) {
    INFO(family << " " << name << " of level " << level);
    const Bytes bytes = bytes_of_hex(text);
    const auto message = decoded<T>(bytes, level);
    REQUIRE(message.ok());
    CHECK(encoded(*message, level) == bytes);
  }
}

// COORD_GOLDEN=write regenerates the newest level's file, until it is released; the
// commit explains the difference.
template <class T>
void check_golden(const std::string& family, const samples::Named<T>& all, Level since) {
  const char* mode = std::getenv("COORD_GOLDEN");
  if (mode != nullptr && std::string(mode) == "write") {
    std::ofstream out(golden_file(family, newest_level));
    for (const auto& [name, message] : all) out << name << ' ' << hex(encoded(message, newest_level)) << '\n';
    return;
  }
  auto golden = golden_of(family, newest_level);
  CHECK(golden.size() == all.size());
  for (const auto& [name, message] : all) {
    INFO(family << " " << name);
    CHECK(hex(encoded(message, newest_level)) == golden[name]);
  }
  // Of the same value an earlier level has the bytes that it always had.
  for (Level level = since; level < newest_level; ++level) {
    const auto earlier = golden_of(family, level);
    for (const auto& [name, message] : all) {
      INFO(family << " " << name << " of level " << level);
      if (const auto known = earlier.find(name); known != earlier.end())
        CHECK(hex(encoded(message, level)) == known->second);
    }
  }
}

template <class T>
void check_round_trip(const samples::Named<T>& all) {
  for (const auto& [name, message] : all) {
    INFO(name);
    const Bytes bytes = encoded(message, newest_level);
    const auto back = decoded<T>(bytes, newest_level);
    REQUIRE(back.ok());
    CHECK(encoded(*back, newest_level) == bytes);
    if constexpr (!std::is_same_v<T, service::State>) CHECK((*back == message));
  }
}

// An accepted message is the only one with its bytes.
template <class T>
bool refused_or_canonical(const Bytes& bytes) {
  const auto message = decoded<T>(bytes, newest_level);
  return !message.ok() || encoded(*message, newest_level) == bytes;
}

template <class T>
void check_damage(const samples::Named<T>& all) {
  Random random(7);
  for (const auto& [name, message] : all) {
    INFO(name);
    const Bytes whole = encoded(message, newest_level);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto cut = decoded<T>(ByteView(whole).first(size), newest_level);
      REQUIRE_FALSE(cut.ok());
      REQUIRE(cut.error().kind == ErrorKind::data);
    }
    Bytes longer = whole;
    longer.push_back(0);
    CHECK_FALSE(decoded<T>(longer, newest_level).ok());
    if constexpr (!std::is_same_v<T, service::State>)
      CHECK(wire::decode<T>(longer, {.newer_sender = true, .version = newest_level}).ok());
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
    const Bytes whole = encoded(message, newest_level);
    for (std::size_t at = 0; at + 4 <= whole.size(); ++at) {
      Bytes damaged = whole;
      for (std::size_t i = 0; i < 4; ++i) damaged[at + i] = 0xff;
      REQUIRE(refused_or_canonical<T>(damaged));
    }
  }
}

// `since`: the first level at which there are such bytes.
template <class T>
void check_family(const std::string& family, const samples::Named<T>& all, Level since = first_level) {
  for (Level level = since; level < newest_level; ++level) check_earlier_level<T>(family, level);
  check_golden(family, all, since);
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

// A state that one release lays out by families that another does not know is refused whole.
TEST_CASE("a state of an unknown level, family or version is refused, with its number") {
  service::State state = samples::states().back().second;
  state.level = 2;
  const Bytes bytes = wire::encode_state(state);
  CHECK(wire::decode_state(bytes, 2)->level == 2);
  CHECK_FALSE(wire::decode_state(bytes, 1).ok());
  CHECK(wire::decode_state(bytes, newest_level + 1).error().what.find("level 3") != std::string::npos);
  const std::size_t family = 8 + 4 + 4, version = family + 4;
  for (const std::size_t at : {std::size_t{12}, family, version}) {
    Bytes other = bytes;
    other[at] = 9;
    const auto refused = wire::decode_state(other, 2);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().remedy == "install the release that wrote it");
  }
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
  check_family("introduction_question", samples::introduction_questions(), wire::channels_since);
  check_family("introduction", samples::introductions(), wire::channels_since);
}

TEST_CASE("a message on a channel has its bytes and refuses all others, whichever channel it is") {
  check_family("channel", samples::channel_messages(), wire::channels_since);
}

TEST_CASE("what is said about snapshots has its bytes and refuses all others") {
  check_family("group_snapshot", samples::group_snapshot_messages(), wire::channels_since);
  check_family("snapshot_colour", samples::snapshot_colours(), wire::channels_since);
  check_family("coloured_datagram", samples::coloured_datagrams(), wire::channels_since);
  check_family("group_snapshot_request", samples::group_snapshot_requests(), wire::channels_since);
  check_family("group_snapshot_answer", samples::group_snapshot_answers(), wire::channels_since);
  check_family("kept_request", samples::kept_requests(), wire::channels_since);
  check_family("kept_answer", samples::kept_answers(), wire::channels_since);
}

TEST_CASE("what sites of a decision say to each other and to tools has its bytes and refuses all others") {
  check_family("agreements_to_peer", samples::agreements_to_peer(), wire::channels_since);
  check_family("agreements_items", samples::agreements_items(), wire::channels_since);
  check_family("agreements_kept", samples::agreements_kept(), wire::channels_since);
  check_family("agreements_from_tool", samples::agreements_from_tool(), wire::channels_since);
  check_family("agreements_to_tool", samples::agreements_to_tool(), wire::channels_since);
}

TEST_CASE("what peers say of casts, to each other and to tools, has its bytes and refuses all others") {
  check_family("casts_to_peer", samples::casts_to_peer(), wire::channels_since);
  check_family("casts_letters", samples::casts_letters(), wire::channels_since);
  check_family("casts_answers", samples::casts_answers(), wire::channels_since);
  check_family("casts_from_tool", samples::casts_from_tool(), wire::channels_since);
  check_family("casts_to_tool", samples::casts_to_tool(), wire::channels_since);
}

TEST_CASE(
    "what peers say of the group's keys, to each other and to tools, has its bytes and refuses all others") {
  check_family("keys_to_peer", samples::keys_to_peer(), wire::channels_since);
  check_family("keys_ask", samples::keys_ask(), wire::channels_since);
  check_family("keys_told", samples::keys_told(), wire::channels_since);
}

TEST_CASE("what a tool and its peer say of an engine's own keys has its bytes and refuses all others") {
  check_family("native_from_tool", samples::native_from_tool(), wire::channels_since);
  check_family("native_to_tool", samples::native_to_tool(), wire::channels_since);
}

TEST_CASE("what members say to each other has its bytes and refuses all others") {
  check_family("members", samples::members_said(), wire::channels_since);
  std::set<std::size_t> seen;
  for (const auto& [name, said] : samples::members_said()) seen.insert(said.message.index());
  CHECK(seen.size() == std::variant_size_v<membership::SwimMessage>);
}

TEST_CASE("a part's bytes beyond what a frame holds are refused before anything is allocated") {
  const auto bytes_of_size = [](std::size_t size) {
    ByteWriter bytes;
    bytes.put(std::uint16_t{1});
    bytes.put(static_cast<std::uint32_t>(size));
    bytes.put(Bytes(size));
    return bytes.take();
  };
  CHECK(wire::decode<wire::ChannelMessage>(bytes_of_size(wire::channel_bytes_limit), {.version = 2}).ok());
  CHECK_FALSE(
      wire::decode<wire::ChannelMessage>(bytes_of_size(wire::channel_bytes_limit + 1), {.version = 2}).ok());
}

TEST_CASE("an entry of an unknown kind is refused") {
  Bytes bytes = wire::encode(samples::entries()[0].second);
  bytes[16] = 4;
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
