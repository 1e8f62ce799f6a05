// SPDX-License-Identifier: MIT
// Snapshots that a peer keeps: bounded, whole or not there, each for its user.
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "daemon/shelf_files.hpp"
#include "snapshot/record_text.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using daemon::ShelfFiles;

namespace {

std::string snapshot(const std::string& id, std::int64_t second, const std::string& group = "bank",
                     std::size_t state_bytes = 0) {
  record::Snapshot s;
  s.id = id;
  s.group = group;
  s.at = WallTime{1'795'000'000'000'000'000 + second * 1'000'000'000};
  s.members = {{"P1", 1, "a"}};
  s.processes = {{"P1", std::string(state_bytes, 'x'), {}, false, {}, {}}};
  return record::to_text(s).value();
}

std::string ids(const ShelfFiles& files, std::uint32_t uid, const std::string& group = "") {
  std::string out;
  for (const auto& entry : files.list(uid, group)) out += (out.empty() ? "" : " ") + entry.id;
  return out;
}

}  // namespace

TEST_CASE("shelf: what is kept is listed in its order, and comes back as it was") {
  const TemporaryDirectory directory;
  ShelfFiles files(directory.path() + "/snapshots");
  REQUIRE(files.open().ok());
  REQUIRE(files.keep(1000, snapshot("late", 9)).ok());
  REQUIRE(files.keep(1000, snapshot("early", 1, "shop")).ok());
  CHECK(ids(files, 1000) == "early late");
  CHECK(ids(files, 1000, "bank") == "late");
  CHECK(files.fetch(1000, "late") == snapshot("late", 9));
  CHECK(files.list(1000, "bank").front().bytes == snapshot("late", 9).size());
  REQUIRE(files.keep(1000, snapshot("late", 20)).ok());
  CHECK(ids(files, 1000) == "early late");
  CHECK(files.fetch(1000, "late") == snapshot("late", 20));
}

TEST_CASE("shelf: a user has his own, root reads all") {
  const TemporaryDirectory directory;
  ShelfFiles files(directory.path() + "/snapshots");
  REQUIRE(files.open().ok());
  REQUIRE(files.keep(1000, snapshot("one", 1)).ok());
  REQUIRE(files.keep(1001, snapshot("one", 2)).ok());
  CHECK(ids(files, 1000) == "one");
  CHECK(files.fetch(1001, "one") == snapshot("one", 2));
  CHECK(ids(files, 1002).empty());
  CHECK_FALSE(files.fetch(1002, "one"));
  CHECK(ids(files, 0) == "one one");
}

TEST_CASE("shelf: bounded by count and bytes, of a user and of all, the oldest go") {
  const TemporaryDirectory directory;
  ShelfFiles files(directory.path() + "/snapshots", {3, 5, 20'000, 1'000'000});
  REQUIRE(files.open().ok());
  for (int i = 1; i <= 4; ++i) REQUIRE(files.keep(1000, snapshot(std::to_string(i), i)).ok());
  CHECK(ids(files, 1000) == "2 3 4");
  for (int i = 5; i <= 7; ++i) REQUIRE(files.keep(1001, snapshot(std::to_string(i), i)).ok());
  CHECK(ids(files, 1000) == "3 4");
  CHECK(ids(files, 1001) == "5 6 7");
  REQUIRE(files.keep(1000, snapshot("large", 9, "bank", 19'600)).ok());
  CHECK(ids(files, 1000) == "large");
  CHECK(ids(files, 1001) == "5 6 7");
}

TEST_CASE("shelf: what a crash has left half written is not there") {
  const TemporaryDirectory directory;
  const std::string place = directory.path() + "/snapshots";
  {
    ShelfFiles files(place);
    REQUIRE(files.open().ok());
    REQUIRE(files.keep(1000, snapshot("whole", 1)).ok());
  }
  const std::string half = place + "/.00000000000000000002-1000-00.jsonl";
  std::ofstream(half) << snapshot("half", 2).substr(0, 50);
  std::ofstream(place + "/notes") << "no snapshot";
  std::ofstream(place + "/00000000000000000003-1000-00.jsonl") << "no snapshot either";
  ShelfFiles files(place);
  REQUIRE(files.open().ok());
  CHECK(ids(files, 0) == "whole");
  struct stat status {};
  CHECK(::stat(half.c_str(), &status) != 0);
}

TEST_CASE("shelf: a peer that is killed between the answer and the disk finds it at its next start") {
  const TemporaryDirectory directory;
  const std::string place = directory.path() + "/snapshots";
  {
    ShelfFiles files(place);
    REQUIRE(files.open().ok());
    REQUIRE(files.keep(1000, snapshot("before", 1)).ok());
    REQUIRE(files.write(1000, snapshot("written", 2)).ok());
    REQUIRE(files.write(1001, snapshot("before", 3)).ok());
    CHECK(ids(files, 0) == "before");
  }
  ShelfFiles files(place);
  REQUIRE(files.open().ok());
  CHECK(ids(files, 1000) == "before written");
  CHECK(ids(files, 1001) == "before");
  CHECK(files.fetch(1000, "written") == snapshot("written", 2));
}

TEST_CASE("shelf: a file that has changed is read again") {
  const TemporaryDirectory directory;
  const std::string place = directory.path() + "/snapshots";
  ShelfFiles files(place);
  REQUIRE(files.open().ok());
  REQUIRE(files.keep(1000, snapshot("one", 1)).ok());
  REQUIRE(ids(files, 0) == "one");
  const std::string other = place + "/other";
  std::ofstream(other) << snapshot("two", 2);
  for (const auto& entry : std::filesystem::directory_iterator(place))
    if (entry.path() != other) std::filesystem::rename(other, entry.path());
  CHECK(ids(files, 0) == "two");
}

TEST_CASE("shelf: what is no snapshot, or finds no place, is refused and nothing has changed") {
  const TemporaryDirectory directory;
  ShelfFiles files(directory.path() + "/snapshots");
  REQUIRE(files.open().ok());
  CHECK_FALSE(files.keep(1000, "no snapshot").ok());
  CHECK_FALSE(ShelfFiles(directory.path() + "/none/such").open().ok());
  CHECK(ids(files, 0).empty());
}
