// SPDX-License-Identifier: MIT
// The part of a node that takes snapshots of the group itself (cut.hpp says how).
//
// A tool asks the part of its own peer, which is the taker: it has its cut, sends markers, and gathers what
// the others record: each sends it its own record at once and each link's when its marker has come. When all
// is there, or the time is over, the tool is told the lines of the file and who is missing. A peer that the
// taker cannot reach is not waited for to the end.
//
// Whose snapshot it is. Voters come and go. The taker takes the voters as its log has them, and says who they
// are with the snapshot's id: all go by that, also one that has not heard yet that it votes, or that another
// one does not. So a link is counted from its beginning on, whether its other end votes then or not.
// Who is not named takes no part. A host without a vote has no snapshot taken, and says who has.
//
// What the part itself sends is not counted on the links. Nothing of it is written to a disk: a peer that
// restarts has forgotten the snapshot, and is missing in it. Below level 2 there is none, but of a peer that
// is alone.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "group/cut.hpp"
#include "node/node.hpp"
#include "wire/group_snapshot.hpp"

namespace coord::group {

class GroupSnapshot final : public node::Part, public node::Watcher {
 public:
  explicit GroupSnapshot(const node::Setting& setting);

  node::Channel channel() const override { return node::Channel::group_snapshot; }
  std::string name() const override { return "snapshot"; }
  node::PartActions step(const node::Moment& moment, const node::Event& event) override;
  node::PartActions settle(const node::Moment& moment) override;
  std::optional<Instant> deadline() const override;

  void sent(NodeId to, node::Way way, std::string_view kind, bool taken) override;
  void received(NodeId from, node::Way way, std::string_view kind, const Words& words) override;
  void came(NodeId from, std::uint64_t lost) override;
  void connected(NodeId to) override;
  void waited(NodeId to, std::uint64_t count) override;
  void disconnected(NodeId to) override;
  std::vector<Bytes> first_on(NodeId to) const override;
  Bytes colour(NodeId to) const override;
  node::PartActions coloured(const node::Moment& moment, NodeId from, ByteView colour) override;

  // In which snapshots it takes part now.
  std::size_t running() const { return cuts_.size(); }

 private:
  using Id = wire::GroupSnapshotId;
  // A snapshot that this node has its cut for.
  struct Running {
    Cut cut;
    Instant until;
    // Of this node at the cut, as its markers say.
    std::map<NodeId, LinkOut> out;
    std::map<NodeId, std::uint64_t> connections;  // that this node has made since, to each
    std::set<NodeId> reported;                    // links into this node, as having nothing that stands
  };
  struct Asked {
    replica::ConnectionId connection;
    std::uint64_t request = 0;
    local::TakeGroupSnapshot wish;
    Instant until;
  };
  // What the taker has gathered of the one that it takes.
  struct Taking {
    Asked asked;
    Id id;
    WallTime at;
    Instant until;
    std::optional<Instant> settled_since;  // all that it can reach has answered
    struct LocalLine {
      std::uint64_t life = 0;
      std::set<NodeId> up;
      Bytes line;
    };
    struct LinkLine {
      std::uint64_t life = 0, from_life = 0;
      bool marked = false;
      bool broke = false;
      Bytes line;
    };
    std::map<NodeId, LocalLine> peers;
    std::set<NodeId> died;  // they have answered in two lives
    std::map<std::pair<NodeId, NodeId>, LinkLine> links;
  };

  void on(const node::Moment& moment, const node::FromPeer& event);
  void on(const node::Moment& moment, const node::FromTool& event);
  void on(const node::Moment& moment, const node::Greeted& event);
  void on(const node::Moment& moment, const node::Parted& event);
  void on(const node::Moment& moment, const node::ToolGone& event);
  void on(const node::Moment& moment, const node::Tick& event);
  void on(const node::Moment&, const node::Leave&) {}
  void on(const node::Moment&, const node::Worked&) {}  // it asks for no work

  bool is_over(const Id& id) const;
  Running* find(const Id& id);
  bool has_its_cut(const Running& running, NodeId node) const;
  void forget_finished();
  Running* cut(const node::Moment& moment, const Id& id);
  wire::SnapshotMarker marker(const Id& id, const Running& running, NodeId to, bool first) const;
  void hear(const node::Moment& moment, NodeId from, const wire::SnapshotMarker& marker);
  void hear(const node::Moment& moment, NodeId from, wire::SnapshotOfPeer& report);
  void hear(const node::Moment& moment, NodeId from, wire::SnapshotOfLink& report);
  void report_peer(const node::Moment& moment, const Id& id, const Running& running);
  void report_link(const node::Moment& moment, const Id& id, const Running& running, NodeId from);
  void report_settled(const node::Moment& moment, const Id& id, Running& running);
  void tell_taker(const node::Moment& moment, const Id& id, wire::GroupSnapshotMessage message);

  // ---- whose.cpp
  std::vector<NodeId> voters(const node::Moment& moment) const;
  static bool is_of(const Id& id, NodeId node);
  bool names_this_peer(const Id& id) const;
  bool can_take_part(const node::Moment& moment, const Id& id);
  bool learn_names(const node::Moment& moment, const std::vector<NodeId>& nodes);
  std::optional<std::string> why_not(const node::Moment& moment, const std::vector<NodeId>& peers);
  std::string name_of(NodeId node) const;
  bool is_link(NodeId node) const { return node != NodeId{} && node != self_; }
  bool is_connected(NodeId node) const;
  void forget_strangers(const node::Moment& moment);

  // ---- taker.cpp
  void begin_next(const node::Moment& moment);
  bool is_link_there(NodeId from, NodeId to) const;
  bool is_all_there() const;
  bool are_reachable_there() const;
  void look_whether_over(const node::Moment& moment);
  void finish();
  void answer(const Asked& asked, const local::GroupSnapshotAnswer& answer);

  const NodeId self_;
  const std::vector<NodeId> founders_;
  std::map<NodeId, std::string> names_;  // empty: they have none
  std::map<NodeId, LinkIn> in_;          // of each other node, whether it votes or not
  std::map<NodeId, LinkOut> out_;        // to each other node
  std::map<Id, Running> cuts_;
  std::deque<Id> had_;         // that this node has had its cut for, the latest last
  std::uint64_t life_ = 0;     // of this node
  Level level_ = first_level;  // by which it lays out what it sends
  std::uint64_t taken_ = 0;    // by this node
  std::deque<Asked> asked_;    // that wait for their turn
  Instant begin_at_;           // the first of them, at the latest
  std::optional<Taking> taking_;
  node::PartActions actions_;
};

inline constexpr Duration longest_patience = std::chrono::minutes(10);
inline constexpr std::size_t most_asked = 64;  // that wait for their turn
// Beyond it those are forgotten that nothing stands with, and that are not registered.
inline constexpr std::size_t most_links = 4096;
// When all others are there: for so long the taker waits for those with which nothing stands.
inline constexpr Duration unreachable_after = std::chrono::milliseconds(300);

}  // namespace coord::group
