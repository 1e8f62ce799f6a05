// SPDX-License-Identifier: MIT
// The members' part with a disk of its own, for nodes in the simulator: what is written is there for later
// lives once it took its time, and lost by a crash before.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "members/part.hpp"
#include "node/node.hpp"

namespace coord::test {

// Of all nodes.
using Incarnations = std::map<NodeId, std::optional<members::Incarnation>>;

class DurableMembers final : public node::Part {
 public:
  DurableMembers(const node::Setting& setting, std::shared_ptr<Incarnations> disks)
      : self_(setting.self), disks_(std::move(disks)), part_(setting, (*disks_)[setting.self]) {}

  node::Channel channel() const override { return part_.channel(); }
  std::string name() const override { return part_.name(); }
  node::PartActions step(const node::Moment& moment, const node::Event& event) override {
    node::PartActions out;
    if (std::holds_alternative<node::Tick>(event) && written_at_ && moment.now >= *written_at_) {
      written_at_.reset();
      (*disks_)[self_] = writing_->last;
      out = take(moment, part_.step(moment, node::Worked{std::exchange(writing_, {})}));
    }
    for (node::PartAction& action : take(moment, part_.step(moment, event))) out.push_back(std::move(action));
    return out;
  }
  node::PartActions settle(const node::Moment& moment) override { return take(moment, part_.settle(moment)); }
  std::optional<Instant> deadline() const override {
    const auto due = part_.deadline();
    return written_at_ && (!due || *written_at_ < *due) ? written_at_ : due;
  }
  bool is_leaving() const override { return part_.is_leaving(); }

  const members::MembersPart& part() const { return part_; }

 private:
  static constexpr Duration write_takes = std::chrono::milliseconds(5);

  node::PartActions take(const node::Moment& moment, node::PartActions actions) {
    std::erase_if(actions, [&](const node::PartAction& action) {
      const auto* work = std::get_if<node::Do>(&action);
      if (work == nullptr) return false;
      writing_ = std::static_pointer_cast<members::Reserve>(work->work);
      written_at_ = moment.now + write_takes;
      return true;
    });
    return actions;
  }

  const NodeId self_;
  std::shared_ptr<Incarnations> disks_;
  members::MembersPart part_;
  std::shared_ptr<members::Reserve> writing_;
  std::optional<Instant> written_at_;
};

// For nodes whose disks begin empty.
inline node::MakeParts make_members() {
  return [disks = std::make_shared<Incarnations>()](const node::Setting& setting) {
    node::Parts parts;
    parts.push_back(std::make_unique<DurableMembers>(setting, disks));
    return parts;
  };
}

inline const members::MembersPart& members_of(const node::Node& node) {
  return dynamic_cast<const DurableMembers&>(*node.part(node::Channel::membership)).part();
}

}  // namespace coord::test
