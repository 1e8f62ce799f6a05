// SPDX-License-Identifier: MIT
#include "dpeers/doctor_told.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "base/format.hpp"
#include "cli/age.hpp"
#include "dpeers/engine_told.hpp"
#include "service/limits.hpp"

namespace coord::dpeers {

namespace {

// What a peer says of another besides the reason of a missing connection, each with its word before it.
constexpr std::string_view kinds_of_trouble[] = {
    "datagrams: ", "clock: ", "key: ", "state: ", "list: ", "leader: ", "endpoint: "};

}  // namespace

// Of that kind; without one, why there is no connection to it.
std::string trouble_of(const std::string& name, const local::Peers& answer, std::string_view kind) {
  std::string trouble;
  for (const auto& [peer, why] : answer.troubles) {
    const auto* const found =
        std::find_if(std::begin(kinds_of_trouble), std::end(kinds_of_trouble),
                     [&why = why](std::string_view one) { return why.starts_with(one); });
    const std::string_view is = found == std::end(kinds_of_trouble) ? std::string_view() : *found;
    if (peer == name && is == kind) trouble = why.substr(kind.size());
  }
  return trouble;
}

// Somebody has offered another key in its name: as refused here, so it is there, and both ids are known here.
void examine_key(const local::PeerRecord& peer, const local::Peers& answer, Findings& findings) {
  const std::string offered = trouble_of(peer.name, answer, "key: ");
  if (!offered.empty())
    add(findings, Health::fail, "key", peer.name, fmt::format("key {}", offered),
        "give both hosts the same keys: `dpeers key list` shows the keys of each host; the file `keys` in "
        "the state directory counts where there is one, else the key file");
}

// It is of the group all the same: its list counts at its next start.
void examine_list(const local::PeerRecord& peer, const local::Peers& answer, Findings& findings) {
  const std::string how = trouble_of(peer.name, answer, "list: ");
  if (!how.empty())
    add(findings, Health::warn, "peer", peer.name, fmt::format("has another list of peers: {}", how),
        "make `peers` the same on both: it counts at their next start");
}

// As it was when the connection was made.
void examine_offset(const local::PeerRecord& peer, const local::Peers& answer, Findings& findings) {
  constexpr double much_s = 1;
  const std::string text = trouble_of(peer.name, answer, "clock: ");
  if (text.empty() && !peer.offset) return;
  const double offset_s =
      peer.offset ? std::chrono::duration<double>(*peer.offset).count() : std::strtod(text.c_str(), nullptr);
  std::array<char, 64> seconds{};
  (void)std::snprintf(seconds.data(), seconds.size(), "%.3f s", std::abs(offset_s));
  const std::string what =
      fmt::format("{}{} this host's clock{}", seconds.data(), offset_s < 0 ? " behind" : " ahead of",
                  peer.offset ? "" : ", when the connection was made");
  if (std::abs(offset_s) > much_s) {
    add(findings, Health::warn, "clock", peer.name, what, "run chrony or systemd-timesyncd on both hosts");
  } else {
    add(findings, Health::ok, "clock", peer.name, what);
  }
}

// Leases hold up to a tenth; a clock that is off by a hundredth is already broken, or somebody turns it.
void examine_rate(const local::PeerRecord& peer, Findings& findings) {
  constexpr std::int64_t much_ppm = 10'000;
  const std::int64_t ppm = peer.rate_ppm.value_or(0);
  if (std::abs(ppm) <= much_ppm) return;
  const bool holds = std::abs(ppm) <= local::rate_that_leases_allow_ppm;
  add(findings, holds ? Health::warn : Health::fail, "clock", peer.name,
      fmt::format("its rate is {}.{} % {} than this host's, and leases allow for {} %",
                  std::abs(ppm) / 10'000, std::abs(ppm) / 1'000 % 10, ppm > 0 ? "faster" : "slower",
                  local::rate_that_leases_allow_ppm / 10'000),
      "run ntpprobe and dpeers doctor on both hosts: the one whose clock is wrong must hold no locks until "
      "it is mended");
}

// What the members say of each other, where that is not what the connections say.
bool examine_member(const local::PeerRecord& peer, const local::Peers& answer, Findings& findings) {
  if (peer.local) {
    constexpr std::uint64_t much = 3;
    if (peer.awareness >= much)
      add(findings, Health::warn, "member", peer.name,
          "this host's peer was too slow itself lately, and watches the others less often",
          "find the load, or the cause of stops, on this host");
    return false;
  }
  // As whoever leads knows of a voter: it is connected.
  if (peer.state == "recovering") {
    add(findings, Health::warn, "peer", peer.name,
        "connected; it has lost its state and has not caught up: until then it counts for no majority",
        "wait; if it stays so, look at the log of that peer");
    return true;
  }
  if (peer.member == "left") {
    add(findings, Health::warn, "member", peer.name, "has left: it was stopped with SIGTERM",
        "start that peer when its host is to take part again");
    return true;
  }
  const bool connected = peer.rtt && trouble_of(peer.name, answer) != "we reach it, it does not reach us";
  if (peer.member == "alive" || peer.member.empty() || !connected) return false;
  const bool dead = peer.member == "dead";
  add(findings, dead ? Health::fail : Health::warn, "member", peer.name,
      fmt::format("connected, and {} by the members: it answers nobody", dead ? "held dead" : "suspected"),
      "look whether that peer is stopped, or its host overloaded");
  return true;
}

// "not begun: gamma has not been seen" is how a tool is told.
std::string founding_text(const std::string& not_begun, std::size_t peers) {
  static constexpr const char* words[] = {"no", "one", "two", "three", "four", "five", "six", "seven"};
  const std::string count = peers < std::size(words) ? words[peers] : std::to_string(peers);
  constexpr std::string_view begin = "not begun: ";
  if (!not_begun.ends_with(" been seen")) return fmt::format("{}: nothing is granted", not_begun);
  return fmt::format("the group has not begun, and nothing is granted: all {} must meet once: {}", count,
                     not_begun.starts_with(begin) ? not_begun.substr(begin.size()) : not_begun);
}

std::string remedy_of_waiting(const std::string& why, const std::string& name) {
  const auto says = [&why](std::string_view what) { return why.find(what) != std::string::npos; };
  if (says("dpeers remove")) return fmt::format("dpeers remove {}, on another host", name);
  if (says("is of the group and lives"))
    return fmt::format(
        "if this host is a copy of that one: give it a name and a state directory of its own. If it has "
        "taken "
        "its place: stop coordd there, and `dpeers remove {}` on another host",
        name);
  if (says("cannot be looked up")) return "see to it that this host's name servers answer";
  return "see to it that the group runs, and that --join names a host of it";
}

// Of the group, as far as this peer's state has it.
void examine_limits(const local::PeerRecord& own, std::size_t hosts, Findings& findings) {
  const auto look = [&](const char* what, std::uint64_t used, std::uint64_t limit) {
    if (used * 10 >= limit * 8)
      add(findings, Health::warn, "limit", what,
          fmt::format("{} of {} in use: beyond that new ones are refused", used, limit),
          "dlock --list --json names the users and hosts that have them");
  };
  look("sessions", own.sessions.value_or(0), service::Limits{}.sessions);
  look("names", own.locks.value_or(0), service::LockLimits{}.names);
  service::CoreLimits of_level;
  of_level.set_level(own.level);
  if (hosts * 10 >= of_level.nodes * 8)
    add(findings, Health::warn, "limit", "hosts",
        fmt::format("the group has {} of {} hosts: beyond that no other one is let in", hosts,
                    of_level.nodes),
        "dpeers remove a host that is gone for good");
}

void examine_voters(const local::Peers& answer, const std::optional<local::VoterView>& kept,
                    const std::vector<std::string>& founders, Findings& findings) {
  std::vector<std::string> promoted, removed, learners;
  std::size_t votes = 0;
  std::size_t others = 0;
  std::size_t stand_by = 0;
  for (const local::PeerRecord& peer : answer.peers) {
    const bool founded = std::ranges::find(founders, peer.name) != founders.end();
    votes += peer.voter ? 1 : 0;
    stand_by += !peer.voter && peer.state == "alive" ? 1 : 0;
    if (peer.role == "learner") learners.push_back(peer.name);
    if (peer.role == "member" && founded) removed.push_back(peer.name);
    if (peer.role == "member" && !founded) ++others;
    if (peer.voter && !founded && !founders.empty()) promoted.push_back(peer.name);
  }
  std::string what = fmt::format("{} of the group's {} hosts vote", votes, answer.peers.size());
  const auto also = [&what](const std::vector<std::string>& names, const char* why) {
    for (std::size_t i = 0; i < names.size(); ++i)
      what += fmt::format("{}{}{}", i == 0 ? "; " : ", ", names[i], i + 1 == names.size() ? why : "");
  };
  also(promoted, ": came with --join, and got a vote");
  also(learners, ": sent everything, without a vote");
  also(removed, ": removed from the voters");
  if (others > 0) what += fmt::format("; {} came with --join, without a vote", others);
  if (votes > 0 && votes % 2 == 0) what += "; an odd number is better";
  if (!kept || kept->kept == 0) return add(findings, Health::ok, "voters", "group", what);
  what += fmt::format("; the group keeps {} by itself", kept->kept);
  const auto pause_s = kept->pause / std::chrono::seconds(1);
  if (pause_s > 0) {
    add(findings, Health::warn, "voters", "group",
        fmt::format("{}, but changes nothing for {} s more: it is paused", what, pause_s),
        "dpeers voters --pause 0, when the work on the hosts is done");
  } else if (votes < kept->kept) {
    add(findings, Health::warn, "voters", "group",
        fmt::format("{}, and {} are missing", what, kept->kept - votes),
        "let hosts come with --join, or wait: a new leader looks on for a while before it changes something");
  } else if (stand_by == 0) {
    add(findings, Health::warn, "voters", "group",
        fmt::format("{}, and no host without a vote stands by: a voter that dies is not replaced", what),
        "let one more host come with --join");
  } else {
    add(findings, Health::ok, "voters", "group", what);
  }
}

void examine_level(const local::LevelRecord& level, Findings& findings) {
  if (level.next <= level.level) return;
  std::string what =
      fmt::format("the group is at level {}, and this release knows level {}", level.level, level.next);
  for (const auto& [name, why] : level.missing) what += fmt::format("; {}: {}", name, why);
  if (level.missing.empty()) {
    add(findings, Health::ok, "level", "group", fmt::format("{}; all peers know it", what));
  } else {
    add(findings, Health::warn, "level", "group", what, "start those peers with this release");
  }
}

// Those to which the last connection did not come about, or ended. The gateway stays where it is served, and
// tries none of the others: one that was away for a while, and that accepts connections again, is well.
void examine_endpoints(const EngineTold& engine, const Reach& reach, Findings& findings) {
  constexpr Duration lately = std::chrono::minutes(10);
  for (const EngineEndpoint& one : engine.endpoints) {
    if (one.state != "failed") continue;
    const std::string last =
        fmt::format("the last connection ended {} ago: {}", cli::age_text(one.age), one.trouble);
    const std::string refused = reach(one.address);
    if (!refused.empty())
      add(findings, Health::warn, "engine", one.address,
          fmt::format("its port does not answer: {}; {}", refused, last),
          "look whether that server runs: the others of the URL serve meanwhile");
    else if (one.age < lately)
      add(findings, Health::warn, "engine", one.address, fmt::format("its port answers; {}", last),
          "look into that server's log: the others of the URL serve meanwhile");
    else
      add(findings, Health::ok, "engine", one.address, fmt::format("its port answers; {}", last));
  }
}

void examine_engine(const local::PeerRecord& engine, const local::Peers& answer, const Reach& reach,
                    Findings& findings) {
  const EngineTold of_servers = told_of_engine(engine.name, answer);
  const auto number = [&engine](std::string_view what) {
    const auto found = std::ranges::find(engine.sent, what, &std::pair<std::string, std::uint64_t>::first);
    return found == engine.sent.end() ? std::uint64_t{0} : found->second;
  };
  if (engine.state != "alive") {
    add(findings, Health::fail, "engine", engine.address, "its log cannot be followed: see the gateway's log",
        "look whether its servers run and have a leader");
    return examine_endpoints(of_servers, reach, findings);
  }
  add(findings, Health::ok, "engine", engine.address,
      fmt::format("{} {}", engine.name, engine.version.value_or("of a version that it does not tell")));
  if (of_servers.leader && of_servers.leader->empty())
    add(findings, Health::fail, "engine", engine.address, "it says that it has no leader",
        "look whether a majority of its servers run and reach each other");
  else if (of_servers.leader)
    add(findings, Health::ok, "engine", engine.address, fmt::format("its leader: {}", *of_servers.leader));
  examine_endpoints(of_servers, reach, findings);
  constexpr std::uint64_t usual_quota = 2U << 30U;  // where etcd is told none
  const std::uint64_t bytes = number("database_bytes"), told = number("quota_bytes");
  const bool is_etcd = engine.name.starts_with("etcd");  // etcds, too
  const std::uint64_t quota = told != 0 ? told : usual_quota;
  if (bytes != 0 && told == 0 && !is_etcd)
    add(findings, Health::ok, "engine", engine.address, fmt::format("its database has {} MiB", bytes >> 20U));
  else if (bytes != 0)
    add(findings, bytes > quota / 5 * 4 ? Health::warn : Health::ok, "engine", engine.address,
        fmt::format("its database has {} of {} MiB{}", bytes >> 20U, quota >> 20U,
                    told != 0 ? "" : ", if its quota is the usual one"),
        bytes <= quota / 5 * 4 ? ""
        : is_etcd              ? "compact and defragment it, or give it more: --quota-backend-bytes"
        : engine.name.starts_with("zookeeper") ? "give it more: setquota"
                                               : "give it more: maxmemory");
  if (number("keeps_all_history") != 0)
    add(findings, Health::warn, "engine", engine.address,
        "its history is never compacted, and grows for ever",
        "run its servers with --auto-compaction-retention");
}

}  // namespace coord::dpeers
