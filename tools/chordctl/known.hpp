// SPDX-License-Identifier: MIT
// What is known of a ring: by the group, and by this host's peer.
#pragma once

#include <cstdint>
#include <string>

#include "cli/json.hpp"
#include "client.hpp"
#include "ring/circle.hpp"
#include "ring/placement.hpp"

namespace coord::chordctl {

inline constexpr std::uint32_t usual_places = 8;

struct Known {
  service::RingView view;  // as the group has agreed
  ring::StatusOf here;

  bool has(NodeId host) const;                            // it is to stay or to come
  bool is_own() const { return view.number == Token{}; }  // the group has no ring of this name
  bool has_zones() const;                                 // of some host it is told where it stands
  bool is_member() const;
  bool is_coming() const;  // this host, by the change that is under way
  std::string name(NodeId host) const;
  std::string writer(const ring::Dot& dot) const;  // the host's name, or the number that it had in the ring
  ring::Circle circle() const;
  ring::Placement placement() const;
};

Result<Known> look(const Common& common, Client& client, bool stale = false);
// As look(), and where no host has joined: the ring of its own that this host has then.
Result<Known> look_at_ring(const Common& common, Client& client, bool stale = false);

// Of a listing: before it was asked for, so that nothing in it is older.
WallTime wall_now();

// "zone", of a host of the ring.
void add_zone(cli::JsonObject& line, const ring::Host& host);

}  // namespace coord::chordctl
