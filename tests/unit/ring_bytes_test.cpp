// SPDX-License-Identifier: MIT
// What hosts of a ring say to each other, and tools to their peer: its bytes, and that no others are read.
// COORD_GOLDEN=write writes the golden bytes anew, as long as level 2 is not released.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "ring/copies.hpp"
#include "wire/codec.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

template <class T>
using Named = std::vector<std::pair<std::string, T>>;

const service::RingHost host{NodeId{3}, Token{40}, 8, "north"};
const Dot dot{NodeId{40}, 12};
const Version value{dot, WallTime{1'700'000'000'000'000'000}, false, 3};
const std::vector<Dependency> after{{"config/before", {NodeId{41}, 1}}};
const Past past{{{NodeId{41}, 2}}, after};
const Entry entry{{{NodeId{40}, 12}, {NodeId{41}, 2}},
                  {value, {{NodeId{41}, 2}, WallTime{5}, true, 0, after}}};
const chord::Member member{chord::drawn_id(1), NodeId{3}, 40}, next{chord::drawn_id(2), NodeId{4}, 41};
const RouteSaid route{{{member, next}, {next}}, {{Via::Kind::finger, 158}, {Via::Kind::successor, 0}}};
const PlaceKnown place{member, {next, {next}}, {{0, 159, next}}};
const std::string ring = "main", key = "config/limit";
const Bytes bytes{'a', 0, 0xff};
const Token number{44};
const std::vector<Dot> dots{dot};

const Named<copies::Message>& messages() {
  static const Named<copies::Message> all{
      {"ask_entry", copies::AskEntry{1, ring, number, key}},
      {"entry_is", copies::EntryIs{1, number, host, entry}},
      {"store", copies::Store{2, ring, number, key, entry, {{dot, NodeId{3}}}, dot, bytes, host, true}},
      {"kept", copies::Kept{2, number, host, host}},
      {"ask_chunk", copies::AskChunk{3, ring, key, dot, 262'144}},
      {"chunk_is", copies::ChunkIs{3, dot, 262'144, true, bytes}},
      {"ask_rows", copies::AskRows{4, ring, number, "con", "config/a", Bytes(512, 0x81)}},
      {"rows_are", copies::RowsAre{4, number, host, {{key, entry}}, true, key}},
      {"has_read", copies::HasRead{ring, number, host}},
      {"not_kept", copies::NotKept{2, number, host, Why::quota}},
      {"ask_route", copies::AskRoute{5, ring, number, member, chord::drawn_id(9)}},
      {"route_is", copies::RouteIs{5, number, route}},
      {"ask_places", copies::AskPlaces{6, ring, number}},
      {"places_are", copies::PlacesAre{6, number, {place}}},
      {"write_one",
       copies::WriteOne{
           7, ring, key, false, WallTime{9}, dots, 3, {NodeId{}, 7}, bytes, past, 2, "alice", true}},
      {"wrote_one", copies::WroteOne{7, host, dot, entry, true}},
      {"adopting", copies::Adopting{ring, number, {NodeId{4}, NodeId{5}}}},
      {"ask_digest", copies::AskDigest{8, ring, number}},
      {"digest_is", copies::DigestIs{8, number, {1, 0xfedcba9876543210U}}},
      {"writing_one", copies::WritingOne{7, true, 2}},
      {"ask_living", copies::AskLiving{9, ring}},
      {"living", copies::Living{9}},
      {"ask_bury", copies::AskBury{10, ring, number, {{key, entry}}, true}},
      {"may_bury", copies::MayBury{10, number, host, {key}, true}},
      {"bury", copies::Bury{10, ring, number, {{key, entry}}}},
      {"ask_changes", copies::AskChanges{11, ring, "con", 17}},
      {"changes_are", copies::ChangesAre{11, host, 18, {{key, entry}}}},
  };
  return all;
}

const Named<Request>& requests() {
  static const Duration second = std::chrono::seconds(1);
  static const Named<Request> all{
      {"put", Put{ring, key, 3, bytes, dots, second, Consistency::one, past, {2, true}}},
      {"remove", Remove{ring, key, dots, second, Consistency::causal, past, {2, false}}},
      {"get", Get{ring, key, dot, 262'144, second, Consistency::one, past, {2, true}}},
      {"list", List{ring, "con", "config/a", true, second}},
      {"watch", Watch{ring, "con", 17, {{Token{40}, 18}}}},
      {"ask_status", AskStatus{ring, true}},
      {"await_hand_over", AwaitHandOver{ring, number, {NodeId{4}}}},
      {"forget", Forget{ring}},
      {"ask_trace", AskTrace{ring, key, second}},
      {"ask_fingers", AskFingers{ring, NodeId{4}, second}},
      {"ask_everywhere", AskEverywhere{ring, key, dots, second}},
      {"close_ring", CloseRing{ring}},
  };
  return all;
}

const Named<Answer>& answers() {
  static const Named<Answer> all{
      {"stored", Stored{dot, {value}}},
      {"absent", Absent{}},
      {"found", Found{{value}, bytes, dots, after}},
      {"page", Page{{{key, {value}}}, true, 17, {"a,b"}, key, {{Token{40}, 18}}}},
      {"status", StatusOf{NodeId{3}, 1, 2, 3, 4, number, false, {{NodeId{3}, "a"}}, "alice", true}},
      {"refused", Refused{Why::full, "there is no room"}},
      {"no_quorum", NoQuorum{"too few"}},
      {"partly", Partly{2, 1, 3}},
      {"handed_over", HandedOver{}},
      {"traced",
       Traced{chord::drawn_id(9), {member}, {{member, true, {Via::Kind::finger, 158}, Duration(7)}}}},
      {"fingers_of", FingersOf{{place}}},
  };
  return all;
}

std::string hex(const Bytes& all) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : all) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

template <class T>
void check(const std::string& family, const Named<T>& all) {
  const std::string path = std::string(COORD_GOLDEN_DIR) + "/" + family + "-2.hex";
  if (const char* write = std::getenv("COORD_GOLDEN"); write != nullptr && std::string(write) == "write") {
    std::ofstream out(path);
    for (const auto& [name, sample] : all) out << name << ' ' << hex(wire::encode(sample)) << '\n';
  }
  std::ifstream golden(path);
  std::set<std::size_t> seen;
  for (const auto& [name, sample] : all) {
    INFO(family << " " << name);
    seen.insert(sample.index());
    const Bytes said = wire::encode(sample);
    std::string line;
    std::getline(golden, line);
    CHECK(line == name + " " + hex(said));
    const auto read = wire::decode<T>(said);
    REQUIRE(read.ok());
    CHECK(*read == sample);
    for (std::size_t size = 0; size < said.size(); ++size)
      CHECK_FALSE(wire::decode<T>(ByteView(said.data(), size)).ok());
    Bytes longer = said;
    longer.push_back(0);
    CHECK_FALSE(wire::decode<T>(longer).ok());
    // What is read of damaged bytes has no other bytes, and no length is believed.
    for (std::size_t at = 0; at < said.size(); ++at) {
      Bytes damaged = said;
      damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ 0x80U);
      const auto other = wire::decode<T>(damaged);
      if (other.ok()) CHECK(wire::encode(*other) == damaged);
    }
  }
  CHECK(seen.size() == std::variant_size_v<T>);
  CHECK_FALSE(wire::decode<T>(Bytes(200, 0xff)).ok());
}

}  // namespace

TEST_CASE("what hosts of a ring say to each other has its bytes and refuses all others", "[ring]") {
  check("ring", messages());
}

TEST_CASE("what tools say to a ring has its bytes and refuses all others", "[ring]") {
  check("ring_request", requests());
  check("ring_answer", answers());
}
