// SPDX-License-Identifier: MIT
// A part for tests: counts what the tools of all hosts have added.
//
// Every node has a tally of its own and hears those of the others: all at once by stream whenever it adds,
// and from time to time by datagram to somebody, which mends what was lost. A tool says '+', or '?', and is
// told the sum as this node knows it. The tallies of all lives of all nodes are kept, the larger one of each
// wins: so all agree in the end, whatever was lost, late or twice.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "node/node.hpp"

namespace coord::test {

class Tally final : public node::Part {
 public:
  using Key = std::pair<NodeId, std::uint64_t>;  // a node, and its life

  Tally(NodeId self, std::vector<NodeId> all, std::uint64_t seed, Instant now)
      : self_(self), all_(std::move(all)), life_(seed), random_(seed), next_(now + every) {}

  node::Channel channel() const override { return node::Channel::trial; }
  std::string name() const override { return "tally"; }

  node::PartActions step(const node::Moment& moment, const node::Event& event) override {
    level_ = moment.level;
    node::PartActions out;
    if (const auto* heard = std::get_if<node::FromPeer>(&event)) {
      ++(heard->way == node::Way::datagram ? by_datagram : by_stream);
      if (!merge(heard->bytes)) out.push_back(node::Unreadable{"it is no tally"});
    } else if (const auto* asked = std::get_if<node::FromTool>(&event)) {
      if (asked->bytes == Bytes{'+'}) {
        ++known_[{self_, life_}];
        to_tell_ = true;
      }
      ByteWriter sum;
      sum.put(total());
      out.push_back(node::ToTool{asked->connection, asked->request, sum.take()});
    } else if (std::holds_alternative<node::Parted>(event)) {
      ++parted;
    } else if (std::holds_alternative<node::Tick>(event) && moment.now >= next_) {
      next_ = moment.now + every;
      const NodeId to = all_[static_cast<std::size_t>(random_.below(all_.size()))];
      if (to != self_ && !known_.empty()) out.push_back(node::Send{to, node::Way::datagram, told()});
    }
    return out;
  }

  node::PartActions settle(const node::Moment&) override {
    node::PartActions out;
    if (!std::exchange(to_tell_, false)) return out;
    for (const NodeId to : all_) {
      if (to != self_) out.push_back(node::Send{to, node::Way::stream, told()});
    }
    return out;
  }

  std::optional<Instant> deadline() const override { return next_; }

  const std::map<Key, std::uint64_t>& known() const { return known_; }
  Key own() const { return {self_, life_}; }
  std::uint64_t total() const {
    std::uint64_t sum = 0;
    for (const auto& [key, count] : known_) sum += count;
    return sum;
  }
  Level level() const { return level_; }
  std::uint64_t by_datagram = 0;  // messages
  std::uint64_t by_stream = 0;
  std::uint64_t parted = 0;

 private:
  static constexpr Duration every = std::chrono::milliseconds(20);

  Bytes told() const {
    ByteWriter out;
    for (const auto& [key, count] : known_) {
      out.put(key.first.value);
      out.put(key.second);
      out.put(count);
    }
    return out.take();
  }
  bool merge(ByteView bytes) {
    if (bytes.empty() || bytes.size() % 24 != 0) return false;
    ByteReader in(bytes);
    while (in.left() > 0) {
      const NodeId node{in.get<std::uint64_t>()};
      const auto life = in.get<std::uint64_t>();
      std::uint64_t& here = known_[{node, life}];
      here = std::max(here, in.get<std::uint64_t>());
    }
    return true;
  }

  const NodeId self_;
  const std::vector<NodeId> all_;
  const std::uint64_t life_;
  Random random_;
  Instant next_;
  Level level_ = first_level;
  bool to_tell_ = false;
  std::map<Key, std::uint64_t> known_;
};

inline node::Parts make_tally(const node::Setting& setting) {
  node::Parts parts;
  parts.push_back(std::make_unique<Tally>(setting.self, setting.founders, setting.seed, setting.now));
  return parts;
}

inline const Tally& tally_of(const node::Node& node) {
  return dynamic_cast<const Tally&>(*node.part(node::Channel::trial));
}

}  // namespace coord::test
