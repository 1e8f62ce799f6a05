// SPDX-License-Identifier: MIT
// What dpeers doctor finds in what a peer tells, where a group of real ones gets there slowly: full tables,
// an upgrade that is under way, clocks that are apart, a host that is too slow.
#include <catch2/catch.hpp>
#include <chrono>

#include "dpeers/check.hpp"
#include "dpeers/doctor_told.hpp"

using namespace coord;
using namespace coord::dpeers;
using namespace std::chrono_literals;

namespace {

std::string text_of(const Findings& findings) {
  static constexpr const char* words[] = {"ok", "warn", "FAIL"};
  std::string text;
  for (const Finding& finding : findings) {
    CHECK((finding.health == Health::ok) == finding.remedy.empty());  // one remedy a finding
    text += std::string(words[static_cast<int>(finding.health)]) + " " + finding.check + " " +
            finding.object + ": " + finding.what + "\n";
  }
  return text;
}

std::string limits(std::uint64_t sessions, std::uint64_t names, std::size_t hosts = 3) {
  local::PeerRecord own;
  own.level = 2;
  own.sessions = sessions;
  own.locks = names;
  Findings findings;
  examine_limits(own, hosts, findings);
  return text_of(findings);
}

std::string level(const local::LevelRecord& record) {
  Findings findings;
  examine_level(record, findings);
  return text_of(findings);
}

std::string rate(std::optional<std::int64_t> ppm) {
  local::PeerRecord peer;
  peer.name = "beta";
  peer.rate_ppm = ppm;
  Findings findings;
  examine_rate(peer, findings);
  return text_of(findings);
}

std::string offset(std::optional<Duration> measured) {
  local::PeerRecord peer;
  peer.name = "beta";
  peer.offset = measured;
  Findings findings;
  examine_offset(peer, {}, findings);
  return text_of(findings);
}

using Numbers = std::vector<std::pair<std::string, std::uint64_t>>;

std::string engine_told(const std::string& name, Numbers numbers, const std::string& version = "3") {
  local::PeerRecord record;
  record.name = name;
  record.address = "e:1";
  record.state = "alive";
  if (!version.empty()) record.version = version;
  record.sent = std::move(numbers);
  Findings findings;
  examine_engine(record, {}, {}, findings);
  std::string text = text_of(findings);
  for (const Finding& finding : findings) text += finding.remedy;
  return text;
}

}  // namespace

TEST_CASE("an engine: which it is, how full its database, and whether it grows for ever", "[dpeers]") {
  constexpr std::uint64_t mib = 1U << 20U;
  CHECK(engine_told("etcd", {}) == "ok engine e:1: etcd 3\n");
  CHECK(engine_told("redis", {}, "") == "ok engine e:1: redis of a version that it does not tell\n");
  CHECK(engine_told("postgres", {{"database_bytes", 7 * mib}}) ==
        "ok engine e:1: postgres 3\nok engine e:1: its database has 7 MiB\n");
  CHECK(engine_told("etcd", {{"database_bytes", 1638 * mib}}).find("warn") == std::string::npos);
  for (const char* name : {"etcd", "etcds"}) {
    const std::string full = engine_told(name, {{"database_bytes", 1639 * mib}});
    CHECK(full.find("warn engine e:1: its database has 1639 of 2048 MiB, if its quota is the usual one") !=
          std::string::npos);
    CHECK(full.ends_with("--quota-backend-bytes"));
  }
  const Numbers nearly{{"database_bytes", 81 * mib}, {"quota_bytes", 100 * mib}};
  CHECK(engine_told("zookeepers", nearly).ends_with("setquota"));
  CHECK(engine_told("rediss", nearly).ends_with("maxmemory"));
  CHECK(engine_told("etcds", {{"keeps_all_history", 1}}).ends_with("--auto-compaction-retention"));
}

TEST_CASE("an engine: its leader, and servers that do not answer", "[dpeers]") {
  local::PeerRecord engine;
  engine.name = "etcd";
  engine.address = "e:1";
  engine.version = "3";
  local::Peers answer;
  answer.troubles = {{"etcd", "leader: f:1"},
                     {"etcd", "endpoint: e:1 connected"},
                     {"etcd", "endpoint: f:1 untried"},
                     {"etcd", "endpoint: g:1 failed 599 reset by peer"},
                     {"beta", "endpoint: no word of an engine"}};
  std::string refused;
  const auto told = [&] {
    Findings findings;
    const auto reach = [&](const std::string& address) {
      return address == "g:1" ? refused : "not asked for";
    };
    examine_engine(engine, answer, reach, findings);
    return text_of(findings);
  };
  engine.state = "alive";
  CHECK(told() ==
        "ok engine e:1: etcd 3\nok engine e:1: its leader: f:1\n"
        "warn engine g:1: its port answers; the last connection ended 9 min ago: reset by peer\n");
  // Once it was away: nothing is known of now, and its port is open.
  answer.troubles[3].second = "endpoint: g:1 failed 176400 reset by peer";
  CHECK(told().ends_with(
      "ok engine g:1: its port answers; the last connection ended 2 d ago: reset by peer\n"));
  refused = "Connection refused";
  const std::string away =
      "warn engine g:1: its port does not answer: Connection refused; the last connection ended 2 d ago: "
      "reset by peer\n";
  CHECK(told().ends_with(away));
  answer.troubles[0].second = "leader: ";
  CHECK(told().find("FAIL engine e:1: it says that it has no leader\n") != std::string::npos);
  engine.state = "dead";
  CHECK(told().find(away) != std::string::npos);
}

TEST_CASE("a clock whose rate is beyond what leases allow, and one on its way there", "[dpeers]") {
  CHECK(rate(std::nullopt).empty());
  CHECK(rate(10'000).empty());
  CHECK(rate(-12'345) ==
        "warn clock beta: its rate is 1.2 % slower than this host's, and leases allow for 10 %\n");
  CHECK(rate(100'000).starts_with("warn"));
  CHECK(rate(250'000) ==
        "FAIL clock beta: its rate is 25.0 % faster than this host's, and leases allow for 10 %\n");
}

TEST_CASE("a table that is four fifths full is named, with what is in it and where it ends") {
  CHECK(limits(0, 0).empty());
  CHECK(limits(15'999, 31'999).empty());
  CHECK(limits(0, 0, 3'276).empty());
  CHECK(limits(0, 0, 3'277) ==
        "warn limit hosts: the group has 3277 of 4096 hosts: beyond that no other one is let in\n");
  CHECK(limits(16'000, 0) ==
        "warn limit sessions: 16000 of 20000 in use: beyond that new ones are refused\n");
  CHECK(limits(20'000, 32'000) ==
        "warn limit sessions: 20000 of 20000 in use: beyond that new ones are refused\n"
        "warn limit names: 32000 of 40000 in use: beyond that new ones are refused\n");
}

TEST_CASE("a level that cannot rise names each peer that is in the way") {
  local::LevelRecord record;
  record.level = record.next = 2;
  CHECK(level(record).empty());
  record.level = record.next = 0;  // a gateway that has not read the log yet: nothing is said of it
  CHECK(level(record).empty());
  record.next = 2;
  record.level = 1;
  CHECK(level(record) ==
        "ok level group: the group is at level 1, and this release knows level 2; all peers know it\n");
  record.missing = {{"beta", "runs release 0.1.0"}, {"gamma", "not connected"}};
  CHECK(
      level(record) ==
      "warn level group: the group is at level 1, and this release knows level 2; beta: runs release 0.1.0; "
      "gamma: not connected\n");
}

TEST_CASE("clocks that are more than a second apart are a warning, with the direction") {
  CHECK(offset(std::nullopt).empty());
  CHECK(offset(400ms) == "ok clock beta: 0.400 s ahead of this host's clock\n");
  CHECK(offset(-2500ms) == "warn clock beta: 2.500 s behind this host's clock\n");
}

TEST_CASE(
    "dpeers --check is a warning by a peer that is not alive, a disk, a clock, and critical without a "
    "leader") {
  local::Peers group;
  for (const char* name : {"alpha", "beta", "gamma"}) {
    local::PeerRecord peer;
    peer.name = name;
    peer.state = "alive";
    peer.role = group.peers.empty() ? "leader" : "follower";
    peer.local = group.peers.empty();
    if (peer.local) peer.term = 7;
    group.peers.push_back(peer);
  }
  const auto said = [&group](std::optional<double> used = 0.79, const Findings& clock = {}) {
    const Check check = judge(group, used, clock);
    return std::to_string(static_cast<int>(check.verdict)) + " " + check.line;
  };
  CHECK(said() ==
        "0 COORDUTILS OK - 3 of 3 peers alive, alpha leads | alive=3 peers=3 term=7 disk_used=79%;80");
  CHECK(
      said(0.8) ==
      "1 COORDUTILS WARNING - 3 of 3 peers alive, alpha leads: the disk of the state directory is 80 % full "
      "| alive=3 peers=3 term=7 disk_used=80%;80");
  CHECK(said(std::nullopt, {{Health::warn, "clock", "rate", "corrected by 9 %", "x"}}) ==
        "1 COORDUTILS WARNING - 3 of 3 peers alive, alpha leads: the clock's rate is corrected by 9 % "
        "| alive=3 peers=3 term=7");
  group.peers[1].offset = -2500ms;
  group.peers[2].offset = 900ms;
  CHECK(said(std::nullopt) ==
        "1 COORDUTILS WARNING - 3 of 3 peers alive, alpha leads: the clock of beta is 2.500 s behind this "
        "host's "
        "clock | alive=3 peers=3 term=7");
  group.peers[1].offset.reset();
  group.peers[2].disk = "stalled";
  group.peers[2].state = "suspect";
  CHECK(said(std::nullopt) ==
        "1 COORDUTILS WARNING - 2 of 3 peers alive, alpha leads: gamma is suspect, the disk of gamma takes "
        "nothing "
        "| alive=2 peers=3 term=7");
  group.peers[0].role = "follower";
  CHECK(said(std::nullopt)
            .starts_with("2 COORDUTILS CRITICAL - 2 of 3 peers alive, nobody leads: nothing is granted"));
}

TEST_CASE(
    "a host that waits to be let in is told what it waits for: a copy of one that lives, a removal, a name") {
  const auto remedy = [](const std::string& why) { return remedy_of_waiting(why, "m"); };
  CHECK(remedy("m at 192.0.2.4:7411 is of the group and lives, and does not answer here")
            .starts_with(
                "if this host is a copy of that one: give it a name and a state directory of its own"));
  CHECK(remedy("this host waits until the group has removed it: dpeers remove m, on another host") ==
        "dpeers remove m, on another host");
  CHECK(remedy("the name m.example cannot be looked up yet").find("name servers") != std::string::npos);
  CHECK(remedy("192.0.2.1:7411: no answer in time").starts_with("see to it that the group runs"));
}

TEST_CASE(
    "a voter that is connected and has lost its state is recovering: a warning, not a lost connection") {
  local::PeerRecord peer;
  peer.name = "gamma";
  peer.voter = true;
  peer.state = "recovering";
  peer.member = "alive";
  peer.rtt = 1ms;
  Findings findings;
  CHECK(examine_member(peer, {}, findings));
  CHECK(
      text_of(findings) ==
      "warn peer gamma: connected; it has lost its state and has not caught up: until then it counts for no "
      "majority\n");
}

TEST_CASE("a host that is too slow itself says so of itself") {
  local::PeerRecord own;
  own.name = "alpha";
  own.local = true;
  own.awareness = 2;
  Findings findings;
  CHECK_FALSE(examine_member(own, {}, findings));
  CHECK(findings.empty());
  own.awareness = 3;
  CHECK_FALSE(examine_member(own, {}, findings));
  CHECK(
      text_of(findings) ==
      "warn member alpha: this host's peer was too slow itself lately, and watches the others less often\n");
}
