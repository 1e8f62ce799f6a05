// SPDX-License-Identifier: MIT
// Who is who in a group: the number, the name and the address of every node, in one place.
//
// A founder's number is a hash of its name, as in release 0.1.0: it stands in logs and snapshots, and does
// not depend on who else is in the list or in which order. Whoever comes later draws a number (draw()), for
// the same name may come again on an empty disk and is then another node. Two nodes never have one number or
// one name. Voters are kept connected; the others are dialled when there is something to say to them.
//
// Only founders are of the group's digest (net/greeting.hpp): who came later changes
// nothing of what the group is.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/result.hpp"
#include "net/address.hpp"

namespace coord::net {

class Roster {
 public:
  struct Node {
    NodeId id;
    std::string name;
    Address address;
    bool founder = false;
    bool voter = false;
  };

  // FNV-1a over the name, never 0.
  static NodeId founding_id(const std::string& name);
  // A number that nobody here has.
  NodeId draw(Random& random) const;

  // Votes. ErrorKind::usage: the name, or the number that it gives, is taken; `what` says by whom.
  Status found(const std::string& name, const Address& address);
  Status admit(Node node);
  void remove(NodeId id);
  // Of one that is there (checked).
  void set_voter(NodeId id, bool voter);

  const Node* find(NodeId id) const;
  const Node* find(const std::string& name) const;
  // 0: nobody's.
  NodeId id_of(const std::string& name) const;
  const std::map<NodeId, Node>& all() const { return nodes_; }
  std::size_t size() const { return nodes_.size(); }
  std::set<std::string> names() const;
  std::map<NodeId, std::string> names_by_id() const;
  // What the group's digest is of.
  std::map<std::string, Address> founders() const;

 private:
  std::map<NodeId, Node> nodes_;
  std::map<std::string, NodeId> ids_;
};

}  // namespace coord::net
