// SPDX-License-Identifier: MIT
// Members of a group in virtual time: the part alone, a network between, and a disk that takes its time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host_without_vote.hpp"
#include "members/part.hpp"
#include "node/node.hpp"
#include "replica/replicated_service.hpp"
#include "wire/codec.hpp"

namespace coord::members::test {

using namespace std::chrono_literals;
using membership::State;

inline Instant at(Duration time) {
  return Instant{} + time;
}

// What is on its way.
struct Flying {
  Instant arrives;
  NodeId from, to;
  node::Way way;
  Bytes bytes;
};

class Group {
 public:
  explicit Group(std::size_t size, Level of = 2) : level(of), size_(size) {
    for (std::uint64_t i = 1; i <= size; ++i) start(NodeId{i});
  }

  // So many have founded it, and none of them is left: these came later, and are registered.
  Group(std::size_t founders, const std::vector<NodeId>& registered) : level(2), size_(founders) {
    for (const NodeId id : registered)
      services_.emplace(id, coord::test::host_without_vote(id, {NodeId{1}}, registered));
    for (const NodeId id : registered) start(id);
  }

  void start(NodeId id) {
    node::Setting setting{id, {}, ++lives_, now, {}};
    for (std::uint64_t i = size_; i >= 1; --i) setting.founders.push_back(NodeId{i});
    parts_[id] = std::make_unique<MembersPart>(setting, stored_[id]);
    perform(id, parts_[id]->settle({now, {}, level, service_of(id)}));
  }
  void kill(NodeId id) {
    parts_.erase(id);
    working_.erase(id);
    stopped.erase(id);
  }
  void lose_disk(NodeId id) { stored_[id].reset(); }
  void forget_work(NodeId id) { working_.erase(id); }
  bool is_writing(NodeId id) const { return working_.contains(id); }
  void leave(NodeId id) { step(id, node::Leave{}); }

  const MembersPart& part(NodeId id) const { return *parts_.at(id); }
  State state(NodeId here, NodeId of) const { return part(here).view(now, of)->member.state; }
  bool is_held(NodeId here, NodeId of, State wanted) const {
    const auto view = part(here).view(now, of);
    return view && view->member.state == wanted;
  }
  bool all_hold(NodeId of, State state_wanted) const {
    for (const auto& [id, part] : parts_)
      if (id != of && !stopped.contains(id) && state(id, of) != state_wanted) return false;
    return true;
  }
  // Until everyone that runs holds it so; how long that took, at most `within`.
  Duration until_all_hold(NodeId of, State wanted, Duration within = 20s) {
    const Instant begun = now;
    while (!all_hold(of, wanted) && now - begun < within) run(10ms);
    return now - begun;
  }

  void run(Duration length) {
    const Instant end = now + length;
    for (;;) {
      const Instant next = next_event();
      if (next > end) break;
      now = std::max(now, next);
      work();
      deliver();
      tick();
    }
    now = end;
  }

  Instant now = at(1000s);
  Level level;
  std::set<NodeId> stopped;          // as by SIGSTOP: what comes meanwhile waits
  bool loses_datagrams = false;      // all of them
  std::set<NodeId> stalled;          // their disks take nothing
  std::map<NodeId, Duration> skew;   // of their clocks
  std::vector<std::string> reports;  // of all
  std::vector<Flying> sent;          // all that ever was
  std::uint64_t unread = 0;

  node::PartActions step(NodeId id, const node::Event& event) {
    const WallTime wall{1'700'000'000'000'000'000 + (now - at(0s) + skew[id]).count()};
    auto actions = parts_.at(id)->step({now, wall, level, service_of(id)}, event);
    perform(id, actions);
    return actions;
  }

 private:
  static constexpr Duration way_takes = 1ms, write_takes = 20ms;

  const replica::ReplicatedService* service_of(NodeId id) const {
    const auto found = services_.find(id);
    return found == services_.end() ? nullptr : &found->second;
  }
  Instant next_event() const {
    Instant next = Instant::max();
    for (const Flying& flying : flying_)
      if (!stopped.contains(flying.to)) next = std::min(next, flying.arrives);
    for (const auto& [id, work] : working_)
      if (!stalled.contains(id) && !stopped.contains(id)) next = std::min(next, work.first);
    for (const auto& [id, part] : parts_)
      if (const auto due = part->deadline(); due && !stopped.contains(id)) next = std::min(next, *due);
    return next;
  }
  void work() {
    for (const auto& [id, work] : std::map(working_)) {
      if (stalled.contains(id) || stopped.contains(id) || work.first > now) continue;
      working_.erase(id);
      stored_[id] = dynamic_cast<const Reserve&>(*work.second).last;
      step(id, node::Worked{work.second});
    }
  }
  void deliver() {
    std::vector<Flying> due;
    std::erase_if(flying_, [&](const Flying& flying) {
      const bool comes = flying.arrives <= now && !stopped.contains(flying.to);
      if (comes) due.push_back(flying);
      return comes;
    });
    for (const Flying& flying : due)
      if (parts_.contains(flying.to))
        step(flying.to, node::FromPeer{flying.from, flying.bytes, 2, flying.way});
  }
  void tick() {
    std::vector<NodeId> due;
    for (const auto& [id, part] : parts_)
      if (part->deadline() && *part->deadline() <= now && !stopped.contains(id)) due.push_back(id);
    for (const NodeId id : due) step(id, node::Tick{});
  }
  void perform(NodeId id, const node::PartActions& actions) {
    for (const node::PartAction& action : actions) {
      if (const auto* send = std::get_if<node::Send>(&action)) {
        if (loses_datagrams && send->way == node::Way::datagram) continue;
        flying_.push_back({now + way_takes, id, send->to, send->way, send->bytes});
        sent.push_back(flying_.back());
      } else if (const auto* work = std::get_if<node::Do>(&action)) {
        working_[id] = {now + write_takes, work->work};
      } else if (const auto* report = std::get_if<node::Report>(&action)) {
        reports.push_back(report->text);
      } else {
        ++unread;
      }
    }
  }

  std::size_t size_;
  std::uint64_t lives_ = 0;
  std::map<NodeId, replica::ReplicatedService> services_;
  std::map<NodeId, std::unique_ptr<MembersPart>> parts_;
  std::map<NodeId, std::optional<Incarnation>> stored_;
  std::map<NodeId, std::pair<Instant, std::shared_ptr<node::Work>>> working_;
  std::deque<Flying> flying_;
};

inline Bytes bytes_of(membership::SwimMessage message) {
  return wire::encode(Said{std::move(message), {}, {}, {}}, 2);
}
inline membership::SwimMessage message_of(const Flying& flying) {
  return wire::decode<Said>(flying.bytes, {.version = 2})->message;
}

}  // namespace coord::members::test
