// SPDX-License-Identifier: MIT
// The rings of this host, as a part of its node: takes what tools ask, and has it done.
//
// A ring that the host has not joined is its own: all keys are here, and it is done on the storage. Else
// replicas.hpp does it with other hosts. Bounded: what is written and not durable yet, by all tools together.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "node/part.hpp"
#include "ring/replicas.hpp"
#include "ring/work.hpp"

namespace coord::ring {

class RingPart final : public node::Part {
 public:
  RingPart() = default;  // of a host whose rings are all its own
  explicit RingPart(const node::Setting& setting)
      : replicas_(std::make_unique<Replicas>(setting.self, setting.names, setting.seed)) {}

  node::Channel channel() const override { return node::Channel::ring; }
  std::string name() const override { return "ring"; }
  node::PartActions step(const node::Moment& moment, const node::Event& event) override;
  node::PartActions settle(const node::Moment& moment) override;
  std::optional<Instant> deadline() const override {
    return replicas_ ? replicas_->deadline() : std::nullopt;
  }

 private:
  using Asked = std::pair<replica::ConnectionId, std::uint64_t>;  // a tool's request

  void on(const node::Moment& moment, const node::FromTool& event);
  void on(const node::Moment&, const node::Worked& event);
  void on(const node::Moment&, const node::ToolGone& event);
  void on(const node::Moment&, const node::FromPeer& event);
  void on(const node::Moment&, const node::Greeted& event);
  template <class Other>
  void on(const node::Moment&, const Other&) {}

  void look(const node::Moment& moment);                // at what the group has agreed on
  bool admit(const Asked& asked, std::uint64_t bytes);  // false: too much is open
  void count_answers();
  bool discards(const Asked& asked, const Put& put);
  void refuse_value(const Work& work, const Put& put, const Refused& why);
  void take(std::shared_ptr<Work> work, Put&& put);
  void submit(std::shared_ptr<Work> work);
  void submit_here(std::shared_ptr<Work> work);
  void look_again();
  void collect();
  void tell(const Work& work, const Answer& answer);

  std::map<Asked, std::uint64_t> open_;  // requests without an answer, with the bytes they are counted for
  std::uint64_t open_bytes_ = 0;         // of all of them, without values
  std::size_t at_storage_ = 0;           // works that are asked for and not done
  std::map<Asked, std::uint64_t> discarding_;          // of values that were refused: bytes that come still
  std::map<Asked, std::shared_ptr<Work>> assembling_;  // values of which chunks are missing
  std::map<Asked, std::shared_ptr<Work>> waiting_;     // watches, until something changes
  std::set<replica::ConnectionId> watchers_;
  std::uint64_t bytes_held_ = 0;  // of values, assembling or on their way to the disk
  std::unique_ptr<Replicas> replicas_;
  LogIndex roster_at_{};  // as of which the hosts' names are known
  node::PartActions out_;
};

}  // namespace coord::ring
