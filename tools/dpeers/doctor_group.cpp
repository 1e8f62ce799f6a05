// SPDX-License-Identifier: MIT
// The part of dpeers doctor that looks at the running peer, at the others and at what is between them.
#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <set>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "dpeers/doctor_told.hpp"
#include "dpeers/findings.hpp"
#include "dpeers/voters.hpp"
#include "net/address.hpp"
#include "store/directory_lock.hpp"

namespace coord::dpeers {

namespace {

constexpr Duration clocks_apart = std::chrono::seconds(5);

// Behind an engine: that, and the gateways that have said something lately.
void examine_gateways(const local::Peers& answer, const Examined& examined, Findings& findings) {
  const auto reach = [](const std::string& text) {
    const auto address = net::parse_address(text);
    return address ? connect_to(*address) : address.error().what;
  };
  add(findings, Health::ok, "socket", examined.socket, "a gateway answers");
  if (!answer.not_begun.empty()) add(findings, Health::fail, "engine", "log", answer.not_begun);
  for (const local::PeerRecord& peer : answer.peers) {
    if (peer.local) {
      examine_limits(peer, answer.peers.size(), findings);
    } else if (peer.address != "-") {
      examine_engine(peer, answer, reach, findings);
    } else {
      const bool apart = peer.offset && (*peer.offset > clocks_apart || *peer.offset < -clocks_apart);
      add(findings, apart ? Health::warn : Health::ok, "clock", peer.name,
          peer.offset ? fmt::format("its clock is {} s {} this host's",
                                    std::abs(*peer.offset / std::chrono::seconds(1)),
                                    *peer.offset < Duration{} ? "behind" : "ahead of")
                      : "it has written nothing lately",
          apart ? "set the clocks by NTP: --new-epoch and listings go by them" : "");
    }
  }
  examine_level(answer.level, findings);
}

}  // namespace

Result<local::Peers> ask_peer(const cli::ConnectOptions& options, local::Scope* scope) {
  cli::ConnectOptions running = options;
  running.no_autostart = true;  // it is to be looked at, not made
  auto peer = cli::connect_to_peer(running, "dpeers");
  if (!peer) return peer.error();
  if (scope != nullptr) *scope = peer->welcome().scope;
  if (Status sent = peer->send(local::ListPeers{1}); !sent) return sent.error();
  for (;;) {
    auto answer = peer->wait(std::nullopt);
    if (!answer) return answer.error();
    if (auto* peers = std::get_if<local::Peers>(&**answer)) return std::move(*peers);
  }
}

namespace {

// Why the group has not let it in yet; empty: that is not so, or is not for this user's eyes.
std::string waits_for(const std::string& state_dir) {
  std::ifstream file(fmt::format("{}/{}", state_dir, daemon::waits_file_name));
  std::string why(1000, '\0');
  file.read(why.data(), static_cast<std::streamsize>(why.size()));
  why.resize(static_cast<std::size_t>(file.gcount()));
  why.resize(std::min(why.find('\n'), why.size()));
  std::ranges::replace_if(
      why, [](unsigned char byte) { return std::iscntrl(byte) != 0; }, '?');
  return why;
}

void examine_waiting(const Examined& examined, const std::string& why, Findings& findings) {
  add(findings, Health::warn, "state", examined.state_dir, fmt::format("waits to be let in: {}", why),
      remedy_of_waiting(why, examined.arguments.peer.name));
}

// Else it has ended since it was seen.
bool still_held(const Examined& examined) {
  const auto holder = store::DirectoryLock::holder(examined.state_dir);
  return holder && *holder && (*holder)->pid == *examined.holder;
}

}  // namespace

void examine_group(const cli::ConnectOptions& options, const Examined& examined, Findings& findings) {
  local::Scope scope = local::Scope::private_peer;
  const auto answer = ask_peer(options, &scope);
  if (answer && scope == local::Scope::engine) return examine_gateways(*answer, examined, findings);
  const std::string why = answer ? std::string() : answer.error().what;
  const bool nobody_listens = why.starts_with("no peer answers here");
  // One that runs is none that the next tool starts.
  const bool hangs =
      (nobody_listens || why == "the peer does not answer") && examined.holder && still_held(examined);
  const std::string waits = hangs ? waits_for(examined.state_dir) : std::string();
  if (!waits.empty()) {
    examine_waiting(examined, waits, findings);
  } else if (hangs) {
    add(findings, Health::fail, "socket", answer.error().object,
        fmt::format("process {} is there and does not answer: it is stopped, or hangs", *examined.holder),
        fmt::format("kill -CONT {0} if it is stopped (T in ps {0}); else kill -KILL {0}, the next start "
                    "goes on from its disk",
                    *examined.holder));
  } else if (!answer) {
    const bool on_demand = examined.usable && examined.config.empty() && nobody_listens;
    add(findings, on_demand ? Health::ok : Health::fail, "socket", answer.error().object,
        on_demand ? "no private peer runs now: the next tool starts one" : answer.error().what,
        on_demand ? "" : answer.error().remedy);
  } else {
    add(findings, Health::ok, "socket", examined.socket, "a peer answers");
    const auto own = std::find_if(answer->peers.begin(), answer->peers.end(),
                                  [](const local::PeerRecord& peer) { return peer.local; });
    const local::PeerRecord here = own == answer->peers.end() ? local::PeerRecord{} : *own;
    bool leader = false;
    std::set<std::string> names;
    for (const local::PeerRecord& peer : answer->peers) {
      leader = leader || peer.role == "leader";
      names.insert(peer.name);
      examine_peer(peer, *answer, examined, here, findings);
      examine_disk(peer, findings);
      examine_key(peer, *answer, findings);
      examine_list(peer, *answer, findings);
    }
    examine_limits(here, answer->peers.size(), findings);
    const bool replaced =
        !trouble_of(here.name, *answer, "state: ").empty() || !founding_trouble(*answer).empty();
    if (!leader && replaced) {
      // said already, with what to do
    } else if (!leader && !answer->not_begun.empty()) {
      add(findings, Health::fail, "peer", "group", founding_text(answer->not_begun, answer->peers.size()),
          "start the peers that are missing");
    } else if (!leader) {
      add(findings, Health::fail, "peer", "group", "nobody leads: nothing is granted",
          fmt::format("see to it that a majority of the peers runs and reaches each other; if the disks of a "
                      "majority are lost: {}",
                      way_out_of_lost_majority));
    }
    const auto settings = daemon::check(examined.arguments.peer);
    if (leader && answer->peers.size() > 1) {
      std::vector<std::string> founders;
      if (settings)
        for (const auto& [name, address] : settings->roster.founders()) founders.push_back(name);
      examine_voters(*answer, kept_voters(options), founders, findings);
    }
    // Without a state it knows nothing of the group's level.
    if (!replaced) examine_level(answer->level, findings);
    if (settings && !settings->alone()) {
      for (const auto& [name, address] : settings->roster.founders())
        if (!names.contains(name))
          add(findings, Health::fail, "configuration", examined.config,
              fmt::format("it names {}, which the running peer does not know", name), "restart the peer");
    }
  }
  if (examined.usable && !examined.config.empty()) examine_listening(examined, answer.ok(), findings);
}

}  // namespace coord::dpeers
