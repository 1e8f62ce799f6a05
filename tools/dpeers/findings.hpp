// SPDX-License-Identifier: MIT
// What dpeers doctor finds: one thing looked at, whether it is well, and what to do if not.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "cli/common.hpp"
#include "coordd/arguments.hpp"
#include "net/address.hpp"
#include "wire/local.hpp"

namespace coord::dpeers {

enum class Health { ok, warn, fail };

struct Finding {
  Health health = Health::ok;
  std::string check;   // configuration, key, state, disk, clock, socket, address, peer, datagrams, member,
                       // level, timing, signing
  std::string object;  // the file, address or peer that was looked at
  std::string what;
  std::string remedy;  // empty where all is well
};
using Findings = std::vector<Finding>;

inline void add(Findings& findings, Health health, std::string check, std::string object, std::string what,
                std::string remedy = "") {
  findings.push_back({health, std::move(check), std::move(object), std::move(what), std::move(remedy)});
}

// The configuration that counts on this host, as far as it can be read.
struct Examined {
  coordd::Arguments arguments;
  std::string config;  // empty: none, so the private peer
  std::string socket;
  std::string state_dir;
  std::optional<pid_t> holder;  // who uses the state directory
  bool usable = false;          // it was read, and says all that a peer needs
  Duration disk_sync{};         // measured median; 0: not measured
};

// ---- doctor_host.cpp: files, disk and clock of this host
Examined examine_configuration(const cli::ConnectOptions& options, Findings& findings);
void examine_state(Examined& examined, Findings& findings);
void examine_clock(Findings& findings);

// ---- doctor_address.cpp: names, addresses and ports
// Why nobody accepts connections there; empty: somebody does.
std::string connect_to(const net::Address& address);
// `runs`: this host's peer does.
void examine_listening(const Examined& examined, bool runs, Findings& findings);

// Where nobody leads, and nobody comes back by itself.
inline constexpr char way_out_of_lost_majority[] =
    "coordd --found-from, on a host whose disk is whole: see LOSS OF THE MAJORITY in coordd(8)";

// ---- doctor_peer.cpp: one of the peers, as this host's sees it
// What keeps this host out of a group that was founded anew (coordd --found-from); empty: nothing.
std::string founding_trouble(const local::Peers& answer);
void examine_disk(const local::PeerRecord& peer, Findings& findings);
// `own`: of this host.
void examine_peer(const local::PeerRecord& peer, const local::Peers& answer, const Examined& examined,
                  const local::PeerRecord& own, Findings& findings);

// ---- doctor_group.cpp: this host's peer, the others, the network between
// What this host's peer knows of the group, if one runs: none is started.
Result<local::Peers> ask_peer(const cli::ConnectOptions& options, local::Scope* scope = nullptr);
void examine_group(const cli::ConnectOptions& options, const Examined& examined, Findings& findings);

// ---- doctor_signing.cpp: whose key is whose, where sites may lie
void examine_signing(const cli::ConnectOptions& options, const Examined& examined, Findings& findings);

}  // namespace coord::dpeers
