// SPDX-License-Identifier: MIT
// One node's share of one snapshot of the group: its links into this node, from its own cut to their markers.
//
// Problem: peers talk all the time, so their states asked one after the other never were at one moment.
// Chandy and Lamport (1985): a node that has its cut sends a marker on every link before anything else, and a
// node that gets a marker has its cut at the latest then; what comes on a link between the receiver's cut and
// the marker was on its way. That needs links that lose nothing and stand for ever. Here they break and are
// made anew:
//   - a link that does not stand is empty: nobody waits for its marker;
//   - a connection that comes about after its sender's cut begins with the marker, so that nothing from
//     behind that cut is taken for something before it;
//   - where a connection that stood at its sender's cut ends before the marker has come, what it carried may
//     be lost, and nobody can say how much: the link is told as broken, and the snapshot is incomplete;
//     so it is where the first of several connections after the cut may have reached an earlier life of the
//     receiver, which stored what came.
// Datagrams are lost and overtake each other: Lai and Yang (1987) colour each message instead, so that the
// receiver has its cut before it hears of one from behind the sender's; what was sent and not received is on
// its way or lost. Pure: no clock, socket or thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "snapshot/peers.hpp"
#include "wire/group_snapshot.hpp"

namespace coord::group {

// What a node counts of its links at all times.
struct LinkIn {
  bool connected = false;      // something stands with that node, in either direction
  std::uint64_t received = 0;  // on the connection that stands
  std::uint64_t life = 0;      // of the sender, as it has said
  record::Kinds datagrams;     // received in that life
};
struct LinkOut {
  bool up = false;
  std::uint64_t sent = 0;   // on the connection that stands
  record::Kinds datagrams;  // sent in this life
};

class Cut {
 public:
  // The cut is now: the links are as they are counted up to here.
  Cut(const std::map<NodeId, LinkIn>& in, bool each);

  // ---- what happens on the links after it
  void received(NodeId from, std::string_view kind, const std::function<std::string()>& words);
  void came(NodeId from, std::uint64_t lost);
  void parted(NodeId from);
  // False: it is of no use, for that link has its marker.
  bool marker(NodeId from, const wire::SnapshotMarker& marker);

  // Nothing more is awaited from there: the marker has come, or nothing stands.
  bool is_settled(NodeId from) const;
  bool is_marked(NodeId from) const { return links_.at(from).link.marked; }
  // Of the sender, as its marker says; 0: it has not come.
  std::uint64_t life_of(NodeId from) const { return links_.at(from).marked_life; }
  // Without the names of the two.
  const record::Link& link(NodeId from) const { return links_.at(from).link; }
  bool knows(NodeId from) const { return links_.contains(from); }

 private:
  struct Incoming {
    record::Link link;
    bool connected = false;
    std::uint64_t life = 0;         // of the sender, at the cut
    std::uint64_t marked_life = 0;  // of its marker
    record::Kinds datagrams;        // received up to the cut
  };
  std::map<NodeId, Incoming> links_;
  const bool each_;
};

}  // namespace coord::group
