// SPDX-License-Identifier: MIT
// Which messages arrive, how often and when. It knows no contents: the world asks it once a message.
// A cut is one-way; partitions and bridges are made of cuts. The world asks is_cut() again when a message
// arrives, so a cut also loses what was under way.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/random.hpp"
#include "sim/fault_kind.hpp"

namespace coord::sim {

// Nodes are numbered 1..N.
struct Link {
  Duration delay_low = std::chrono::milliseconds(1);  // each message takes a time in [delay_low, delay_high]
  Duration delay_high = std::chrono::milliseconds(10);
  double drop = 0;       // probability, each message
  double duplicate = 0;  // probability of a second copy, with a delay of its own
  double reorder = 0;    // probability of a further delay of up to reorder_by
  Duration reorder_by = std::chrono::milliseconds(100);
  // a message never overtakes an earlier one of the same direction (TCP); excludes reorder
  bool fifo = false;
};

// Bad weather: on top of every link's own quality, for a while.
struct Weather {
  double drop = 0;
  double duplicate = 0;
  double reorder = 0;
  Duration delay{};  // a further delay in [0, delay]
};

// Ways between the same two nodes: what goes by stream is cut, and lost, apart from what goes by datagram.
enum class Way : std::uint8_t {
  stream,
  datagram,
  // What TCP makes of a stream: once, in order, and lost only where the stream is cut, whatever the weather.
  // Who needs to know that it broke numbers what it sends.
  ordered,
};

class Network {
 public:
  struct Arrivals {
    std::array<Instant, 2> times{};
    std::size_t count = 0;
  };

  Network(Random random, std::size_t nodes, Link everywhere);

  Arrivals send(Instant now, NodeId from, NodeId to, Way way = Way::stream);
  bool is_cut(NodeId from, NodeId to, Way way = Way::stream) const {
    if (way == Way::ordered) way = Way::stream;
    return (cuts_ > 0 && cut_[place(from, to)] != 0) || (!shut_.empty() && shut_.contains({way, from, to}));
  }

  void set_link(NodeId from, NodeId to, Link link) { links_[{from, to}] = link; }  // one direction
  void set_everywhere(Link link) {
    everywhere_ = link;
    links_.clear();
  }
  void set_weather(Weather weather) { weather_ = weather; }

  void cut(NodeId from, NodeId to);
  void shut(Way way, NodeId from, NodeId to) { shut_.insert({way, from, to}); }  // the other way stays open
  void mend(NodeId from, NodeId to);
  void bridge(NodeId a, NodeId b);  // these two do not hear each other; others hear both
  void partition(
      const std::vector<std::vector<NodeId>>& groups);  // who is in no group is in one with all such
  void split(const std::vector<NodeId>& side);  // these from all others, on top of the cuts that are there
  void isolate(NodeId node) { split({node}); }
  void heal();  // no cuts left, nothing shut; links and weather stay

  FaultCounts& counts() { return counts_; }
  const FaultCounts& counts() const { return counts_; }

 private:
  std::size_t place(NodeId from, NodeId to) const {
    return static_cast<std::size_t>(from.value - 1) * nodes_ + static_cast<std::size_t>(to.value - 1);
  }
  const Link& link(NodeId from, NodeId to) const;
  Instant arrival(Instant now, const Link& link, NodeId from, NodeId to);
  Instant after_earlier(std::vector<Instant>& last, Instant time, NodeId from, NodeId to) const;

  Random random_;
  std::size_t nodes_;
  Link everywhere_;
  Weather weather_;
  std::map<std::pair<NodeId, NodeId>, Link> links_;  // where they differ from everywhere_
  std::vector<std::uint8_t> cut_;                    // by place(); empty until the first cut
  std::size_t cuts_ = 0;
  std::set<std::tuple<Way, NodeId, NodeId>> shut_;
  std::vector<Instant> last_arrival_;  // by place(); empty until the first message on a FIFO link
  std::vector<Instant> last_ordered_;  // the same of Way::ordered
  FaultCounts counts_;
};

}  // namespace coord::sim
