// SPDX-License-Identifier: MIT
// What the part asks of the group's log, as this peer has it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "node/part.hpp"
#include "service/decisions/commands.hpp"

namespace coord::agreements {

// A decision as the log has it.
struct Known {
  std::string name;
  service::Agreement algorithm = service::Agreement::raft;
  std::vector<service::DecisionSite> sites;

  const service::DecisionSite* site(NodeId node) const;  // nullptr: it is none
  std::vector<NodeId> nodes() const;
  std::string hosts() const;  // for people
};

class GroupLog {
 public:
  GroupLog() = default;
  GroupLog(const GroupLog&) = delete;
  GroupLog& operator=(const GroupLog&) = delete;
  virtual ~GroupLog() = default;

  // Of this generation, decided by sites; nullopt: there is none, any more or yet.
  virtual std::optional<Known> find(const node::Moment& moment, Token generation) const = 0;
  // Not: it says nothing of this generation yet.
  virtual bool has_come_to(const node::Moment& moment, Token generation) const = 0;
  // When a decision was forgotten last: as long as this stays, so do those that it has.
  virtual Token last_forgotten(const node::Moment& moment) const = 0;
  // Who votes by now, sorted; nullopt: this peer cannot tell.
  virtual std::optional<std::vector<NodeId>> voters(const node::Moment& moment) const = 0;
};

// That of the replicated service of the same node.
class ServiceLog final : public GroupLog {
 public:
  std::optional<Known> find(const node::Moment& moment, Token generation) const override;
  bool has_come_to(const node::Moment& moment, Token generation) const override;
  Token last_forgotten(const node::Moment& moment) const override;
  std::optional<std::vector<NodeId>> voters(const node::Moment& moment) const override;
};

}  // namespace coord::agreements
