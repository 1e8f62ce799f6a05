// SPDX-License-Identifier: MIT
// What every InstanceModel keeps, whatever its protocol: when which instance of a node is due, and whose
// users wait for which instance.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "catalogue/book.hpp"

namespace coord::catalogue {

using Instance = std::uint64_t;

// The deadlines of one node's instances.
class DueTimes {
 public:
  void set(Instance instance, std::optional<Instant> when);  // nullopt: none
  std::optional<Instant> first() const;
  std::vector<Instance> until(Instant now) const;  // by time

 private:
  std::map<Instance, Instant> at_;
  std::set<std::pair<Instant, Instance>> by_time_;  // the same
};

// Operations that wait at a node for what comes of an instance.
class InstanceUsers {
 public:
  using Place = std::pair<NodeId, Instance>;
  void begin(Book& book, Instant now, OperationId operation, Place place);
  void settle(Book& book, Instant now, Place place, std::uint64_t result);  // all that wait there
  void crashed(NodeId node);

 private:
  std::map<Place, std::vector<OperationId>> waiting_;
};

}  // namespace coord::catalogue
