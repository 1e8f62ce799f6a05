// SPDX-License-Identifier: MIT
// Snapshots of the group itself: their lines, and whether the cut is consistent.
#include <catch2/catch.hpp>

#include "snapshot/consistency.hpp"
#include "snapshot/record_text.hpp"

using namespace coord;
using namespace coord::record;

namespace {

Peer peer(const std::string& name, std::uint64_t applied) {
  Peer p;
  p.name = name;
  p.node = "18446744073709551615";
  p.life = "77";
  p.role = name == "a" ? "leader" : "follower";
  p.leader = "a";
  p.term = 4;
  p.level = 2;
  p.first_index = 10;
  p.last_index = applied + 2;
  p.commit_index = applied;
  p.applied = applied;
  p.runs = {{10, 2}, {30, 4}};
  p.last_token = 1000 + applied;
  p.sessions = 2;
  p.holds = {{"lock", {"backup", "b\n"}, 1020, 7, "web1", "alice"},
             {"leadership", {"cron"}, 1021, 8, "web2", "bob"}};
  p.waits = {{"lock", {"backup"}, 0, 9, "web2", "bob"}};
  p.barriers = {{"start", 3, 1, 2, "gathering"}};
  p.members = {{name == "a" ? "b" : "a", "connected"}};
  p.wall = WallTime{1'795'922'835'000'000'000};
  p.running = std::chrono::milliseconds(1234567);
  return p;
}

// a has sent 5 to b, which has received 3; 2 are on their way. b has sent nothing.
Snapshot group() {
  Snapshot s;
  s.id = "a-1-1";
  s.members = {{"a", 0, "a"}, {"b", 0, "b"}};
  s.peers = {peer("a", 40), peer("b", 38)};
  s.peers[0].links = {{"b", 5}};
  s.peers[1].links = {{"a", 0}};
  s.peers[1].last_token = 1038;
  Link link{"a",
            "b",
            true,
            false,
            5,
            3,
            0,
            {{"append", 1}, {"heartbeat", 1}},
            {"append", "heartbeat"},
            {{"heartbeat", 9}},
            {{"heartbeat", 7}}};
  s.links = {link, {"b", "a", true, false, 0, 0, 0, {}, {}, {}, {}}};
  return s;
}

std::vector<std::string> found_in(const Snapshot& snapshot) {
  std::vector<std::string> out;
  for (const Finding& finding : examine(snapshot))
    out.push_back(std::string(to_string(finding.rule)) + ": " + finding.id + ": " + finding.detail);
  return out;
}
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("group: lines read as the page says, and back") {
  const Snapshot s = group();
  const std::string text = to_text(s).value();
  CHECK(
      text.find(
          R"("type":"peer","name":"a","node":"18446744073709551615","life":"77","role":"leader","leader":"a","term":4)") !=
      std::string::npos);
  CHECK(
      text.find(
          R"("holds":[{"kind":"lock","names":["backup","b\n"],"token":1020,"session":7,"host":"web1","user":"alice"},)") !=
      std::string::npos);
  CHECK(text.find(R"("clock":{"wall":"2026-11-29T03:27:15.000000000Z","running_s":1234.567})") !=
        std::string::npos);
  CHECK(
      text.find(
          R"({"schema":1,"type":"link","from":"a","to":"b","messages":{"append":1,"heartbeat":1},"marked":true)") !=
      std::string::npos);
  CHECK(text.find(R"("in_flight_or_lost":{"heartbeat":2})") != std::string::npos);
  CHECK(from_text(text, "file").value() == s);
}

TEST_CASE("group: defects of a file are named with their line") {
  const auto fault = [](const std::string& from, const std::string& to) {
    std::string text = to_text(group()).value();
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return from_text(text.replace(at, from.size(), to), "file").error().text();
  };
  CHECK(fault(R"("role":"leader",)", "") == "file:2: \"role\" is missing");
  CHECK(fault(R"("running_s":1234.567)", R"("running_s":-1)") ==
        "file:2: \"running_s\" is no time that a host runs");
  CHECK(fault(R"("type":"peer","name":"b")", R"("type":"peer","name":"a")") ==
        "file:3: the peer comes twice");
  CHECK(fault(R"("from":"a","to":"b")", R"("from":"a","to":"a")") ==
        "file:4: a link leads from a peer to itself");
  CHECK(fault(R"("from":"a","to":"b")", R"("from":"b","to":"a")") == "file:5: the link comes twice");
  CHECK(fault(R"("from":"a","to":"b")", R"("from":"a","to":"z")") == "file:4: it names no member");
}

TEST_CASE("group: a consistent cut has no finding") {
  CHECK(found_in(group()).empty());
}

TEST_CASE("group: what is received was sent, and what was sent is received or on its way") {
  Snapshot s = group();
  SECTION("one too many") {
    s.links[0].received = 4;
    CHECK(found_in(s) == Lines{"never sent: a > b: 6 were received or are on their way, and 5 were sent"});
  }
  SECTION("one too few") {
    s.links[0].messages.erase("append");
    CHECK(found_in(s) == Lines{"lost: a > b: 5 were sent, and 4 were received or are on their way"});
  }
  SECTION("of an earlier connection") {
    s.links[0].messages["append"] = 3;
    s.links[0].earlier = 2;
    CHECK(found_in(s).empty());
  }
  SECTION("the marker says something else than the sender") {
    s.peers[0].links["b"] = 6;
    CHECK(found_in(s) == Lines{"clock: a > b: its marker says that 5 were sent, and a says 6"});
  }
  SECTION("a datagram that nobody sent") {
    s.links[0].datagrams_received["heartbeat"] = 10;
    CHECK(found_in(s) == Lines{"never sent: a > b: 10 datagrams heartbeat were received, and 9 were sent"});
  }
  SECTION("no marker") {
    s.links[0].marked = false;
    CHECK(found_in(s) == Lines{"unmarked: a > b: the link stood at the cut of a, and no marker came"});
    s.missing = {{"a > b", Why::no_answer}};
    CHECK(found_in(s) == Lines{"incomplete: a > b: no answer"});
  }
  SECTION("no marker, and nothing stood") {
    s.links[0].marked = false;
    s.peers[0].links.clear();
    CHECK(found_in(s).empty());
  }
  SECTION("a connection that broke") {
    s.links[0].broke = true;
    CHECK(found_in(s) == Lines{"lost: a > b: the connection broke between the two cuts"});
  }
  SECTION("no record of a member") {
    s.peers.pop_back();
    CHECK(found_in(s) == Lines{"unrecorded: b: it is a member of the group and has no record"});
  }
}

TEST_CASE("group: the peers' states are prefixes of one log") {
  Snapshot s = group();
  s.peers[1].runs = {{10, 2}, {30, 3}};
  CHECK(found_in(s) == Lines{"not a prefix: b > a: place 38 is of term 3 at b and of term 4 at a"});
  // The one that is ahead has compacted its log beyond that place: nothing to compare.
  s.peers[0].first_index = 39;
  CHECK(found_in(s).empty());
  s = group();
  s.peers[1] = peer("b", 40);
  s.peers[1].links = {{"a", 0}};
  CHECK(found_in(s).empty());
  s.peers[1].waits.clear();
  CHECK(found_in(s) == Lines{"not a prefix: a > b: both have applied place 40, and their states differ"});
}

TEST_CASE("group: no token has two holds, and none is above the last") {
  Snapshot s = group();
  s.peers[1].holds[0].session = 99;
  CHECK(found_in(s) == Lines{"token twice: b: token 1020 has two holds"});
  s = group();
  s.peers[0].holds[1].token = 1020;
  CHECK(found_in(s) == Lines{"token twice: a: token 1020 has two holds"});
  s = group();
  s.peers[1].holds[1].token = 1039;
  CHECK(found_in(s) == Lines{"never sent: b: a hold has token 1039, and the last that was given is 1038"});
}
