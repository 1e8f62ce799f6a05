// SPDX-License-Identifier: MIT
// Chord's way to a key, over the hosts of a ring, and what each of them knows for it.
//
// Problem: a host's values are where the group has agreed that they are (placement.hpp), so putting and
// getting need no way. But a ring of many hosts is only as good as the hosts that lie on a key's way, and
// who wants to see how a lookup goes needs the steps themselves, at the hosts that answer. Algorithm: the
// iterative lookup of protocol/chord, by its own classes. What a place knows, its predecessor, list of
// successors and fingers, follows from the ring that the group has agreed on, as in an ideal ring: nothing
// has to be stabilized. Who asks is told, step by step, by the hosts themselves, and passes over
// who does not answer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "protocol/chord/lookup.hpp"
#include "ring/answers.hpp"
#include "ring/placement.hpp"

namespace coord::ring {

// All places, in the order of their ids. A place's life is the number with which its host came in.
chord::List members_of(const Placement& placement);

// How many distinct hosts a list of successors names: as many others as a key has copies, or all there are.
std::size_t hosts_in_list(const Placement& placement);

// What the place `whom` answers who looks for `key`; nullopt: it is none of `all`. `hosts`: how many distinct
// hosts a list of successors names.
std::optional<RouteSaid> route_said(const chord::List& all, const chord::Member& whom, const chord::Id& key,
                                    std::size_t hosts);

// What the places of this host know.
std::vector<PlaceKnown> places_known(const chord::List& all, NodeId host, std::size_t hosts);

// One lookup. Its own host's places answer without a message.
class Trace {
 public:
  // `all`: outlives it.
  Trace(NodeId self, const chord::List& all, std::size_t hosts, const chord::Id& key);

  // ---- input
  void answered(const chord::Member& by, RouteSaid said, Duration took);
  void dead(const chord::Member& who, Duration took);  // with all places of its host

  // ---- output
  std::optional<chord::Member> next() const { return lookup_.next(); }  // whom to ask; nullopt: it is over
  Via via(const chord::Member& whom) const;                             // as what it was named
  Traced result() const;

 private:
  void go_on();
  void take(const chord::Member& by, RouteSaid said, Duration took);
  void add_hop(const chord::Member& whom, bool answered, Duration took);

  NodeId self_;
  const chord::List& all_;
  std::size_t hosts_;
  chord::Lookup lookup_;
  std::set<NodeId> dead_;               // hosts that did not answer
  std::map<chord::Member, Via> named_;  // as what it was named first
  std::vector<TraceHop> hops_;
};

}  // namespace coord::ring
