// SPDX-License-Identifier: MIT
// Every point at which a crash or a failed call can come, and every way in which a power
// cut can leave a small write.
#include <catch2/catch.hpp>
#include <functional>

#include "store_damage.hpp"
#include "store_fixture.hpp"

using namespace coord;
using namespace coord::store;
using sim::VirtualDisk;

namespace {

using Steps = std::vector<std::function<Status(Store&)>>;

// A life with all that a store does: votes, batches, a new segment, both kinds of snapshot, tokens.
Steps whole_life() {
  Steps steps;
  steps.push_back([](Store& store) { return store.persist(voted(1, 1)); });
  steps.push_back([](Store& store) { return store.persist(append(1, 1, 3, 300)); });
  steps.push_back([](Store& store) { return store.reserve_tokens(Token{100}); });
  steps.push_back([](Store& store) { return store.persist(append(2, 3, 2, 1500)); });
  steps.push_back([](Store& store) { return store.prepare(); });
  steps.push_back([](Store& store) { return store.persist(append(2, 5, 2, 1500)); });  // the second segment
  steps.push_back([](Store& store) {
    const Result<Saved> saved = store.save_snapshot(snapshot(2, 4));
    return saved.ok() && *saved == Saved::yes ? done() : Status(saved.ok() ? Error{} : saved.error());
  });
  steps.push_back([](Store& store) {
    raft::Persist install = append(3, 21, 1);
    install.snapshot = snapshot(3, 20);
    install.hard_state = vote(3, 2);
    return store.persist(install);
  });
  steps.push_back([](Store& store) { return store.persist(append(3, 22, 1)); });
  return steps;
}

struct Life {
  std::size_t done = 0;      // steps acknowledged
  bool failed = false;       // a call failed: the store refused from then on
  bool crashed = false;      // in the middle of a call
  bool never_began = false;  // not even opened
};

// Runs the steps until the armed fault stops them.
Life live(VirtualDisk& disk, const Steps& steps) {
  Life life;
  try {
    Result<Opened> opened = Store::open(disk, identity(), small());
    if (!opened.ok()) {
      life.failed = life.never_began = true;
      return life;
    }
    for (const auto& step : steps) {
      if (!step(opened->store).ok()) {
        life.failed = opened->store.failure().has_value();
        if (life.failed) CHECK_FALSE(opened->store.persist(voted(9, 9)).ok());
        return life;
      }
      ++life.done;
    }
  } catch (const sim::SimCrash&) {
    life.crashed = true;
  }
  return life;
}

// states[n]: after n steps.
std::vector<State> states_of(const Steps& steps) {
  std::vector<State> states;
  for (std::size_t count = 0; count <= steps.size(); ++count) {
    VirtualDisk disk(Random(1));
    live(disk, Steps(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(count)));
    states.push_back(state_of(open_ok(disk)));
  }
  return states;
}

void is_before_or_after(const Opened& opened, const Life& life, const std::vector<State>& states) {
  const State found = state_of(opened);
  const bool before = found == states[life.done];
  const bool after = life.done + 1 < states.size() && found == states[life.done + 1];
  CHECK((before || after));
}

// The store that came back works, and what it takes from now on stays.
void goes_on(VirtualDisk& disk, Opened opened) {
  const std::uint64_t next = opened.store.last_index().value + 1;
  REQUIRE(opened.store.persist(append(9, next, 1)).ok());
  { const Opened gone = std::move(opened); }
  disk.power_cut([](std::size_t) { return std::size_t{0}; });
  CHECK(open_ok(disk).store.last_index().value == next);
}

}  // namespace

TEST_CASE(
    "faults 3, 4, 5, 17 and 19: stopped at each call there is, the store comes back with the state before or "
    "after") {
  const Steps steps = whole_life();
  const std::vector<State> states = states_of(steps);
  VirtualDisk whole(Random(1));
  REQUIRE(live(whole, steps).done == steps.size());
  const auto fault = GENERATE(sim::DiskFault::error, sim::DiskFault::no_space, sim::DiskFault::crash_process,
                              sim::DiskFault::crash_power);
  const auto after = GENERATE(sim::CrashKind::process, sim::CrashKind::power);
  for (std::uint64_t call = 0; call < whole.calls(); ++call) {
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      INFO("call " << call << ", seed " << seed);
      VirtualDisk disk{Random(seed)};
      disk.arm(call, fault);
      const Life life = live(disk, steps);
      disk.disarm();
      disk.crash(after);
      Opened opened = open_ok(disk);
      if (life.never_began) CHECK(state_of(opened) == State{});
      is_before_or_after(opened, life, states);
      goes_on(disk, std::move(opened));
    }
  }
}

TEST_CASE("a start that is itself stopped, at each call, changes nothing for the next") {
  const Steps steps = whole_life();
  VirtualDisk disk(Random(1));
  const Life life = live(disk, steps);
  REQUIRE(life.done == steps.size());
  disk.crash(sim::CrashKind::process);
  const State all = state_of(open_ok(*disk.clone()));
  const auto fault =
      GENERATE(sim::DiskFault::error, sim::DiskFault::crash_process, sim::DiskFault::crash_power);
  for (std::uint64_t call = 0; call < 30; ++call) {
    const auto copy = disk.clone();
    copy->arm(call, fault);
    try {
      const Result<Opened> opened = Store::open(*copy, identity(), small());
      if (!opened.ok()) CHECK(opened.error().remedy.find("--rejoin") == std::string::npos);
    } catch (const sim::SimCrash&) {
    }
    copy->disarm();
    copy->crash(fault == sim::DiskFault::crash_power ? sim::CrashKind::power : sim::CrashKind::process);
    CHECK(state_of(open_ok(*copy)) == all);
  }
}

// Counts through all sequences of choices, like an odometer; a torn sector is cut at
// a few telling places only.
class Enumeration {
 public:
  VirtualDisk::Choose chooser() {
    position_ = 0;
    return [this](std::size_t options) { return choose(options); };
  }
  bool next() {
    while (!digits_.empty() && digits_.back().value + 1 == digits_.back().options) digits_.pop_back();
    if (digits_.empty()) return false;
    ++digits_.back().value;
    return true;
  }

 private:
  struct Digit {
    std::size_t value = 0;
    std::size_t options = 0;
  };

  std::size_t choose(std::size_t options) {
    static constexpr std::size_t cuts[] = {0,  3,   6,   7,  30,
                                           31, 254, 255, 510};  // bytes of the prefix, less one
    const bool is_cut = options == sim::sector_size - 1;
    if (position_ == digits_.size()) digits_.push_back({0, is_cut ? std::size(cuts) : options});
    const std::size_t value = digits_[position_++].value;
    return is_cut ? cuts[value] : value;
  }

  std::vector<Digit> digits_;
  std::size_t position_ = 0;
};

TEST_CASE("fault 4: every subset of the sectors of a write, torn anywhere, is the state before or after") {
  VirtualDisk disk(Random(1));
  raft::Persist second = append(1, 2, 2, 500);  // over three sectors
  second.sync = false;
  {
    Opened opened = open_ok(disk);
    REQUIRE(opened.store.persist(append(1, 1, 1, 100)).ok());
    REQUIRE(opened.store.persist(second).ok());
  }
  REQUIRE(disk.unsynced_sectors() == 3);
  Enumeration enumeration;
  std::size_t cases = 0;
  std::size_t kept = 0;
  do {
    const auto copy = disk.clone();
    copy->power_cut(enumeration.chooser());
    Opened opened = open_ok(*copy);
    const std::vector<std::uint64_t> found = indices(opened.recovered.entries);
    REQUIRE((found == std::vector<std::uint64_t>{1} || found == std::vector<std::uint64_t>{1, 2, 3}));
    kept += found.size() == 3 ? 1 : 0;
    goes_on(*copy, std::move(opened));
    ++cases;
  } while (enumeration.next());
  CHECK(cases > 1000);
  CHECK(kept > 0);
}

TEST_CASE(
    "every order in which two unsynced records may persist, the later one alone is cut off, and stays so") {
  VirtualDisk disk(Random(2));
  raft::Persist second = append(1, 2, 1, 330);
  raft::Persist third = append(1, 3, 1, 400);
  second.sync = third.sync = false;
  {
    Opened opened = open_ok(disk);
    REQUIRE(opened.store.persist(append(1, 1, 1, 300)).ok());
    REQUIRE(opened.store.persist(second).ok());
    REQUIRE(opened.store.persist(third).ok());
  }
  Enumeration enumeration;
  std::size_t cut = 0;
  do {
    const auto copy = disk.clone();
    copy->power_cut(enumeration.chooser());
    Opened opened = open_ok(*copy);
    REQUIRE(opened.recovered.entries.size() >= 1);
    for (const raft::Entry& each : opened.recovered.entries) REQUIRE(each.data.size() >= 300);
    cut += opened.notes.size();
    goes_on(*copy, std::move(opened));
  } while (enumeration.next());
  CHECK(cut > 100);
}

TEST_CASE("fault 17: what a failed sync left in memory only is not believed by the next start") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    CHECK_FALSE(failed_sync_is_not_believed(seed).has_value());
  }
}

TEST_CASE("cutting off an unfinished record may be stopped anywhere, and is resumed") {
  const auto fault = GENERATE(sim::DiskFault::error, sim::DiskFault::no_space, sim::DiskFault::crash_power);
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    INFO("seed " << seed);
    REQUIRE_FALSE(interrupted_wipe_is_resumed(seed, fault).has_value());
  }
}

TEST_CASE("fault 17: a sync that failed once is not tried again, and nothing more is acknowledged") {
  VirtualDisk disk(Random(3));
  Opened opened = open_ok(disk);
  REQUIRE(opened.store.persist(append(1, 1, 1)).ok());
  disk.arm(1, sim::DiskFault::error);
  const Status failed = opened.store.persist(append(1, 2, 1));
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().text().find("check the disk") != std::string::npos);
  const std::uint64_t calls = disk.calls();
  CHECK_FALSE(opened.store.persist(append(1, 2, 1)).ok());
  CHECK_FALSE(opened.store.save_snapshot(snapshot(1, 1)).ok());
  CHECK_FALSE(opened.store.reserve_tokens(Token{5}).ok());
  CHECK_FALSE(opened.store.prepare().ok());
  CHECK(disk.calls() == calls);
}
