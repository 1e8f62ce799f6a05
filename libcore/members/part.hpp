// SPDX-License-Identifier: MIT
// The members of this group, as a part of its node: runs SWIM (protocol/membership/swim.hpp) with the other
// hosts of the group.
//
// Pings and news go by datagram, the ping beside the indirect ones and comparisons by stream. It begins when
// the group is at level 2: before, the others do not know the channel. What it finds is for people and for
// tools: no lease, lock or vote hangs on it, and it answers with nothing that could touch one.
//
// Who is on the founding list, or is registered with the group under a name (service::Registration), is a
// member: news of others is not taken. A host's own incarnation is told when
// its place on the disk is durable (incarnation.hpp); all else goes out meanwhile, so that a stalled disk
// makes nobody dead.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "members/incarnation.hpp"
#include "members/messages.hpp"
#include "members/offset.hpp"
#include "members/rate.hpp"
#include "node/part.hpp"
#include "protocol/membership/swim.hpp"

namespace coord::node {
struct Setting;
}

namespace coord::members {

// What this host holds of another one.
struct View {
  membership::Member member;
  std::optional<double> phi;               // none: not heard of in this life
  std::optional<Offset::Estimate> offset;  // of its clock from this one
  std::optional<std::int64_t> rate_ppm;    // by how much it is faster, at least
};

class MembersPart final : public node::Part {
 public:
  // `stored`: of an earlier life on this disk.
  MembersPart(const node::Setting& setting, std::optional<Incarnation> stored);

  node::Channel channel() const override { return node::Channel::membership; }
  std::string name() const override { return "membership"; }
  node::PartActions step(const node::Moment& moment, const node::Event& event) override;
  node::PartActions settle(const node::Moment& moment) override;
  std::optional<Instant> deadline() const override;
  bool is_leaving() const override { return farewell_ends_.has_value(); }

  // ---- for listings
  bool runs() const { return swim_.has_value(); }
  Incarnation incarnation() const { return swim_ ? swim_->incarnation() : Incarnation{}; }
  std::size_t awareness() const { return swim_ ? swim_->awareness() : 0; }  // 0: this host is sound
  std::optional<View> view(Instant now, NodeId node) const;
  std::uint64_t strangers() const { return strangers_; }  // in news: not taken

 private:
  struct Question {  // that is being answered
    NodeId from;
    WallTime sent, heard;
  };

  void begin(const node::Moment& moment);
  void note_contacts(const node::Moment& moment);
  void on(const node::Moment& moment, const node::FromPeer& event);
  void on(const node::Moment& moment, const node::Worked& event);
  void on(const node::Moment& moment, const node::Leave& event);
  void on(const node::Moment& moment, const node::Tick& event);
  template <class Other>
  void on(const node::Moment&, const Other&) {}

  static const service::Registration* registration(const node::Moment& moment, NodeId node);
  bool is_member(const node::Moment& moment, NodeId node) const;
  const char* fault_of(const node::Moment& moment, const Said& said, const node::FromPeer& event) const;
  void drop_strangers(const node::Moment& moment, membership::SwimMessage& message);
  void run(const node::Moment& moment, const membership::Swim::Event& event);
  void perform(const node::Moment& moment, membership::Swim::Send&& action);
  void perform(const node::Moment& moment, const membership::Swim::Persist& action);
  void perform(const node::Moment& moment, const membership::Swim::Changed& action);
  void perform(const node::Moment& moment, const membership::Swim::Departed& action);
  void withhold_own_news(NodeId to, membership::Rumours& rumours);
  void send(const node::Moment& moment, NodeId to, membership::SwimMessage message);
  void reserve_ahead();
  std::string name_of(const node::Moment& moment, NodeId node) const;

  const NodeId self_;
  const membership::Roster::Founders founders_;
  const std::map<NodeId, std::string> names_;
  const std::uint64_t seed_;
  const std::optional<Incarnation> stored_;

  std::optional<membership::Swim> swim_;
  std::optional<LogIndex> contacts_at_;  // of the roster in the state, when they were noted
  std::optional<Incarnation> durable_;   // all up to this one may be told
  std::set<NodeId> not_told_;            // of the own incarnation, which was not durable then
  bool writing_ = false;
  std::optional<Instant> write_again_;  // what has failed
  std::optional<Question> question_;
  std::optional<Instant> farewell_ends_;
  std::map<NodeId, Offset> offsets_;
  std::map<NodeId, Rate> rates_;
  std::set<NodeId> heard_;
  std::set<NodeId> gone_;  // dead or left, as the log was told
  std::uint64_t strangers_ = 0;
  node::PartActions out_;
};

}  // namespace coord::members
