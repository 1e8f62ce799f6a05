// SPDX-License-Identifier: MIT
// Who is in the group, as one member holds it. The list that a group was founded with is shared and never
// changes; what differs from it is kept by each: 10,000 members in one simulator would else be 10^8 records.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.hpp"
#include "protocol/membership/swim_messages.hpp"

namespace coord::membership {

struct Member {
  Incarnation incarnation;
  State state = State::alive;
  Instant since;  // this state; founders: 0
};

class Roster {
 public:
  using Founders = std::shared_ptr<const std::vector<NodeId>>;  // sorted, unique; alive in incarnation 0

  explicit Roster(Founders founders);

  void set(NodeId node, Member member);
  void forget_dead_before(Instant time);  // none of the founders

  std::optional<Member> find(NodeId node) const;
  // All that are known, the dead too, in an order that only changes at forget_dead_before().
  std::size_t size() const { return founders_->size() + joined_.size(); }
  NodeId at(std::size_t place) const;
  std::size_t present() const { return present_; }
  std::size_t dead() const { return dead_; }  // without those who left
  // Of who is present in which incarnation: equal at two members, hardly ever by chance, if
  // they hold the same.
  std::uint64_t digest() const { return digest_ >> 12U; }  // no number between nodes is larger than 2^53
  Rumours table(NodeId by) const;

 private:
  bool is_founder(NodeId node) const;
  void count(NodeId node, const Member& member, bool in);

  Founders founders_;
  std::vector<NodeId> joined_;
  std::map<NodeId, Member> changed_;
  std::size_t present_ = 0, dead_ = 0;
  std::uint64_t digest_ = 0;
};

// A permutation of 0..size-1, worked out place by place: nothing is kept.
class Shuffle {
 public:
  Shuffle(std::size_t size, std::uint64_t key);
  std::size_t size() const { return size_; }
  std::size_t operator()(std::size_t place) const;

 private:
  std::uint64_t once(std::uint64_t value) const;

  std::size_t size_;
  unsigned half_bits_ = 1;
  std::uint64_t key_;
};

}  // namespace coord::membership
