// SPDX-License-Identifier: MIT
#include "raft_storm.hpp"

#include <chrono>

#include "raft_cluster.hpp"

namespace raft_test {

namespace {

using std::chrono::milliseconds;

// Some mistakes need one kind of weather: what is rare in the first is common in one of the others.
enum class Kind { mixed, leaders_fall, slow_disks, late_messages };

Kind kind_of(std::uint64_t seed) {
  return static_cast<Kind>(seed % 4);
}

Options options_for(std::uint64_t seed) {
  Random random(seed);
  const Kind kind = kind_of(seed);
  Options options;
  options.seed = seed;
  options.peers = random.chance(0.3) ? 5 : 3;
  options.founded = random.chance(0.8);
  options.latency = random.chance(0.5) ? Range{1, 15} : Range{1, 60};
  options.disk = random.chance(0.5) ? Range{0, 3} : Range{0, 80};
  options.drop = random.chance(0.5) ? 0 : 0.1;
  options.duplicate = random.chance(0.5) ? 0 : 0.1;
  if (kind == Kind::slow_disks) options.disk = {20, 150};
  if (kind == Kind::late_messages) {
    options.latency = {1, 140};
    options.duplicate = 0.4;
  }
  Random levels(seed ^ 0x6c6576656cU);
  options.datagrams = levels.chance(0.5);
  options.level_one = !options.datagrams && levels.chance(0.5);
  // whether what is unanswered has arrived, before it is sent again
  const bool asks_first = levels.chance(0.5);
  const bool small = random.chance(0.5);
  const bool long_memory = !small && kind != Kind::late_messages;
  options.tune = [asks_first, small, long_memory](Config& config) {
    config.resend_bytes = asks_first ? 0 : config.resend_bytes;
    config.snapshot_piece = small ? 16 : 100000;
    config.entries_behind = long_memory ? 10 : 0;
    config.in_flight = small ? 2 : 64;
    config.append_bytes = small ? 1 : 100000;  // 1: one entry a message
  };
  return options;
}

Options churning(std::uint64_t seed) {
  Options options = options_for(seed);
  Random random(seed ^ 0x636875726eU);
  options.later = 2;
  options.peers = 2 + random.below(3) + options.later;
  options.founded = true;
  options.level_one = false;
  return options;
}

class Run {
 public:
  Run(std::uint64_t seed, bool churns)
      : kind_(kind_of(seed)),
        churns_(churns),
        random_(~seed),
        ways_(seed ^ 0x77617973U),
        cluster_(churns ? churning(seed) : options_for(seed)) {}

  Storm all() {
    for (int i = 0; i < 120 && cluster_.violation.empty(); ++i) {
      something_happens();
      cluster_.run(static_cast<int>(random_.below(60)));
    }
    calm();
    Storm storm;
    storm.violation = cluster_.violation;
    if (!storm.violation.empty()) storm.trace = cluster_.trace();
    storm.steps = cluster_.steps();
    storm.commands = cluster_.committed_commands().size();
    storm.changes = cluster_.committed_changes();
    return storm;
  }

 private:
  char any() { return cluster_.names()[random_.below(cluster_.names().size())]; }
  std::size_t missing() {
    std::size_t n = 0;
    for (const char name : cluster_.names()) n += gone(name) ? 1 : 0;
    return n;
  }
  bool gone(char name) {
    const HardState& durable = cluster_.peer(name).disk.hard_state;
    return !cluster_.is_up(name) || durable.founders.empty() || durable.recovering_until.value != 0;
  }

  // Disks that are full, and ways on which only streams, or only datagrams, get through.
  void disks_and_ways(char name) {
    switch (ways_.below(5)) {
      case 0:
        if (cluster_.is_up(name)) cluster_.fill_disk(name);
        return;
      case 1:
        return cluster_.cut_stream(name, any_other(name));
      case 2:
        return cluster_.cut_datagrams(name, any_other(name));
      default:
        for (const char other : cluster_.names()) {
          if (cluster_.is_up(other)) cluster_.make_room(other);
        }
    }
  }
  char any_other(char name) {
    const auto names = cluster_.names();
    const char other = names[ways_.below(names.size())];
    return other != name ? other : name == 'a' ? 'b' : 'a';
  }

  void something_happens() {
    const char name = any();
    if (churns_ && ways_.chance(0.4)) return voters_change();
    if (ways_.chance(0.15)) return disks_and_ways(name);
    if (kind_ == Kind::leaders_fall && random_.chance(0.6)) return leader_falls();
    if (kind_ == Kind::late_messages && random_.chance(0.3)) {
      users();
      if (cluster_.is_up(name)) cluster_.take_snapshot(name);
      return;
    }
    switch (random_.below(18)) {
      case 0:
        return cluster_.isolate(name);
      case 1:
        return cluster_.cut(name, any() == name ? 'a' : any());
      case 2:
      case 3:
        return cluster_.heal();
      case 4:
        return bring_back(name);
      case 5:
        if (cluster_.is_up(name)) cluster_.crash_after_writing(name, random_.below(4));
        return;
      case 6:
        for (const char other : cluster_.names()) bring_back(other);
        return;
      case 7:
        return cluster_.stall(name);
      case 8:
        for (const char other : cluster_.names()) cluster_.resume(other);
        return;
      case 9:
        if (cluster_.is_up(name)) cluster_.take_snapshot(name);
        return;
      case 10:
        if (cluster_.has_leader()) cluster_.transfer(cluster_.leader(), 0);
        return;
      case 11:
        return lose_disk(name);
      case 12:
        if (cluster_.is_up(name) && random_.chance(0.2)) cluster_.peer(name).fail_next_write = true;
        return;
      default:
        return users();
    }
  }

  // Whoever believes to lead is told to; learners are promoted more often than voters go.
  void voters_change() {
    for (const char name : cluster_.names()) {
      if (!cluster_.is_up(name) || cluster_.raft(name).role() != Role::leader) continue;
      const Voters voters = cluster_.raft(name).voters();
      const char whom = any();
      const bool goes = voters.voters.size() > 4 || ways_.chance(0.4);
      if (voters.learns(id_of(whom)) && !goes) {
        cluster_.change(name, Step::promote, whom);
      } else if (!voters.has(id_of(whom))) {
        cluster_.change(name, Step::learn, whom);
      } else if (goes) {
        cluster_.change(name, ways_.chance(0.5) ? Step::demote : Step::remove, whom);
      }
      if (whom == name && ways_.chance(0.3)) cluster_.transfer(name, 0);
    }
  }

  // As in the paper's figure 8: the leader goes while its entries are on some peers
  // only, and comes back later.
  void leader_falls() {
    users();
    cluster_.run(static_cast<int>(random_.below(30)));
    const char leader = cluster_.leader();
    if (leader == 0) return cluster_.heal();
    if (random_.chance(0.5)) {
      cluster_.crash_after_writing(leader, random_.below(3));
      cluster_.start(leader);
    } else {
      cluster_.heal();
      cluster_.isolate(leader);
    }
  }

  // Every peer that believes to lead is used.
  void users() {
    for (const char name : cluster_.names()) {
      if (!cluster_.is_up(name) || cluster_.raft(name).role() != Role::leader) continue;
      for (std::uint64_t i = random_.below(4); i > 0; --i) {
        cluster_.propose(name, "x" + std::to_string(++commands_));
      }
      cluster_.read(name);
    }
  }

  // Never more than a minority: what a majority has forgotten nobody can bring back.
  void lose_disk(char name) {
    if (churns_ || missing() > 0 || random_.chance(0.5)) return;
    cluster_.wipe(name);
    cluster_.peer(name).rejoin = random_.chance(0.8);
    cluster_.start(name);
  }

  void bring_back(char name) {
    if (!cluster_.is_up(name) || !cluster_.peer(name).halted.empty()) {
      if (cluster_.is_up(name)) cluster_.crash(name);
      cluster_.peer(name).halted.clear();
      cluster_.peer(name).fail_next_write = false;
      cluster_.start(name);
    }
  }

  // Everything works again: then a leader is there, commands go through, and all peers end with the same log.
  void calm() {
    cluster_.heal();
    cluster_.drop() = 0;
    cluster_.duplicate() = 0;
    cluster_.latency() = {1, 15};
    for (const char name : cluster_.names()) {
      Peer& peer = cluster_.peer(name);
      cluster_.resume(name);
      if (peer.raft) cluster_.make_room(name);
      peer.fail_next_write = false;
      if (peer.disk.hard_state.founders.empty() && !churns_) {  // the operator has read what it says
        peer.rejoin = true;
        if (peer.raft) cluster_.crash(name);
      }
      bring_back(name);
    }
    if (!cluster_.violation.empty()) return;
    const std::string last = "the last";
    for (int attempt = 0; attempt < 100 && cluster_.violation.empty(); ++attempt) {
      if (cluster_.has_leader()) {
        let_all_learn();
        cluster_.propose(cluster_.leader(), last);
      }
      if (cluster_.run_until([&] { return cluster_.applied_everywhere(last); }, 200)) return disturb();
    }
    blame("liveness: not every peer has applied the last command");
  }

  void let_all_learn() {
    const char leader = cluster_.leader();
    for (const char name : cluster_.names()) {
      if (!cluster_.raft(leader).voters().has(id_of(name))) return cluster_.change(leader, Step::learn, name);
    }
  }

  // In good weather: a peer that does not hear the leader, and one that comes back, disturb nobody. A leader
  // that is cut off does not go on leading.
  void disturb() {
    cluster_.run(1000);  // what was under way comes to its end, a transfer of the leadership for one
    if (!cluster_.run_until([&] { return cluster_.has_leader(); })) return blame("liveness: no leader");
    const char leader = cluster_.leader();
    // A majority must be left where one does not hear.
    if (cluster_.raft(leader).voters().voters.size() < 3) return read_only();
    const Term term = cluster_.raft(leader).term();
    const char other = leader == 'a' ? 'b' : 'a';
    cluster_.cut(leader, other);
    cluster_.run(600);
    cluster_.cut(other, leader);
    cluster_.run(600);
    cluster_.heal();
    cluster_.run(600);
    if (cluster_.leader() != leader || cluster_.raft(leader).term() != term) {
      return blame("a peer that did not hear the leader has deposed it");
    }
    cluster_.isolate(leader);
    cluster_.run(1500);
    if (cluster_.raft(leader).role() == Role::leader) blame("a leader that hears nobody goes on leading");
    cluster_.heal();
    read_only();
  }

  // A new leader without any new command must be able to answer a read (section 8: that
  // is what the no-op is for).
  void read_only() {
    for (int attempt = 0; attempt < 20 && cluster_.violation.empty(); ++attempt) {
      cluster_.run(200);
      if (!cluster_.has_leader()) continue;
      const char name = cluster_.leader();
      const std::uint64_t id = cluster_.read(name);
      const auto ready = [&] {
        const auto& done = cluster_.peer(name).reads_ready;
        return !done.empty() && done.back() == id;
      };
      if (cluster_.run_until(ready, 300)) return;
    }
    blame("liveness: no read was answered");
  }

  void blame(const std::string& what) {
    if (cluster_.violation.empty()) cluster_.violation = what;
  }

  Kind kind_;
  bool churns_;
  Random random_;
  Random ways_;  // a stream of its own: the rest of a storm is as it was without them
  Cluster cluster_;
  std::uint64_t commands_ = 0;
};

}  // namespace

Storm weather(std::uint64_t seed) {
  return Run(seed, false).all();
}

Storm churn(std::uint64_t seed) {
  return Run(seed, true).all();
}

}  // namespace raft_test
