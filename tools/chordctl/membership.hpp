// SPDX-License-Identifier: MIT
// What join, leave and ring have in common: a change of the ring's hosts, from its order to its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "cli/names.hpp"
#include "known.hpp"
#include "verbs.hpp"

namespace coord::chordctl {

// A change that others make is seen by asking again.
inline constexpr Duration looks_again_every = std::chrono::milliseconds(200);

struct MembershipSettings {
  const Common& common;
  Patience patience;
  std::optional<std::uint64_t> places{};
  std::uint64_t replicas = 3;
  bool json = false, check = false, discard = false, adopt = false;
  std::string svg;
  std::vector<std::string> lost;

  std::string shown_ring() const { return cli::shown(common.ring); }
};

Result<cli::Exit> refused_change(const MembershipSettings& s, const Client::Ordered& ordered);
Result<cli::Exit> refused_by_part(const MembershipSettings& s, const ring::Refused& refusal);

// Until the change with this number has handed over all, and then makes it whole. `here`: this host. Who
// comes again after an interruption goes on from here. Exit::failed: it was refused, which is said.
Result<cli::Exit> settle(const MembershipSettings& s, Client& client, NodeId here, Token number,
                         const std::vector<NodeId>& lost = {});

// Hosts come and go one at a time: ordered once it is this one's turn.
Result<Client::Ordered> order_in_turn(const MembershipSettings& s, Client& client, const Known& known,
                                      const service::AnyOrder& what);

// ---- what is shown of a ring (ring_shown.cpp)

std::string percent(double share);
void print_places(const Known& known, const Addresses& addresses, WallTime as_of);
void print_ring(const MembershipSettings& s, const Known& known);
Status write_picture(const MembershipSettings& s, const Known& known);
Result<cli::Exit> check(const MembershipSettings& s, Client& client, const Known& known);

}  // namespace coord::chordctl
