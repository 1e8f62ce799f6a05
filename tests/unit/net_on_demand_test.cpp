// SPDX-License-Identifier: MIT
// Links that are made when there is something to send (net/peer_links.hpp).
#include <catch2/catch.hpp>

#include "net_group.hpp"

using namespace coord;
using namespace coord::net;
using namespace coord::net::test;

namespace {

PeerConfig reaching(const std::string& name, const std::map<std::string, Address>& peers,
                    const std::vector<std::string>& on_demand, std::size_t most = 64) {
  PeerConfig config = config_of(name, peers);
  config.roster = roster_of(peers, on_demand);
  config.idle_after = 200ms;
  config.most_on_demand = most;
  return config;
}

bool incoming(const Peer& peer, const std::string& from) {
  for (const auto& status : peer.transport->status())
    if (status.name == from) return status.incoming;
  return false;
}

}  // namespace

TEST_CASE("a peer on demand is dialled by the first message, which is not lost, and closed when it is idle") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b", "c"});
  const auto a = start_peer(io, reaching("a", peers, {"b"}));
  const auto b = start_peer(io, reaching("b", peers, {"a"}));
  const auto c = start_peer(io, reaching("c", peers, {}));
  REQUIRE(run_until(io, [&] { return a->link("c").up; }));  // one that is kept
  run_for(io, 100ms);
  CHECK(a->link("b").asleep);
  CHECK_FALSE(incoming(*b, "a"));
  CHECK(a->transport->send("b", Bytes{1}));
  CHECK(a->transport->send("b", Bytes{2}));
  REQUIRE(run_until(io, [&] { return b->inbox.size() == 2; }));
  CHECK(b->inbox.front().second == Bytes{1});
  CHECK(b->inbox.back().second == Bytes{2});
  CHECK(b->link("a").asleep);  // b has nothing to say
  CHECK(run_until(io, [&] { return a->link("b").asleep && !incoming(*b, "a"); }));
  CHECK(a->link("c").up);
  CHECK(a->transport->send("b", Bytes{3}));
  CHECK(run_until(io, [&] { return b->inbox.size() == 3; }));
}

TEST_CASE("a link on demand stays as long as it is used") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, reaching("a", peers, {"b"}));
  const auto b = start_peer(io, reaching("b", peers, {"a"}));
  CHECK(a->transport->send("b", Bytes{1}));
  REQUIRE(run_until(io, [&] { return a->link("b").up; }));
  const Instant since = a->link("b").since;
  const auto end = std::chrono::steady_clock::now() + 600ms;
  CHECK(run_until(io, [&] {
    (void)a->transport->send("b", Bytes{2});
    return std::chrono::steady_clock::now() > end;
  }));
  CHECK(a->link("b").since == since);
}

TEST_CASE("of links on demand there are only so many: the one used longest ago makes room") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b", "c", "d"});
  PeerConfig config = reaching("a", peers, {"b", "c", "d"}, 2);
  config.idle_after = 60s;
  const auto a = start_peer(io, std::move(config));
  const auto b = start_peer(io, reaching("b", peers, {"a", "c", "d"}));
  const auto c = start_peer(io, reaching("c", peers, {"a", "b", "d"}));
  const auto d = start_peer(io, reaching("d", peers, {"a", "b", "c"}));
  for (const std::string peer : {"b", "c"}) {
    CHECK(a->transport->send(peer, Bytes{1}));
    REQUIRE(run_until(io, [&] { return a->link(peer).up; }));
  }
  CHECK(a->transport->send("b", Bytes{2}));
  CHECK(a->transport->send("d", Bytes{1}));
  REQUIRE(run_until(io, [&] { return a->link("d").up; }));
  CHECK(a->link("c").asleep);
  CHECK(a->link("b").up);
}

TEST_CASE("what is sent to a peer on demand that cannot be reached is bounded, and given up") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  PeerConfig config = reaching("a", peers, {"b"});
  config.limits.queue_bytes = 1000;
  const auto a = start_peer(io, std::move(config));
  CHECK(a->transport->send("b", Bytes(600)));
  CHECK_FALSE(a->transport->send("b", Bytes(600)));
  CHECK(a->link("b").dropped == 1);
  CHECK(run_until(io, [&] { return a->link("b").asleep; }));
}

TEST_CASE("a peer on demand is reached by datagram while there is no link to it") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, reaching("a", peers, {"b"}));
  const auto b = start_peer(io, reaching("b", peers, {"a"}));
  CHECK(run_until(io, [&] { return a->transport->send_datagram("b", Bytes{1}); }));
  CHECK(a->link("b").asleep);
  CHECK(b->link("a").asleep);
}

TEST_CASE("a message on a channel comes with its type and level, by stream and by datagram") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  std::vector<wire::Frame> streamed;
  std::vector<wire::Frame> datagrams;
  PeerConfig config = config_of("a", peers);
  config.level = config.knows = 2;
  const auto a = start_peer(io, config);
  config = config_of("b", peers);
  config.level = config.knows = 2;
  PeerHandlers handlers;
  handlers.message = [&](const std::string&, wire::Frame&& frame) { streamed.push_back(std::move(frame)); };
  handlers.datagram = [&](const std::string&, wire::Frame&& frame) { datagrams.push_back(std::move(frame)); };
  auto b =
      PeerTransport::open(io, std::move(config), std::move(handlers), [](LogLevel, const std::string&) {});
  REQUIRE(b.ok());
  (*b)->start();
  REQUIRE(run_until(io, [&] { return a->link("b").up; }));
  CHECK(a->transport->send("b", Bytes{7}, 2, wire::FrameType::channel));
  CHECK(
      run_until(io, [&] { return a->transport->send_datagram("b", Bytes{8}, 2, wire::FrameType::channel); }));
  REQUIRE(run_until(io, [&] { return !streamed.empty() && !datagrams.empty(); }));
  CHECK(streamed.front().type == wire::FrameType::channel);
  CHECK(streamed.front().version == 2);
  CHECK(streamed.front().payload == Bytes{7});
  CHECK(datagrams.front().type == wire::FrameType::channel);
  CHECK(datagrams.front().payload == Bytes{8});
}

TEST_CASE("what waited for a connection is told when it has gone out, after the connection itself") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  std::vector<std::string> told;
  PeerHandlers handlers{[](const std::string&, wire::Frame&&) {}};
  handlers.up = [&](const std::string& peer) { told.push_back("up " + peer); };
  handlers.waited = [&](const std::string& peer, std::uint64_t count) {
    told.push_back(peer + " " + std::to_string(count));
  };
  auto a = PeerTransport::open(io, reaching("a", peers, {"b"}), std::move(handlers),
                               [](LogLevel, const std::string&) {});
  REQUIRE(a.ok());
  (*a)->start();
  const auto b = start_peer(io, reaching("b", peers, {"a"}));
  CHECK((*a)->send("b", Bytes{1}));
  CHECK((*a)->send("b", Bytes{9}, first_level, wire::FrameType::message, false));  // it does not count
  CHECK((*a)->send("b", Bytes{2}));
  CHECK(told.empty());
  REQUIRE(run_until(io, [&] { return b->inbox.size() == 3; }));
  CHECK(told == std::vector<std::string>{"up b", "b 2"});
  CHECK((*a)->send("b", Bytes{3}));
  REQUIRE(run_until(io, [&] { return b->inbox.size() == 4; }));
  CHECK(told.size() == 2);
}
