// SPDX-License-Identifier: MIT
#include "sim/inject.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <utility>

namespace coord::sim {

namespace {

class Injector : public std::enable_shared_from_this<Injector> {
 public:
  explicit Injector(WorldCore& world) : world_(world) {}

  void schedule(const std::vector<Fault>& plan, Instant quiet_from) {
    for (const Fault& fault : plan) {
      if (fault.at < quiet_from) at(fault.at, [this, fault] { begin(fault); });
    }
    at(quiet_from, [this] { calm(); });
  }

 private:
  void at(Instant time, std::function<void()> action) {
    world_.at(time, [self = shared_from_this(), action = std::move(action)] { action(); });
  }

  void begin(const Fault& fault) {
    if (quiet_) return;
    if (world_.traced()) world_.note(NodeId{}, text(fault));
    switch (fault.kind) {
      case FaultKind::partition:
      case FaultKind::one_way_cut:
      case FaultKind::bridge:
      case FaultKind::stream_shut:
      case FaultKind::datagram_shut:
      case FaultKind::loss_burst:
      case FaultKind::delay_burst:
        world_.count(fault.kind);
        links_.emplace(++last_, fault);
        shape_network();
        return at(world_.now() + fault.length, [this, number = last_] {
          if (links_.erase(number) > 0) shape_network();
        });
      default:
        for (const NodeId node : fault.nodes) strike(node, fault);
    }
  }

  void strike(NodeId node, const Fault& fault) {
    const Instant end = world_.now() + fault.length;
    const Strikes where = fault.at_directory ? Strikes::directory : Strikes::any_call;
    const auto restart_later = [&] { at(end, [this, node] { world_.start(node); }); };
    switch (fault.kind) {
      case FaultKind::process_crash:
        world_.crash(node, CrashKind::process);
        return restart_later();
      case FaultKind::power_cut:
        world_.crash(node, CrashKind::power);
        return restart_later();
      case FaultKind::crash_in_call:
        world_.disk(node).arm(fault.amount, fault.power ? DiskFault::crash_power : DiskFault::crash_process,
                              where);
        return;
      case FaultKind::disk_error:
        world_.disk(node).arm(fault.amount, DiskFault::error, where);
        return restart_later();
      case FaultKind::disk_stall:
        world_.disk(node).stall(fault.length);
        return;
      case FaultKind::disk_full:
        return fill(node, fault);
      case FaultKind::bit_flip:  // is noticed when the disk is read
        world_.crash(node, CrashKind::process);
        world_.disk(node).flip_random_bit();
        return restart_later();
      case FaultKind::disk_replaced:
        world_.crash(node, CrashKind::process);
        world_.disk(node).replace();
        return restart_later();
      case FaultKind::pause:
        world_.pause(node);
        return at(end, [this, node] { world_.resume(node); });
      case FaultKind::clock_rate:
        world_.set_clock_rate(node, static_cast<std::int64_t>(fault.amount));
        return at(end, [this, node] { world_.set_clock_rate(node, LocalClock::true_rate_ppm); });
      default:
        return;
    }
  }

  void fill(NodeId node, const Fault& fault) {
    const std::uint64_t was = world_.disk(node).capacity();
    capacity_.emplace(node, was);
    // A copy-on-write file system may refuse even to write in place.
    if (fault.amount % 2 == 1) world_.disk(node).arm(fault.amount % 40, DiskFault::no_space);
    world_.disk(node).set_capacity(std::min(was, world_.disk(node).used_bytes() + fault.amount));
    at(world_.now() + fault.length, [this, node] { empty(node); });
  }

  void empty(NodeId node) {
    if (const auto found = capacity_.find(node); found != capacity_.end()) {
      world_.disk(node).set_capacity(found->second);
      capacity_.erase(found);
      world_.start(node);  // if it had stopped for want of space
    }
  }

  // All faults of links that hold right now, together.
  void shape_network() {
    Network& network = world_.network();
    Weather weather;
    network.heal();
    for (const auto& [number, fault] : links_) {
      const double share = static_cast<double>(fault.amount) / 100;
      switch (fault.kind) {
        case FaultKind::partition:
          network.split(fault.nodes);
          break;
        case FaultKind::one_way_cut:
          network.cut(fault.nodes[0], fault.nodes[1]);
          break;
        case FaultKind::bridge:
          network.bridge(fault.nodes[0], fault.nodes[1]);
          break;
        case FaultKind::stream_shut:
          network.shut(Way::stream, fault.nodes[0], fault.nodes[1]);
          break;
        case FaultKind::datagram_shut:
          network.shut(Way::datagram, fault.nodes[0], fault.nodes[1]);
          break;
        case FaultKind::loss_burst:
          weather.drop = std::max(weather.drop, share);
          weather.duplicate = std::max(weather.duplicate, share / 2);
          weather.reorder = std::max(weather.reorder, share / 2);
          break;
        default:
          weather.delay = std::max<Duration>(weather.delay, std::chrono::milliseconds(fault.amount));
          break;
      }
    }
    network.set_weather(weather);
  }

  void calm() {
    quiet_ = true;
    world_.note(NodeId{}, "quiet");
    links_.clear();
    shape_network();
    for (std::size_t i = 1; i <= world_.nodes(); ++i) {
      const NodeId node{i};
      world_.disk(node).disarm();
      empty(node);
      if (world_.clock(node).rate_ppm() != LocalClock::true_rate_ppm) {
        world_.set_clock_rate(node, LocalClock::true_rate_ppm);
      }
      world_.resume(node);
      world_.start(node);
    }
    look_after(20);
  }

  // A fault may only now be noticed (work on a stalled disk ends late): what stops in
  // the quiet is started again.
  void look_after(int rounds) {
    for (std::size_t i = 1; i <= world_.nodes(); ++i) {
      if (world_.state(NodeId{i}) != NodeState::refused) world_.start(NodeId{i});
    }
    if (rounds > 0)
      at(world_.now() + std::chrono::milliseconds(500), [this, rounds] { look_after(rounds - 1); });
  }

  WorldCore& world_;
  std::map<std::uint64_t, Fault> links_;  // by the order in which they began
  std::uint64_t last_ = 0;
  std::map<NodeId, std::uint64_t> capacity_;  // of the disks that are full now, what they had
  bool quiet_ = false;
};

}  // namespace

void inject(WorldCore& world, const std::vector<Fault>& plan, Instant quiet_from) {
  std::make_shared<Injector>(world)->schedule(plan, quiet_from);
}

}  // namespace coord::sim
