// SPDX-License-Identifier: MIT
// The part of a peer that carries casts: from a tool on one host to the listeners on all (dcast(1)).
//
// It runs a Gossip (protocol/broadcast/gossip.hpp) with the other hosts of the group, those without a vote
// too; which of them are there the members' part tells (members/part.hpp). Casts of this host come from its
// tools, whose users the kernel names; whose name a cast may go to (`@USER/`) is judged here, and again by
// each peer that it comes to. What a peer has forgotten at its restart others bring again; listeners come
// again too, and say for how long they have listened.
//
// Questions and their answers go by a Gather (protocol/broadcast/gather.hpp) among the hosts that are held to
// live when they are asked. Those that are held dead then are asked nothing, and named beside whoever does
// not answer; those that have left are not missing.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "casts/allowance.hpp"
#include "casts/answerers.hpp"
#include "casts/listeners.hpp"
#include "casts/messages.hpp"
#include "node/part.hpp"
#include "protocol/broadcast/causal_order.hpp"
#include "protocol/broadcast/gather.hpp"
#include "protocol/broadcast/gossip.hpp"

namespace coord::node {
struct Setting;
}

namespace coord::casts {

// What is held of another host. One that nothing is known of is gone; who is of the group no more has left.
enum class Presence { here, gone, left };
using PresenceOf = std::function<Presence(const node::Moment& moment, NodeId node)>;

class CastsPart final : public node::Part {
 public:
  // Without `presence_of` all are here.
  explicit CastsPart(const node::Setting& setting, PresenceOf presence_of = {});

  node::Channel channel() const override { return node::Channel::casts; }
  std::string name() const override { return "casts"; }
  node::PartActions step(const node::Moment& moment, const node::Event& event) override;
  node::PartActions settle(const node::Moment& moment) override;
  std::optional<Instant> deadline() const override;
  std::vector<node::Count> counts() const override;

  const broadcast::Gossip& gossip() const { return gossip_; }

 private:
  struct Tool {
    replica::ConnectionId connection;
    std::uint64_t request = 0;
  };
  struct Waiting {  // for another member's word
    Tool tool;
    Instant until;
    std::uint32_t members = 0;
  };

  struct Asking {
    Tool tool;
    std::uint32_t uid = 0;
    std::vector<NodeId> gone;  // when it was asked
  };

  void on(const node::Moment& moment, const node::FromPeer& event);
  void on(const node::Moment& moment, const node::FromTool& event);
  void on(const node::Moment& moment, const node::Greeted& event);
  void on(const node::Moment& moment, const node::ToolGone& event);
  void on(const node::Moment& moment, const node::Tick& event);
  template <class Other>
  void on(const node::Moment&, const Other&) {}

  void asked(const node::Moment& moment, const node::FromTool& event, const Say& what);
  void asked(const node::Moment& moment, const node::FromTool& event, const Listen& what);
  void asked(const node::Moment& moment, const node::FromTool& event, const Took& what);
  void asked(const node::Moment& moment, const node::FromTool& event, const Ask& what);
  void asked(const node::Moment& moment, const node::FromTool& event, const Answer& what);
  void asked(const node::Moment& moment, const node::FromTool& event, const Reply& what);
  // The name that it may be cast to, or asked under; empty: it was refused.
  std::string name_for(const node::Moment& moment, const node::FromTool& event, const std::string& name,
                       std::size_t bytes);
  Bytes letter_of(const node::Moment& moment, const node::FromTool& event, const std::string& name,
                  const std::string& payload) const;

  void run(const node::Moment& moment, const broadcast::Gossip::Event& event);
  void run(const node::Moment& moment, const broadcast::Gather::Event& event);
  void perform(const node::Moment& moment, broadcast::Gather::Pass&& action);
  void perform(const node::Moment& moment, const broadcast::Gather::Asked& action);
  void perform(const node::Moment& moment, const broadcast::Gather::Gathered& action);
  void perform(const node::Moment& moment, broadcast::Gossip::Send&& action);
  void perform(const node::Moment& moment, const broadcast::Gossip::Arrived& action);
  void perform(const node::Moment& moment, const broadcast::Gossip::Confirmed& action);
  void hear(const node::Moment& moment, const broadcast::CausalOrder::Next& next);
  void tell_again(const node::Moment& moment, const Listeners::Key& key, const std::string& name,
                  Instant since, bool causal);
  Listeners::LookUp looked_up_for(const node::Moment& moment, const Listeners::Key& key) const;
  Listeners::Missed named(const node::Moment& moment,
                          const std::vector<broadcast::MissingCast>& missing) const;
  std::string host_of(const node::Moment& moment, NodeId node) const;
  std::set<NodeId> others(const node::Moment& moment) const;
  void note_members(const node::Moment& moment);
  void tell(const Tool& tool, const ToTool& what);

  const NodeId self_;
  const std::vector<NodeId> founders_;
  const std::map<NodeId, std::string> names_;
  const Instant started_;
  const PresenceOf presence_of_;
  broadcast::Gossip gossip_;
  broadcast::CausalOrder order_;
  broadcast::Gather gather_;
  std::optional<Instant> members_noted_;
  std::vector<NodeId> alive_, gone_;  // other hosts
  bool alone_ = true;                 // in the group
  Allowance allowance_;
  Listeners listeners_;
  std::map<CastId, Waiting> waiting_;
  Answerers answerers_;
  std::map<CastId, Asking> asking_;
  std::uint64_t made_ = 0, came_ = 0, held_up_ = 0, gaps_ = 0;
  std::uint64_t asked_ = 0, answered_ = 0, missing_ = 0;
  node::PartActions out_;
};

}  // namespace coord::casts
