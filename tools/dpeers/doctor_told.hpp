// SPDX-License-Identifier: MIT
// The part of dpeers doctor that goes by what this host's peer tells alone.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dpeers/findings.hpp"
#include "wire/local.hpp"

namespace coord::dpeers {

// What the peer says of another, of that kind ("datagrams: ", "clock: ", "key: ", "state: "); without one,
// why there is no connection to it. Empty: nothing.
std::string trouble_of(const std::string& name, const local::Peers& answer, std::string_view kind = "");

// Why the group has not begun.
std::string founding_text(const std::string& not_begun, std::size_t peers);

// `name` waits until the group lets it in, and has said why.
std::string remedy_of_waiting(const std::string& why, const std::string& name);

void examine_list(const local::PeerRecord& peer, const local::Peers& answer, Findings& findings);
void examine_key(const local::PeerRecord& peer, const local::Peers& answer, Findings& findings);
// True: it says all that is to be said of that peer.
bool examine_member(const local::PeerRecord& peer, const local::Peers& answer, Findings& findings);
void examine_offset(const local::PeerRecord& peer, const local::Peers& answer, Findings& findings);
void examine_rate(const local::PeerRecord& peer, Findings& findings);
void examine_limits(const local::PeerRecord& own, std::size_t hosts, Findings& findings);
// Who votes, and what the group does about that by itself; `kept`: as it has told, `founders`:
// of this host's list.
void examine_voters(const local::Peers& answer, const std::optional<local::VoterView>& kept,
                    const std::vector<std::string>& founders, Findings& findings);
void examine_level(const local::LevelRecord& level, Findings& findings);
// Why nobody accepts connections at an address; empty: somebody does.
using Reach = std::function<std::string(const std::string& address)>;
// The engine that keeps this host's log, as its gateway sees it; those of its servers that the gateway has
// lost are tried.
void examine_engine(const local::PeerRecord& engine, const local::Peers& answer, const Reach& reach,
                    Findings& findings);

}  // namespace coord::dpeers
