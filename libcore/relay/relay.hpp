// SPDX-License-Identifier: MIT
// The part of a peer that carries packets between the processes of groups (cut/member.hpp), each a tool on
// some host, and the tools that ask them from outside.
//
// It keeps nothing for anybody: what cannot be carried now is dropped, and the ends of the channels send it
// again. So a peer that is killed and started again has lost nothing that matters. Which lives are where each
// peer tells all others, whole, whenever it changes, whenever a connection begins, and every 2 s besides: a
// peer that was started again may be connected before it knows that the group lets it speak.
//
// Whose packets go where: to a life only from the same user's tools, from root's, and from those of the user
// whose group it has joined. A user is named as the kernel of his host says; peers believe each other, as
// everywhere in a group.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cut/relayed.hpp"
#include "node/node.hpp"

namespace coord::relay {

// Of one peer: lives that are registered with it. A further one is refused.
inline constexpr std::size_t most_here = 4096;

class Relay final : public node::Part {
 public:
  Relay(NodeId self, std::vector<NodeId> all) : self_(self), all_(std::move(all)) {}

  node::Channel channel() const override { return node::Channel::relay; }
  std::string name() const override { return "relay"; }
  node::PartActions step(const node::Moment& moment, const node::Event& event) override;
  node::PartActions settle(const node::Moment& moment) override;
  std::optional<Instant> deadline() const override;

 private:
  // Whose a life is, as all peers are told.
  struct Whose {
    std::string user;
    std::string owner;  // of the group that it is in; empty: not known yet
    bool is_root = false;
    bool visitor = false;
  };
  struct Here {
    replica::ConnectionId connection;
    std::uint64_t request = 0;
    Whose whose;
  };
  struct There {
    NodeId node;
    Whose whose;
  };
  // A packet on its way between peers.
  struct Carried {
    cut::Life to = 0, from = 0;
    bool visitor = false;
    bool is_root = false;
    std::string user;
    Bytes bytes;
  };

  static bool takes(const Whose& to, const std::string& user, bool is_root);

  void from_tool(const node::FromTool& asked, node::PartActions& out);
  void enter(const node::FromTool& asked, const cut::Register& wish, node::PartActions& out);
  void carry(const node::FromTool& asked, cut::Outgoing packet, node::PartActions& out);
  void deliver(Carried packet, node::PartActions& out);
  void from_peer(const node::FromPeer& heard, node::PartActions& out);
  bool learn(NodeId from, ByteReader& in);
  std::set<NodeId> others(const node::Moment& moment) const;
  Bytes listing() const;
  static Bytes encode(const Carried& packet);

  NodeId self_;
  std::vector<NodeId> all_;  // the founders
  std::map<cut::Life, Here> here_;
  std::map<cut::Life, There> there_;
  bool to_tell_ = false;      // the others
  Instant tell_again_;        // as long as there is something to tell
  bool has_changed_ = false;  // tools of this host are to hear of it: a process has come or gone
};

}  // namespace coord::relay
