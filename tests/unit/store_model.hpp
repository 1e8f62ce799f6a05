// SPDX-License-Identifier: MIT
// Random runs of the store on the simulator's disk, beside a model that is a list of states.
//
// Everything asked of the store adds states to the list, in order. What was acknowledged moves the lowest
// state that may come back after a power cut, or after kill -9. After every restart the store must give back
// exactly one of the states that may come back; then that one is the only one, for the peer has acted on it.
// It may refuse to start only if a synced bit was flipped.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/disk.hpp"
#include "store_fixture.hpp"

namespace coord::store {

class ModelRun {
 public:
  ModelRun(std::uint64_t seed, bool flips) : random_(seed), flips_(flips), disk_(Random(seed ^ 0x5707eU)) {}

  // What went wrong, or nothing.
  std::optional<std::string> run(int steps) {
    history_.push_back({});
    restart();
    for (int i = 0; i < steps && !over_ && !violation_; ++i) {
      try {
        step();
      } catch (const sim::SimCrash& crash) {
        count("crash in a call");
        crashed(crash.kind);
      }
    }
    return violation_;
  }

  const std::map<std::string, int>& counts() const { return counts_; }

 private:
  void step() {
    const std::uint64_t dice = random_.below(100);
    if (dice < 40) return persist_some();
    if (dice < 50) return persist_unsynced();
    if (dice < 58) return take_snapshot();
    if (dice < 62) return persist_all({install()});
    if (dice < 68) return reserve();
    if (dice < 76) return finish(store_->store.prepare(), false);
    if (dice < 80) return crashed(sim::CrashKind::process);
    if (dice < 90) return crashed(sim::CrashKind::power);
    if (dice < 96) return arm();
    if (flips_) flip();
  }

  // ---- what is asked of the store

  State& now() { return history_.back(); }
  std::uint64_t snapshot_index() const {
    return history_.back().snapshot ? history_.back().snapshot->index.value : 0;
  }
  std::uint64_t last_index() const { return snapshot_index() + history_.back().entries.size(); }

  std::size_t entry_size() {
    const std::uint64_t dice = random_.below(20);
    if (dice == 0) return random_.below(9000);
    return random_.below(dice < 6 ? 1500 : 60);
  }

  raft::Persist some_entries() {
    const std::uint64_t last = last_index();
    std::uint64_t first = last + 1;
    if (last > snapshot_index() && random_.chance(0.2))
      first = snapshot_index() + 1 + random_.below(last - snapshot_index());
    raft::Persist persist = append(++term_, first, 1 + random_.below(4), entry_size());
    if (random_.chance(0.2)) persist.hard_state = vote(term_, 1 + random_.below(3));
    return persist;
  }

  raft::Persist install() {
    raft::Persist persist;
    const std::uint64_t index = snapshot_index() + 1 + random_.below(40);
    if (random_.chance(0.5)) persist = append(++term_, index + 1, 1 + random_.below(3), entry_size());
    persist.snapshot = snapshot(++term_, index, random_.below(3000));
    if (random_.chance(0.5)) persist.hard_state = vote(term_, 0);
    return persist;
  }

  void expect(const raft::Persist& persist) {
    State next = now();
    if (persist.snapshot) {
      next.snapshot = persist.snapshot;
      next.entries.clear();
    }
    if (!persist.entries.empty()) {
      const std::uint64_t covered = next.snapshot ? next.snapshot->index.value : 0;
      next.entries.resize(persist.entries.front().index.value - covered - 1);
      next.entries.insert(next.entries.end(), persist.entries.begin(), persist.entries.end());
    }
    if (persist.hard_state) next.hard_state = *persist.hard_state;
    history_.push_back(std::move(next));
  }

  void persist_all(const std::vector<raft::Persist>& batch) {
    if (batch.size() == 1) expect(batch.front());
    finish(when_there_is_room([&] { return store_->store.persist(batch); }), true);
  }

  // A call that has found no room is made again, as the peer does: an armed ENOSPC strikes once.
  template <class Call>
  Status when_there_is_room(Call&& call) {
    for (int attempt = 0;; ++attempt) {
      Status status = call();
      if (status.ok() || store_->store.failure() || attempt == 5) return status;
      count("waited for room");
    }
  }

  void persist_some() {
    std::vector<raft::Persist> batch;
    for (std::uint64_t left = random_.chance(0.2) ? 1 + random_.below(5) : 1; left > 0; --left) {
      batch.push_back(random_.chance(0.15) ? voted(++term_, 1 + random_.below(3)) : some_entries());
      if (random_.chance(0.02)) batch.back() = install();
      expect(batch.back());
    }
    finish(when_there_is_room([&] { return store_->store.persist(batch); }), true);
  }

  void persist_unsynced() {
    raft::Persist persist = append(++term_, last_index() + 1, 1 + random_.below(2), entry_size());
    persist.sync = false;
    expect(persist);
    finish(when_there_is_room([&] { return store_->store.persist(persist); }), false);
  }

  void take_snapshot() {
    if (last_index() == snapshot_index()) return;
    const std::uint64_t index = snapshot_index() + 1 + random_.below(last_index() - snapshot_index());
    State next = now();
    const std::uint64_t covered = index - snapshot_index();
    next.snapshot = snapshot(next.entries[covered - 1].term.value, index, random_.below(3000));
    next.entries.erase(next.entries.begin(), next.entries.begin() + static_cast<std::ptrdiff_t>(covered));
    history_.push_back(next);
    Saved saved = Saved::yes;
    const Status status = when_there_is_room([&]() -> Status {
      const Result<Saved> result = store_->store.save_snapshot(*next.snapshot);
      if (result.ok()) saved = *result;
      return result.ok() ? done() : Status(result.error());
    });
    if (status.ok() && saved != Saved::yes) return history_.pop_back();  // no room: nothing is changed
    finish(status, true);
    count("snapshot");
  }

  void reserve() {
    State next = now();
    next.tokens = Token{next.tokens.value + 1 + random_.below(1000)};
    history_.push_back(next);
    finish(when_there_is_room([&] { return store_->store.reserve_tokens(next.tokens); }), true);
  }

  void finish(const Status& status, bool synced) {
    if (status.ok()) {
      after_kill_ = history_.size() - 1;
      if (synced) after_power_cut_ = after_kill_;
      return;
    }
    count("failed call");
    if (store_->store.persist(voted(++term_, 1)).ok()) violation_ = "it goes on after a failed call";
    only_synced_is_left_ = true;
    crashed(random_.chance(0.5) ? sim::CrashKind::process : sim::CrashKind::power);
  }

  // ---- what happens to it

  void arm() {
    const std::uint64_t dice = random_.below(4);
    const auto fault = dice == 0   ? sim::DiskFault::error
                       : dice == 1 ? sim::DiskFault::no_space
                       : dice == 2 ? sim::DiskFault::crash_process
                                   : sim::DiskFault::crash_power;
    disk_.arm(random_.below(30), fault);
  }

  void flip() {
    if (!disk_.flip_random_bit()) return;
    flipped_ = true;
    count("flip");
  }

  void crashed(sim::CrashKind kind) {
    store_.reset();
    die(kind);
    restart();
  }

  void die(sim::CrashKind kind) {
    disk_.disarm();
    disk_.crash(kind);
    only_synced_is_left_ = only_synced_is_left_ || kind == sim::CrashKind::power;
  }

  // Some starts are themselves cut short, by a crash or an error; the next one must not mind.
  void restart() {
    for (int attempt = 0; attempt < 3; ++attempt) {
      const bool hindered = attempt < 2 && random_.chance(0.3);
      if (hindered) arm();
      auto kind = sim::CrashKind::process;
      try {
        Result<Opened> opened = Store::open(disk_, identity(), small());
        if (opened.ok()) return accept(std::move(opened).value());
        if (!hindered) return refused(opened.error().text());
        if (opened.error().text().find("--rejoin") != std::string::npos)
          return refused(opened.error().text());
        count("failed start");
        only_synced_is_left_ = true;
      } catch (const sim::SimCrash& crash) {
        count("crash at start");
        kind = crash.kind;
      }
      die(kind);
    }
  }

  void refused(const std::string& why) {
    over_ = true;
    count("refused");
    if (!flipped_) violation_ = "it refuses to start without cause: " + why;
  }

  void accept(Opened opened) {
    if (!opened.notes.empty()) count("cut off");
    const State found = state_of(opened);
    store_.emplace(std::move(opened));
    const std::size_t lowest = std::exchange(only_synced_is_left_, false) ? after_power_cut_ : after_kill_;
    for (std::size_t i = lowest; i < history_.size(); ++i) {
      if (history_[i] != found) continue;
      history_ = {found};
      after_kill_ = after_power_cut_ = 0;
      return;
    }
    violation_ = "it comes back with something else than was acknowledged: entries up to " +
                 std::to_string((found.snapshot ? found.snapshot->index.value : 0) + found.entries.size()) +
                 ", acknowledged up to " +
                 std::to_string((history_[lowest].snapshot ? history_[lowest].snapshot->index.value : 0) +
                                history_[lowest].entries.size());
  }

  void count(const std::string& what) { ++counts_[what]; }

  Random random_;
  bool flips_;
  sim::VirtualDisk disk_;
  std::optional<Opened> store_;
  std::vector<State> history_;
  std::size_t after_kill_ = 0;       // in history_: the lowest that may come back after kill -9
  std::size_t after_power_cut_ = 0;  // the same after a power cut, or a failed call
  std::uint64_t term_ = 0;
  bool only_synced_is_left_ = false;  // a power cut, or a failed call after which pages may be gone
  bool flipped_ = false;
  bool over_ = false;
  std::optional<std::string> violation_;
  std::map<std::string, int> counts_;
};

}  // namespace coord::store
