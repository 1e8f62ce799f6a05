// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>

#include "sim/disk.hpp"

using namespace coord;
using namespace coord::sim;

namespace {

std::string text(const Bytes& bytes) {
  return {bytes.begin(), bytes.end()};
}

Bytes filled(std::size_t size, char with) {
  return Bytes(size, static_cast<std::uint8_t>(with));
}

// A file "log" of two synced sectors of 'a'.
std::unique_ptr<DiskFile> synced_log(VirtualDisk& disk) {
  auto file = disk.create("log").value();
  CHECK(file->write(0, filled(1024, 'a')).ok());
  CHECK(file->sync().ok());
  CHECK(disk.sync_directory().ok());
  return file;
}

const VirtualDisk::Choose lose_all = [](std::size_t) { return std::size_t{0}; };
const VirtualDisk::Choose keep_all = [](std::size_t options) { return options - 1; };

}  // namespace

TEST_CASE("a process crash keeps what was written, a power cut may lose all that was not synced") {
  VirtualDisk disk(Random(1));
  auto file = synced_log(disk);
  REQUIRE(file->write(512, filled(1024, 'b')).ok());
  CHECK(disk.unsynced_sectors() == 2);

  SECTION("kill -9") {
    disk.crash(CrashKind::process);
    CHECK(text(disk.contents().at("log")) == std::string(512, 'a') + std::string(1024, 'b'));
    CHECK(disk.unsynced_sectors() == 2);  // it is still not durable
    disk.power_cut(lose_all);
    CHECK(text(disk.contents().at("log")) == std::string(1024, 'a'));
  }
  SECTION("power cut, all lost") {
    disk.power_cut(lose_all);
    CHECK(text(disk.contents().at("log")) == std::string(1024, 'a'));
    CHECK(disk.unsynced_sectors() == 0);
  }
  SECTION("power cut, all kept") {
    disk.power_cut(keep_all);
    CHECK(text(disk.contents().at("log")) == std::string(512, 'a') + std::string(1024, 'b'));
  }
  SECTION("synced") {
    REQUIRE(file->sync().ok());
    disk.power_cut(lose_all);
    CHECK(text(disk.contents().at("log")) == std::string(512, 'a') + std::string(1024, 'b'));
  }
}

TEST_CASE("every subset of unsynced sectors can survive, torn ones with a prefix of the new bytes") {
  VirtualDisk original(Random(1));
  auto file = synced_log(original);
  REQUIRE(file->write(0, filled(1024, 'b')).ok());
  std::set<std::string> outcomes;
  for (std::size_t first = 0; first < 3; ++first) {
    for (std::size_t second = 0; second < 3; ++second) {
      auto disk = original.clone();
      std::vector<std::size_t> script{first};
      if (first == 1) script.push_back(99);  // torn after 100 bytes
      script.push_back(second);
      if (second == 1) script.push_back(99);
      std::size_t next = 0;
      disk->power_cut([&](std::size_t options) {
        REQUIRE(script.at(next) < options);
        return script.at(next++);
      });
      CHECK(next == script.size());
      const std::string log = text(disk->contents().at("log"));
      const std::string halves[3] = {std::string(512, 'a'), std::string(100, 'b') + std::string(412, 'a'),
                                     std::string(512, 'b')};
      CHECK(log == halves[first] + halves[second]);
      outcomes.insert(log);
    }
  }
  CHECK(outcomes.size() == 9);
}

TEST_CASE("a sector written twice since its sync may hold the first of the two") {
  VirtualDisk disk(Random(1));
  auto file = synced_log(disk);
  REQUIRE(file->write(0, filled(512, 'b')).ok());
  REQUIRE(file->write(0, filled(512, 'c')).ok());
  disk.power_cut([](std::size_t options) { return options == 4 ? std::size_t{1} : std::size_t{0}; });
  CHECK(text(disk.contents().at("log")) == std::string(512, 'b') + std::string(512, 'a'));
}

TEST_CASE("a name is durable only once its directory is synced") {
  VirtualDisk disk(Random(1));
  synced_log(disk);
  auto fresh = disk.create("fresh").value();
  REQUIRE(fresh->write(0, filled(10, 'x')).ok());
  REQUIRE(fresh->sync().ok());
  REQUIRE(disk.rename("fresh", "log").ok());
  CHECK(disk.contents().at("log").size() == 10);
  SECTION("create and rename lost") {
    disk.power_cut(lose_all);
    CHECK(disk.contents().size() == 1);
    CHECK(disk.contents().at("log").size() == 1024);
  }
  SECTION("only the rename lost") {
    bool create = true;
    disk.power_cut(
        [&](std::size_t) { return std::exchange(create, false) ? std::size_t{1} : std::size_t{0}; });
    CHECK(disk.contents().at("fresh").size() == 10);
    CHECK(disk.contents().at("log").size() == 1024);
  }
  SECTION("synced") {
    REQUIRE(disk.sync_directory().ok());
    disk.power_cut(lose_all);
    CHECK(disk.contents().at("log").size() == 10);
  }
}

TEST_CASE("a truncate that was not synced may be undone, with the old bytes") {
  VirtualDisk disk(Random(1));
  auto file = synced_log(disk);
  REQUIRE(file->truncate(100).ok());
  CHECK(disk.contents().at("log").size() == 100);
  SECTION("lost") {
    disk.power_cut(lose_all);
    CHECK(text(disk.contents().at("log")) == std::string(1024, 'a'));
  }
  SECTION("kept") {
    disk.power_cut(keep_all);
    CHECK(text(disk.contents().at("log")) == std::string(100, 'a'));
  }
}

TEST_CASE("after a failed sync the cache shows the bytes, a second sync succeeds, and they are lost") {
  bool lost = false;
  for (std::uint64_t seed = 1; seed <= 20 && !lost; ++seed) {
    VirtualDisk disk{Random(seed)};
    auto file = synced_log(disk);
    REQUIRE(file->write(0, filled(1024, 'b')).ok());
    disk.arm(0, DiskFault::error);
    CHECK_FALSE(file->sync().ok());
    CHECK(text(file->read(0, 1024).value()) == std::string(1024, 'b'));
    REQUIRE(file->sync().ok());
    disk.power_cut(keep_all);
    lost = text(disk.contents().at("log")) != std::string(1024, 'b');
  }
  CHECK(lost);
}

TEST_CASE("the k-th call fails or crashes, whichever it is") {
  const auto use = [](VirtualDisk& disk) {  // 5 calls; true if all succeeded
    auto file = disk.create("f");
    if (!file.ok()) return false;
    return (*file)->write(0, filled(700, 'x')).ok() && (*file)->sync().ok() && disk.sync_directory().ok() &&
           disk.list().ok();
  };
  for (std::uint64_t k = 0; k < 5; ++k) {
    VirtualDisk failing{Random(k)};
    failing.arm(k, DiskFault::error);
    CHECK_FALSE(use(failing));
    CHECK(failing.calls() == k + 1);
    CHECK(failing.counts().of(FaultKind::disk_error) == 1);
    for (const auto fault : {DiskFault::crash_process, DiskFault::crash_power}) {
      VirtualDisk crashing{Random(k)};
      crashing.arm(k, fault);
      CHECK_THROWS_AS(use(crashing), SimCrash);
    }
  }
  VirtualDisk named(Random(3));
  named.arm(1, DiskFault::error, Strikes::directory);  // passes over the write and the sync
  CHECK_FALSE(use(named));
  CHECK(named.calls() == 4);
  VirtualDisk full(Random(9));
  full.arm(0, DiskFault::no_space);
  CHECK(full.list().ok());  // needs no space
  CHECK_FALSE(use(full));
  CHECK(full.counts().of(FaultKind::disk_full) == 1);
}

TEST_CASE("a disk is full at its capacity and says how much is free") {
  DiskConfig config;
  config.capacity = 1000;
  VirtualDisk disk(Random(1), config);
  auto file = disk.create("f").value();
  REQUIRE(file->write(0, filled(600, 'x')).ok());
  CHECK(disk.free_bytes().value() == 400);
  CHECK_FALSE(file->write(600, filled(500, 'y')).ok());
  CHECK(disk.used_bytes() == 1000);  // as much as fits was written
  REQUIRE(file->truncate(100).ok());
  CHECK(file->write(100, filled(500, 'y')).ok());
}

TEST_CASE("bits flip in synced bytes only, a stall takes virtual time") {
  VirtualDisk disk(Random(1));
  auto file = synced_log(disk);
  REQUIRE(file->write(0, filled(10, 'b')).ok());
  CHECK_FALSE(disk.flip_bit("log", 5, 0));
  CHECK_FALSE(disk.flip_bit("log", 5000, 0));
  CHECK(disk.flip_bit("log", 600, 1));
  CHECK(disk.contents().at("log")[600] == ('a' ^ 2));
  CHECK(disk.flip_random_bit().has_value());
  disk.take_elapsed();
  disk.stall(std::chrono::seconds(2));
  CHECK(file->size().ok());
  const Duration took = disk.take_elapsed();
  CHECK(took >= std::chrono::seconds(2));
  CHECK(took < std::chrono::seconds(3));
  CHECK(disk.take_elapsed() == Duration{});
}

TEST_CASE("the same seed leaves the same disk after a power cut, others differ") {
  const auto run = [](std::uint64_t seed) {
    VirtualDisk disk{Random(seed)};
    auto file = disk.create("f").value();
    CHECK(disk.sync_directory().ok());
    for (std::size_t i = 0; i < 40; ++i)
      CHECK(file->write(i * 300, filled(300, static_cast<char>('a' + i))).ok());
    disk.crash(CrashKind::power);
    return disk.contents();
  };
  CHECK(run(7) == run(7));
  std::set<std::map<std::string, Bytes>> outcomes;
  for (std::uint64_t seed = 0; seed < 50; ++seed) outcomes.insert(run(seed));
  CHECK(outcomes.size() > 15);
}
