// SPDX-License-Identifier: MIT
// What the part that takes snapshots of the group must not do, told message by message: each story says
// whether it did. The other peers are played by hand.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "group/group_snapshot.hpp"
#include "host_without_vote.hpp"
#include "wire/codec.hpp"

namespace coord::test {

class Played {
 public:
  static constexpr NodeId self{1}, two{2}, three{3}, four{4};  // four came later
  static constexpr Duration patience = std::chrono::seconds(2);

  Played() { tell(node::Greeted{two, 2, 20}), tell(node::Greeted{three, 2, 30}); }

  void tell(const node::Event& event) {
    node::Moment moment;
    moment.now = now;
    moment.level = 2;
    if (!has_vote) moment.service = &without_vote_;
    for (const node::PartAction& action : part_.step(moment, event)) hear(action);
  }
  void say(NodeId from, wire::GroupSnapshotMessage message) {
    tell(node::FromPeer{from, wire::encode(message, 2), 2});
  }
  // A tool asks; the id is in the markers.
  void take() {
    replica::Credentials root;
    root.speaks = 2;
    tell(node::FromTool{replica::ConnectionId{9}, root, 1,
                        wire::encode(local::TakeGroupSnapshot{patience, false}, local::part_version)});
  }
  // What the peer would say of itself, in that life; `up`: with whom its links stood.
  void peer(NodeId who, std::uint64_t life, std::vector<NodeId> up) {
    say(who, wire::SnapshotOfPeer{*id, life, std::move(up), bytes_of_text("peer " + std::to_string(life))});
  }
  void link(NodeId to, std::uint64_t life, NodeId from, std::uint64_t from_life) {
    say(to, wire::SnapshotOfLink{*id, from, life, from_life, true, false, bytes_of_text("link")});
  }
  void marker(NodeId from, std::uint64_t life) {
    say(from, wire::SnapshotMarker{*id, false, true, life, 0, {}});
  }
  // All that is needed, told by two and three.
  void all_is_well() {
    marker(two, 20), marker(three, 30);
    peer(two, 20, {self, three}), peer(three, 30, {self, two});
    link(two, 20, self, 0), link(two, 20, three, 30);
    link(three, 30, self, 0), link(three, 30, two, 20);
  }
  bool is_whole() const { return taken && taken->missing.empty(); }
  bool misses(const std::string& who) const {
    if (taken) {
      for (const auto& [name, why] : taken->missing)
        if (name == who) return true;
    }
    return false;
  }
  // two takes one of these, and its marker comes from `from`.
  void two_takes(std::vector<NodeId> peers, NodeId from = two) {
    say(from, wire::SnapshotMarker{{two, 20, 1, patience, false, std::move(peers)}, false, true, 20, 0, {}});
  }
  // A connection to it comes about, on which so many go out that had waited for it, and one more.
  void connects(NodeId to, std::uint64_t waited) {
    part_.connected(to);
    part_.waited(to, waited);
    part_.sent(to, node::Way::stream, "append", true);
  }
  void connects(NodeId to) { part_.connected(to); }
  void sends_datagram(NodeId to) { part_.sent(to, node::Way::datagram, "probe", true); }
  void disconnects(NodeId to) { part_.disconnected(to); }
  // A datagram of `from` says that two takes one of these.
  void coloured(NodeId from, std::vector<NodeId> peers) {
    Bytes bytes{2};
    const Bytes ids = wire::encode(wire::SnapshotColour{{two, 20, 1, patience, false, std::move(peers)}}, 2);
    bytes.insert(bytes.end(), ids.begin(), ids.end());
    node::Moment moment;
    moment.now = now;
    moment.level = 2;
    for (const node::PartAction& action : part_.coloured(moment, from, bytes)) hear(action);
  }
  // With which a connection begins, if there is one snapshot.
  std::optional<wire::SnapshotMarker> first_marker(NodeId to) const {
    const std::vector<Bytes> first = first_on(to);
    if (first.size() != 1) return {};
    const auto message = wire::decode<wire::GroupSnapshotMessage>(first.front(), {.version = 2});
    const auto* mark = message ? std::get_if<wire::SnapshotMarker>(&*message) : nullptr;
    return mark == nullptr ? std::nullopt : std::optional(*mark);
  }
  std::size_t running() const { return part_.running(); }
  std::vector<Bytes> first_on(NodeId to) const { return part_.first_on(to); }
  bool colours(NodeId to) const { return !part_.colour(to).empty(); }

  Instant now{};
  bool has_vote = true;  // as far as this peer knows
  std::optional<wire::GroupSnapshotId> id;
  std::optional<local::SnapshotTaken> taken;
  std::set<NodeId> marked;                     // to whom markers went
  std::map<NodeId, std::uint64_t> sent_by_it;  // to each, as its marker says
  std::map<NodeId, std::map<std::string, std::uint64_t>> datagrams_by_it;

 private:
  static Bytes bytes_of_text(const std::string& text) { return {text.begin(), text.end()}; }
  void hear(const node::PartAction& action) {
    if (const auto* sent = std::get_if<node::Send>(&action)) {
      const auto message = wire::decode<wire::GroupSnapshotMessage>(sent->bytes, {.version = 2});
      if (const auto* mark = message ? std::get_if<wire::SnapshotMarker>(&*message) : nullptr) {
        id = mark->id;
        marked.insert(sent->to);
        sent_by_it[sent->to] = mark->sent;
        datagrams_by_it[sent->to] = mark->datagrams;
      }
    } else if (const auto* told = std::get_if<node::ToTool>(&action)) {
      const auto answer =
          wire::decode<local::GroupSnapshotAnswer>(told->bytes, {.version = local::part_version});
      if (const auto* end = answer ? std::get_if<local::SnapshotTaken>(&*answer) : nullptr) taken = *end;
    }
  }
  // Four is registered, and votes later.
  const replica::ReplicatedService without_vote_ =
      host_without_vote(self, {two, three}, {self, two, three, four});
  group::GroupSnapshot part_{
      node::Setting{self, {self, two, three}, 1, {}, {{self, "a"}, {two, "b"}, {three, "c"}, {four, "d"}}}};
};

// ---- each: whether what must not be is

// A peer that restarts meanwhile has told what its earlier life had: neither life's record is of the cut.
inline bool believes_one_of_two_lives() {
  Played play;
  play.take();
  play.peer(Played::two, 20, {Played::self, Played::three});
  play.peer(Played::two, 21, {});
  play.now += Played::patience;
  play.tell(node::Tick{});
  return !play.misses("b");
}

// A link's line from before its receiver restarted says nothing of the life whose record there is.
inline bool takes_a_line_of_the_receivers_earlier_life() {
  Played play;
  play.take();
  play.marker(Played::two, 20), play.marker(Played::three, 30);
  play.link(Played::two, 19, Played::self, 0);
  play.link(Played::two, 20, Played::three, 30);
  play.link(Played::three, 30, Played::self, 0), play.link(Played::three, 30, Played::two, 20);
  play.peer(Played::two, 20, {Played::self, Played::three});
  play.peer(Played::three, 30, {Played::self, Played::two});
  play.now += Played::patience;
  play.tell(node::Tick{});
  return play.is_whole();
}

// A marker of a life of the sender that is not the one whose record there is: what came before it is not what
// that record has sent.
inline bool takes_a_marker_of_the_senders_other_life() {
  Played play;
  play.take();
  play.marker(Played::two, 20), play.marker(Played::three, 30);
  play.link(Played::two, 20, Played::self, 0), play.link(Played::two, 20, Played::three, 31);
  play.link(Played::three, 30, Played::self, 0), play.link(Played::three, 30, Played::two, 20);
  play.peer(Played::two, 20, {Played::self, Played::three});
  play.peer(Played::three, 30, {Played::self, Played::two});
  play.now += Played::patience;
  play.tell(node::Tick{});
  return play.is_whole();
}

// Who has its cut needs no colour on datagrams; who restarted since has forgotten it and does.
inline bool leaves_a_restarted_peer_without_colour() {
  Played play;
  play.take();
  const bool before = play.colours(Played::two);
  play.marker(Played::two, 20);
  const bool after = play.colours(Played::two);
  play.tell(node::Greeted{Played::two, 2, 21});
  return !before || after || !play.colours(Played::two);
}

// What is sent on a new connection is behind the cut: without the marker first it would be taken for
// something before it.
inline bool begins_a_connection_without_the_marker() {
  Played play;
  play.take();
  const auto mark = play.first_marker(Played::two);
  return !mark || !mark->first || mark->id != *play.id;
}

// When the time is over the others may have forgotten the snapshot, though the timer comes late.
inline bool counts_what_comes_after_its_time() {
  Played play;
  play.take();
  play.marker(Played::two, 20), play.marker(Played::three, 30);
  play.peer(Played::two, 20, {Played::self, Played::three});
  play.link(Played::two, 20, Played::self, 0), play.link(Played::two, 20, Played::three, 30);
  play.link(Played::three, 30, Played::self, 0), play.link(Played::three, 30, Played::two, 20);
  play.now += Played::patience;
  play.peer(Played::three, 30, {Played::self, Played::two});
  return play.is_whole();
}

// The voters as this peer knows them may be those of before or after: all of a snapshot go by its taker's.
inline bool goes_by_its_own_voters() {
  Played play;
  play.two_takes({Played::self, Played::two, Played::four});
  return play.marked != std::set<NodeId>{Played::two, Played::four} ||
         !play.first_on(Played::three).empty() || play.first_on(Played::four).empty();
}

// A peer that was far behind when the first marker came has been told by those that have their cut since, and
// could take part when the next one comes.
inline bool makes_up_for_a_cut() {
  Played play;
  const std::vector<NodeId> peers{Played::self, Played::two, Played::four};
  play.has_vote = false;
  play.two_takes(peers);
  const bool took_part = play.running() != 0;
  play.has_vote = true;
  play.tell(node::Greeted{Played::four, 2, 40});
  play.two_takes(peers, Played::four);
  return took_part || play.running() != 0;
}

// By the first connection after the cut a life of two that nobody hears of may have got what the next one
// reads. The second one's marker must not say that nothing stood before.
inline bool takes_a_second_connection_for_the_first() {
  Played play;
  play.take();
  play.connects(Played::two);
  const auto first = play.first_marker(Played::two);
  const bool is_empty_at_first = first && first->first && !first->up;
  play.disconnects(Played::two);
  play.connects(Played::two);
  const auto second = play.first_marker(Played::two);
  return !is_empty_at_first || !second || !second->first || !second->up || second->sent != 0;
}

// Who is not named in it has no cut for it, and nothing that it sends is behind one.
inline bool takes_the_colour_of_a_stranger() {
  Played play;
  const std::vector<NodeId> peers{Played::self, Played::two, Played::four};
  play.coloured(Played::three, peers);
  const bool of_stranger = play.running() != 0;
  play.coloured(Played::four, peers);
  return of_stranger || play.running() != 1;
}

}  // namespace coord::test
