// SPDX-License-Identifier: MIT
// What a host writes down of where its group is: read as it was written, or not at all.
#include <catch2/catch.hpp>
#include <string>

#include "daemon/address_book.hpp"
#include "sim/disk.hpp"

using namespace coord;
using namespace coord::daemon;

namespace {

AddressBook some() {
  AddressBook book;
  book.group = std::string(32, 'a');
  book.at = LogIndex{17};
  book.known = {{NodeId{1}, "alpha", "10.0.0.1:7411", true}, {NodeId{2}, "beta", "10.0.0.2:7411", false}};
  book.listed[NodeId{1}] = "10.0.0.9:7411";
  book.gone["gamma"] = {"10.0.0.3:7411", 1'700'000'000};
  book.founded = {{"alpha", "10.0.0.9:7411"}, {"gamma", "[2001:db8::3]:7411"}};
  return book;
}

}  // namespace

TEST_CASE("where the group's hosts are is read as it was written, also over an earlier file") {
  sim::VirtualDisk disk{Random(1)};
  CHECK(read_address_book(disk)->group.empty());
  for (int i = 0; i < 2; ++i) {
    REQUIRE(write_address_book(disk, some()).ok());
    const auto read = read_address_book(disk);
    REQUIRE(read.ok());
    CHECK(*read == some());
  }
}

TEST_CASE("a file that is damaged anywhere is refused or says something, and never more than it may") {
  const std::string text = to_text(some());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char c : {' ', '\n', '\0', 'x', '9'}) {
      std::string damaged = text;
      damaged[i] = c;
      const auto read = parse_address_book(damaged);
      if (!read) continue;
      CHECK(read->known.size() <= 32);
      CHECK_FALSE(read->group.empty());
    }
    (void)parse_address_book(text.substr(0, i));
  }
  CHECK_FALSE(parse_address_book("").ok());
  CHECK_FALSE(parse_address_book("coordutils addresses 2\ngroup a\n").ok());
  std::string many = "coordutils addresses 1\ngroup a\n";
  for (int i = 0; i < 33; ++i)
    many += "voter n" + std::to_string(i) + " " + std::to_string(i + 1) + " h:1 -\n";
  CHECK_FALSE(parse_address_book(many).ok());
}

TEST_CASE("a list whose names are not the founders' is told in words, and addresses are no matter") {
  const auto founded = some().founded;
  std::map<std::string, net::Address> list{{"alpha", {"10.1.1.1", 1}}, {"gamma", {"10.1.1.2", 1}}};
  CHECK(difference_of_names(founded, list).empty());
  list.erase("gamma");
  CHECK(difference_of_names(founded, list) == "it does not name gamma");
  list["delta"] = list["epsilon"] = {"10.1.1.3", 1};
  CHECK(difference_of_names(founded, list) == "it names delta, epsilon, and it does not name gamma");
}

TEST_CASE("where a host is dialled: what the group has answered counts more than an old book") {
  const NodeId joined{3}, listed{1};
  AddressBook book = some();
  book.known.push_back({joined, "delta", "10.0.0.4:7411", true});
  // A voter that came later, and is elsewhere by now.
  CHECK(address_of(joined, {.applied = "10.0.0.3:7411", .by_book = true}, book) == "10.0.0.4:7411");
  CHECK(address_of(joined, {.told = "10.0.0.5:7411", .by_book = true}, book) == "10.0.0.5:7411");
  CHECK(address_of(joined, {.applied = "10.0.0.6:7411"}, book) == "10.0.0.6:7411");
  // One of the list: a list that was changed is news until the group says something else than then.
  CHECK(address_of(listed, {.listed = "10.0.0.9:7411", .applied = "10.0.0.1:7411"}, book) == "10.0.0.1:7411");
  CHECK(address_of(listed, {.listed = "10.0.0.8:7411", .applied = "10.0.0.1:7411"}, book) == "10.0.0.8:7411");
  CHECK(address_of(listed, {.listed = "10.0.0.8:7411", .by_book = true}, book) == "10.0.0.8:7411");
  CHECK(address_of(listed, {.listed = "10.0.0.8:7411", .applied = "10.0.0.7:7411"}, book) == "10.0.0.7:7411");
  CHECK(address_of(NodeId{77}, {.listed = "10.0.0.8:7411"}, book) == "10.0.0.8:7411");
  CHECK(address_of(NodeId{77}, {.applied = "nowhere"}, book).empty());
}
