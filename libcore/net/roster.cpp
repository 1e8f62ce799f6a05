// SPDX-License-Identifier: MIT
#include "net/roster.hpp"

#include <utility>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord::net {

NodeId Roster::founding_id(const std::string& name) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return NodeId{hash == 0 ? 1 : hash};
}

NodeId Roster::draw(Random& random) const {
  for (;;) {
    const NodeId id{random.next()};
    if (id.value != 0 && !nodes_.contains(id)) return id;
  }
}

Status Roster::found(const std::string& name, const Address& address) {
  return admit({founding_id(name), name, address, true, true});
}

Status Roster::admit(Node node) {
  if (node.id.value == 0)
    return Error{ErrorKind::usage, fmt::format("'{}'", node.name), "has no number", "install one release"};
  if (ids_.contains(node.name))
    return Error{ErrorKind::usage, fmt::format("'{}'", node.name), "is named twice",
                 "give every peer a name of its own"};
  if (const Node* same = find(node.id); same != nullptr)
    return Error{ErrorKind::usage, fmt::format("'{}'", node.name),
                 fmt::format("gets the same number as '{}'", same->name), "rename one of them"};
  ids_.emplace(node.name, node.id);
  nodes_.emplace(node.id, std::move(node));
  return done();
}

void Roster::remove(NodeId id) {
  const auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  ids_.erase(found->second.name);
  nodes_.erase(found);
}

void Roster::set_voter(NodeId id, bool voter) {
  const auto found = nodes_.find(id);
  COORD_CHECK(found != nodes_.end());
  found->second.voter = voter;
}

const Roster::Node* Roster::find(NodeId id) const {
  const auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : &found->second;
}

const Roster::Node* Roster::find(const std::string& name) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? nullptr : find(found->second);
}

NodeId Roster::id_of(const std::string& name) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? NodeId{} : found->second;
}

std::set<std::string> Roster::names() const {
  std::set<std::string> names;
  for (const auto& [name, id] : ids_) names.insert(name);
  return names;
}

std::map<NodeId, std::string> Roster::names_by_id() const {
  std::map<NodeId, std::string> names;
  for (const auto& [id, node] : nodes_) names.emplace(id, node.name);
  return names;
}

std::map<std::string, Address> Roster::founders() const {
  std::map<std::string, Address> founders;
  for (const auto& [id, node] : nodes_)
    if (node.founder) founders.emplace(node.name, node.address);
  return founders;
}

}  // namespace coord::net
