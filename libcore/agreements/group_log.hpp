// SPDX-License-Identifier: MIT
// What the part asks of the group's log, as this peer has it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agreements/messages.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "node/part.hpp"
#include "replica/leases.hpp"
#include "service/commits/commands.hpp"
#include "service/decisions/commands.hpp"

namespace coord::agreements {

// What the log says of a generation: of a decision by sites, or (`region`) of an epoch of a name that is
// entered by an algorithm.
struct Known {
  std::string name;
  std::string_view algorithm;  // as it is registered (classical/registry.hpp)
  std::vector<service::DecisionSite> sites;
  bool region = false;
  std::uint64_t tokens = 0;  // of a region: the generation's own, and so many after it

  const service::DecisionSite* site(NodeId node) const;  // nullptr: it is none
  std::vector<NodeId> nodes() const;
  std::string hosts() const;  // for people
};

// What the log says of a transaction by a classical algorithm, in which all have come.
struct KnownDeal {
  struct Participant {
    std::string id;
    std::uint64_t run = 0;
    std::string user;
    service::DecisionSite site;
  };
  std::string name;
  service::CommitBy by = service::CommitBy::two_phase;
  Duration bound{};
  std::vector<Participant> participants;  // by id
  std::size_t first = 0;                  // who began it: its host coordinates
};

// What the log says of one who wants to enter.
struct PartOf {
  enum class Standing : std::uint8_t {
    takes_part,
    not_yet,  // as far as this peer has read: it may have been restarted and be behind, or the session be
              // over
    never,    // it is another user's, or asks for something else
  };
  Standing standing = Standing::never;
  Token epoch{};
};

class GroupLog {
 public:
  GroupLog() = default;
  GroupLog(const GroupLog&) = delete;
  GroupLog& operator=(const GroupLog&) = delete;
  virtual ~GroupLog() = default;

  // Of this generation; nullopt: there is none, any more or yet.
  virtual std::optional<Known> find(const node::Moment& moment, Token generation) const = 0;
  // nullopt: there is none of this generation, any more or yet, or not all have come.
  virtual std::optional<KnownDeal> deal(const node::Moment&, Token) const { return std::nullopt; }
  // There is one, whether all have come or not.
  virtual bool has_deal(const node::Moment& moment, Token generation) const {
    return deal(moment, generation).has_value();
  }
  // A request that stands in line, and whose holds, or earlier requests, keep it there.
  struct Wait {
    SessionId waiter;
    std::uint64_t number = 0;  // no other wait has it
    std::string name;
    std::vector<SessionId> outer;  // that run it
    std::vector<SessionId> blockers;
  };
  virtual std::vector<Wait> waits(const node::Moment&) const { return {}; }
  // The node whose session it is.
  virtual std::optional<NodeId> home_of(const node::Moment&, SessionId) const { return std::nullopt; }
  virtual WaitParty party(const node::Moment&, SessionId) const { return {}; }
  // Not: it says nothing of this generation yet.
  virtual bool has_come_to(const node::Moment& moment, Token generation) const = 0;
  // When a decision was forgotten last: as long as this stays, so do those that it has.
  virtual Token last_forgotten(const node::Moment& moment) const = 0;
  // The epoch in which this request of a session takes part, if it is this user's.
  virtual PartOf part_of(const node::Moment& moment, SessionId session, std::uint64_t request,
                         std::uint32_t uid, const std::string& user) const = 0;
  // That a tool of this host has, by this connection; 0: none, yet or any more.
  virtual SessionId session_of(const node::Moment&, replica::ConnectionId) const { return {}; }
  // How far this peer has read: as long as this stays, so does all that it says.
  virtual LogIndex position(const node::Moment& moment) const = 0;
  // The epochs of which this life of a node is a site.
  virtual std::vector<Token> epochs_of(const node::Moment& moment, NodeId node, std::uint64_t life) const = 0;
  virtual bool is_epoch(const node::Moment& moment, Token epoch) const = 0;
  virtual bool has_quorum(const node::Moment& moment) const = 0;
  // Which group this is, in words.
  virtual std::string group(const node::Moment&) const { return {}; }
  // Nobody has founded it yet, as far as this peer knows, or this peer's disk was lost.
  virtual bool has_nothing(const node::Moment&) const { return true; }
  // Its disk was lost, and it learns anew what the group has (coordd --rejoin).
  virtual bool is_learning_anew(const node::Moment&) const { return false; }
  // The session takes part in this epoch.
  virtual bool takes_part(const node::Moment& moment, Token epoch, SessionId session) const = 0;
  // Who votes by now, sorted; nullopt: this peer cannot tell.
  virtual std::optional<std::vector<NodeId>> voters(const node::Moment& moment) const = 0;
  // Who is of the group by its log, under which names, and where that changed last.
  virtual std::map<NodeId, std::string> members(const node::Moment&) const { return {}; }
  virtual LogIndex members_at(const node::Moment&) const { return {}; }
  // It has a place in the group, by a name or (at level 1) without one: who has none has no sessions either.
  virtual bool has_place(const node::Moment&, NodeId) const { return true; }
};

// That of the replicated service of the same node.
class ServiceLog final : public GroupLog {
 public:
  std::optional<Known> find(const node::Moment& moment, Token generation) const override;
  std::optional<KnownDeal> deal(const node::Moment& moment, Token generation) const override;
  bool has_deal(const node::Moment& moment, Token generation) const override;
  std::vector<Wait> waits(const node::Moment& moment) const override;
  std::optional<NodeId> home_of(const node::Moment& moment, SessionId session) const override;
  WaitParty party(const node::Moment& moment, SessionId session) const override;
  bool has_come_to(const node::Moment& moment, Token generation) const override;
  Token last_forgotten(const node::Moment& moment) const override;
  PartOf part_of(const node::Moment& moment, SessionId session, std::uint64_t request, std::uint32_t uid,
                 const std::string& user) const override;
  SessionId session_of(const node::Moment& moment, replica::ConnectionId tool) const override;
  LogIndex position(const node::Moment& moment) const override;
  std::vector<Token> epochs_of(const node::Moment& moment, NodeId node, std::uint64_t life) const override;
  bool is_epoch(const node::Moment& moment, Token epoch) const override;
  bool has_quorum(const node::Moment& moment) const override;
  std::string group(const node::Moment& moment) const override;
  bool has_nothing(const node::Moment& moment) const override;
  bool is_learning_anew(const node::Moment& moment) const override;
  bool takes_part(const node::Moment& moment, Token epoch, SessionId session) const override;
  std::optional<std::vector<NodeId>> voters(const node::Moment& moment) const override;
  std::map<NodeId, std::string> members(const node::Moment& moment) const override;
  LogIndex members_at(const node::Moment& moment) const override;
  bool has_place(const node::Moment& moment, NodeId node) const override;
};

}  // namespace coord::agreements
