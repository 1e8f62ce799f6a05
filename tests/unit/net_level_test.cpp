// SPDX-License-Identifier: MIT
// Links between peers while the group's level rises (base/level.hpp): greeted anew, and closed to whoever
// cannot read what comes next.
#include <catch2/catch.hpp>

#include "net_group.hpp"

using namespace coord;
using namespace coord::net;
using namespace coord::net::test;

namespace {

// A program that knows levels up to this one, in a group of this level.
PeerConfig release_of(const std::string& name, const std::map<std::string, Address>& peers, Level knows,
                      Level level = first_level) {
  PeerConfig config = config_of(name, peers);
  config.knows = knows;
  config.level = level;
  return config;
}

}  // namespace

TEST_CASE("nothing of a level goes out on a link that was greeted with an earlier one") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, release_of("a", peers, 2));
  const auto b = start_peer(io, release_of("b", peers, 2));
  REQUIRE(connected(io, *a, "a", *b, "b"));
  CHECK_FALSE(a->transport->send("b", Bytes{2}, 2));
  CHECK(a->transport->send("b", Bytes{1}, 1));

  a->transport->speak(2);
  CHECK_FALSE(a->up("b"));  // it is being greeted anew
  REQUIRE(run_until(io, [&] { return a->link("b").up; }));
  CHECK(a->transport->send("b", Bytes{2}, 2));
  CHECK(a->transport->send("b", Bytes{1}, 1));
  REQUIRE(run_until(io, [&] { return b->inbox.size() >= 2; }));
  CHECK(b->inbox.back().second == Bytes{1});
  // b lags behind: it is heard all the same, and knows where the group is.
  REQUIRE(run_until(io, [&] { return b->link("a").up && b->link("a").level == 2; }));
  b->transport->speak(2);
  const auto level_of_b = [&] { return a->link("b").level; };
  REQUIRE(run_until(io, [&] { return level_of_b() == 2; }));  // although a's own link to it stands as it was
  REQUIRE(run_until(io, [&] { return b->link("a").up; }));
  CHECK(b->transport->send("a", Bytes{3}, 1));
  REQUIRE(run_until(io, [&] { return !a->inbox.empty(); }));
}

TEST_CASE("a peer whose program does not know the level is cut off when it rises, with words at both ends") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, release_of("a", peers, 2));
  const auto b = start_peer(io, release_of("b", peers, 1));
  REQUIRE(connected(io, *a, "a", *b, "b"));
  a->transport->speak(2);
  REQUIRE(run_until(io, [&] {
    return a->logged(
               "its program knows level 1, and the group is at level 2: install the group's release on its "
               "host") &&
           b->logged(
               "its group is at level 2, and this program knows level 1: install the same release on every "
               "host");
  }));
  run_for(io, 300ms);
  CHECK_FALSE(a->link("b").up);
  CHECK_FALSE(b->link("a").up);
  CHECK(b->inbox.empty());
  CHECK_FALSE(a->transport->send("b", Bytes{2}, 2));
}

TEST_CASE("a peer that comes to a group of a level it does not know is refused") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, release_of("a", peers, 2, 2));
  const auto b = start_peer(io, release_of("b", peers, 1));
  REQUIRE(run_until(io, [&] { return b->logged("its group is at level 2"); }));
  CHECK_FALSE(a->up("b"));
}

TEST_CASE("who has sent what cannot be read is closed, and comes again") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, release_of("a", peers, 2));
  const auto b = start_peer(io, release_of("b", peers, 2));
  REQUIRE(connected(io, *a, "a", *b, "b"));
  a->transport->drop("b", "it sent a message that cannot be read");
  CHECK_FALSE(a->up("b"));
  CHECK(a->logged("it sent a message that cannot be read"));
  REQUIRE(connected(io, *a, "a", *b, "b"));
}
