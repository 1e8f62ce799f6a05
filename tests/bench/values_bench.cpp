// SPDX-License-Identifier: MIT
// How long single steps of a peer take with a map of 16 MiB: what a step takes, its pump takes, and
// heartbeats and grants wait for it. A peer alone, its disk at once; each kind of step apart: a change, one
// that makes a snapshot due, and the installation of such a snapshot at a peer that was behind.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "replica/replica.hpp"
#include "service/state_machine.hpp"
#include "wire/state_sections.hpp"

namespace {

using namespace coord;
using namespace coord::replica;

double ms_of(const auto& what) {
  const auto begin = std::chrono::steady_clock::now();
  what();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

class Alone {
 public:
  Alone() : replica_(config(), {}, service::StateMachine::at_level(2), {}, Random(7), now_) {
    while (replica_.client() == service::ClientId{}) {
      now_ = std::max(now_ + std::chrono::milliseconds(1), replica_.deadline().value_or(now_));
      event(Tick{});
    }
  }

  // How long its longest step took.
  double put(const std::string& key, const std::string& value) {
    longest_ = 0;
    snapshot_ = false;
    event(Submit{++ticket_, service::PutValue{key, value, {}, 0, "root"}});
    return longest_;
  }
  bool made_snapshot() const { return snapshot_; }
  const service::StateMachine& machine() const { return replica_.machine(); }

 private:
  static Config config() {
    Config config;
    config.raft.self = NodeId{1};
    config.raft.peers = {NodeId{1}};
    config.raft.incarnation[0] = 1;
    return config;
  }
  void event(const Event& event) {
    Actions actions;
    longest_ = std::max(longest_, ms_of([&] {
                          actions = replica_.step(now_, {}, event);
                          for (Action& more : replica_.settle(now_, {})) actions.push_back(std::move(more));
                        }));
    for (const Action& action : actions) {
      const auto* job = std::get_if<DiskJob>(&action);
      if (job == nullptr) continue;
      snapshot_ = snapshot_ || std::holds_alternative<raft::Snapshot>(job->work);
      this->event(JobDone{job->job, false});
    }
  }

  Instant now_{std::chrono::hours(1)};
  Replica replica_;
  std::uint64_t ticket_ = 0;
  double longest_ = 0;
  bool snapshot_ = false;
};

}  // namespace

int main() {
  Alone alone;
  const std::string value(64U << 10U, 'v');
  double change = 0, snapshot = 0;
  int snapshots = 0;
  for (int round = 0; round < 4; ++round) {
    for (int key = 0; key < 256; ++key) {
      const double took = alone.put("key-" + std::to_string(key), value);
      if (alone.made_snapshot()) ++snapshots;
      double& longest = alone.made_snapshot() ? snapshot : change;
      if (round > 0) longest = std::max(longest, took);
    }
  }
  const Bytes bytes = wire::encode_state(alone.machine().state());
  const double install = ms_of([&] {
    auto state = wire::decode_state(bytes, 2);
    auto machine = service::StateMachine::restore(std::move(*state));
    if (!machine.ok()) std::printf("not restored\n");
  });
  std::printf("%zu bytes of state, %d snapshots\n", bytes.size(), snapshots);
  std::printf("longest step: a change %.2f ms, with a snapshot %.2f ms, an installed snapshot %.2f ms\n",
              change, snapshot, install);
  return 0;
}
