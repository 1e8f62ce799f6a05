// SPDX-License-Identifier: MIT
// What the sites of an agreement have promised, on their disks.
#include <catch2/catch.hpp>

#include "agreements_group.hpp"
#include "sim/disk.hpp"

using namespace coord;
using namespace coord::agreements;
using namespace coord::agreements::test;
using namespace std::chrono_literals;

TEST_CASE("what was promised is read again by the next life, until it is forgotten") {
  sim::VirtualDisk disk(Random(1));
  const auto first = read_shelf(disk, 42);
  REQUIRE(first.ok());
  CHECK(first->disk == 43);  // never 0
  const Kept seven{Token{7}, {{"state", Bytes{1, 2, 3}}}}, nine{Token{9}, {{"state", Bytes{4}}}};
  REQUIRE(save(disk, seven).ok());
  REQUIRE(save(disk, nine).ok());
  REQUIRE(save(disk, {Token{7}, {{"state", Bytes{5}}}}).ok());
  auto again = read_shelf(disk, 1000);
  REQUIRE(again.ok());
  CHECK(again->disk == 43);
  CHECK(again->kept.at(Token{7}).records.at("state") == Bytes{5});
  CHECK(again->kept.at(Token{9}) == nine);
  REQUIRE(save(disk, {Token{7}, {}}).ok());
  REQUIRE(save(disk, {Token{8}, {}}).ok());  // there was none
  again = read_shelf(disk, 1000);
  REQUIRE(again.ok());
  CHECK(again->kept.size() == 2);  // the longest lease too
}

TEST_CASE("a worker whose disk is away says so") {
  SaveWorker worker([]() -> Result<std::unique_ptr<Disk>> {
    return Error{ErrorKind::data, "disk", "away", ""};
  });
  auto work = std::make_shared<Save>();
  work->kept = {Token{7}, {{"state", Bytes{1, 2, 3}}}};
  std::vector<std::shared_ptr<node::Work>> batch{work};
  worker.perform(batch);
  CHECK_FALSE(work->outcome.ok());
}

// Whatever is damaged: it has promised what nobody knows, and must not answer for that any more.
TEST_CASE("a peer whose promises are damaged is another site once the damage is removed") {
  for (const std::string damaged : {"agreement-disk", "agreement-7"}) {
    INFO(damaged);
    sim::VirtualDisk disk(Random(1));
    REQUIRE(read_shelf(disk, 42).ok());
    REQUIRE(save(disk, {Token{7}, {{"state", Bytes{1, 2, 3}}}}).ok());
    auto file = disk.open(damaged);
    REQUIRE(file.ok());
    REQUIRE((*file)->write(4, Bytes{99}).ok());
    CHECK_FALSE(read_shelf(disk, 100).ok());
    CHECK_FALSE(read_shelf(disk, 100).ok());  // as long as it is there
    REQUIRE(disk.remove(damaged).ok());
    const auto after = read_shelf(disk, 100);
    REQUIRE(after.ok());
    CHECK(after->disk == 101);
  }
}
