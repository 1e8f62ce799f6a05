// SPDX-License-Identifier: MIT
// When a snapshot is due: a large state is not written anew for each small change.
#include <catch2/catch.hpp>

#include "replica/replica.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

// A peer alone, whose disk does all at once.
class Alone {
 public:
  Alone() : replica_(config(), {}, service::StateMachine::at_level(2), {}, Random(7), now_) {
    while (replica_.client() == service::ClientId{}) {
      now_ = std::max(now_ + 1ms, replica_.deadline().value_or(now_));
      event(Tick{});
    }
  }
  void put(const std::string& key, std::size_t bytes) {
    event(Submit{++ticket_, service::PutValue{key, std::string(bytes, 'v'), {}, 0, "root"}});
    written_ += bytes;
  }
  std::vector<std::size_t> snapshots;     // their sizes
  std::vector<std::size_t> written_then;  // values since the one before

 private:
  static Config config() {
    Config config;
    config.raft.self = NodeId{1};
    config.raft.peers = {NodeId{1}};
    config.raft.incarnation[0] = 1;
    config.snapshot_every_entries = 4;
    return config;
  }
  void event(const Event& event) {
    Actions actions = replica_.step(now_, {}, event);
    for (Action& more : replica_.settle(now_, {})) actions.push_back(std::move(more));
    for (const Action& action : actions) {
      const auto* job = std::get_if<DiskJob>(&action);
      if (job == nullptr) continue;
      if (const auto* snapshot = std::get_if<raft::Snapshot>(&job->work)) {
        snapshots.push_back(snapshot->data.size());
        written_then.push_back(std::exchange(written_, 0));
      }
      this->event(JobDone{job->job, false});
    }
  }

  Instant now_{1h};
  Replica replica_;
  std::uint64_t ticket_ = 0;
  std::size_t written_ = 0;
};

}  // namespace

TEST_CASE("a snapshot is due after log of at least half the last one's size, and of so many entries") {
  Alone alone;
  for (int i = 0; i < 32; ++i) alone.put("large-" + std::to_string(i), 60'000);
  const std::size_t before = alone.snapshots.size();
  REQUIRE(before > 1);
  const std::size_t last = alone.snapshots.back();
  CHECK(last > 1'000'000);
  // Small changes, far more of them than make one due by their number.
  for (int i = 0; i < 100; ++i) alone.put("small", 100);
  CHECK(alone.snapshots.size() == before);
  for (int i = 0; i < 32; ++i) alone.put("large-" + std::to_string(i), 60'000);
  REQUIRE(alone.snapshots.size() > before);
  for (std::size_t i = 1; i < alone.snapshots.size(); ++i)
    CHECK(alone.written_then[i] + 10'000 >= alone.snapshots[i - 1] / 2);
}
