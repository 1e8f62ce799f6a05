// SPDX-License-Identifier: MIT
// The transport between peers when all is well, and when peers come and go.
#include <catch2/catch.hpp>

#include "net_group.hpp"

using namespace coord;
using namespace coord::net;
using namespace coord::net::test;

TEST_CASE("two peers exchange messages, whole and in order") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, config_of("b", peers));
  REQUIRE(connected(io, *a, "a", *b, "b"));

  for (std::uint8_t i = 0; i < 100; ++i) CHECK(a->transport->send("b", Bytes(i * 100U, i)));
  CHECK(b->transport->send("a", Bytes{42}));
  REQUIRE(run_until(io, [&] { return b->inbox.size() == 100 && a->inbox.size() == 1; }));
  for (std::uint8_t i = 0; i < 100; ++i)
    CHECK((b->inbox[i] == std::pair<std::string, Bytes>("a", Bytes(i * 100U, i))));
  CHECK(a->inbox[0].second == Bytes{42});
  CHECK(a->link("b").sent == 100);
  CHECK(a->link("b").dropped == 0);
  CHECK(b->transport->status()[0].received == 100);
  CHECK(a->link("b").software == "test 1.0");
}

TEST_CASE("three peers, every pair both ways") {
  boost::asio::io_context io;
  const std::vector<std::string> names{"a", "b", "c"};
  const auto peers = peers_named(names);
  std::map<std::string, std::unique_ptr<Peer>> all;
  for (const auto& name : names) all[name] = start_peer(io, config_of(name, peers));
  REQUIRE(connected(io, *all["a"], "a", *all["b"], "b"));
  REQUIRE(connected(io, *all["a"], "a", *all["c"], "c"));
  REQUIRE(connected(io, *all["b"], "b", *all["c"], "c"));
  for (const auto& from : names)
    for (const auto& to : names)
      if (from != to) CHECK(all[from]->transport->send(to, bytes_of(from + to)));
  REQUIRE(run_until(io, [&] {
    return all["a"]->inbox.size() == 2 && all["b"]->inbox.size() == 2 && all["c"]->inbox.size() == 2;
  }));
  for (const auto& name : names)
    for (const auto& [from, message] : all[name]->inbox)
      CHECK(std::string(message.begin(), message.end()) == from + name);
}

TEST_CASE("a message of the largest size passes") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, config_of("b", peers));
  REQUIRE(connected(io, *a, "a", *b, "b"));
  CHECK(a->transport->send("b", Bytes(wire::stream_payload_limit, 7)));
  REQUIRE(run_until(io, [&] { return b->inbox.size() == 1; }));
  CHECK(b->inbox[0].second == Bytes(wire::stream_payload_limit, 7));
  CHECK_FALSE(a->transport->send("b", Bytes(wire::stream_payload_limit + 1)));
  CHECK_FALSE(a->transport->send("b", Bytes(wire::stream_payload_limit + 1)));
  CHECK(a->times_logged("peer b: a message of 1048577 bytes is too large to send") == 1);
  CHECK(a->up("b"));
}

TEST_CASE("the round trip is measured") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, config_of("b", peers));
  REQUIRE(run_until(io, [&] { return a->link("b").rtt.has_value(); }));
  CHECK(*a->link("b").rtt > 0ns);
  CHECK(*a->link("b").rtt < 1s);
}

TEST_CASE("a peer that comes later, dies and comes again is found each time") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  run_for(io, 300ms);
  CHECK_FALSE(a->transport->send("b", Bytes{1}));
  CHECK(a->link("b").dropped == 1);
  CHECK(a->times_logged("not connected") == 1);
  for (int life = 0; life < 3; ++life) {
    auto b = start_peer(io, config_of("b", peers));
    REQUIRE(run_until(
        io, [&] { return a->up("b") && b->up("a"); }, 2s));
    CHECK(a->transport->send("b", Bytes{2}));
    REQUIRE(run_until(io, [&] { return b->inbox.size() == 1; }));
    b.reset();
    REQUIRE(run_until(io, [&] { return !a->link("b").up; }));
  }
  CHECK(a->times_logged("connection lost") == 3);
}

TEST_CASE("a peer given by a host name is found") {
  boost::asio::io_context io;
  auto peers = peers_named({"a", "b"});
  peers["b"].host = "localhost";
  auto config = config_of("b", peers);
  config.listen.host = "127.0.0.1";
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, config);
  CHECK(connected(io, *a, "a", *b, "b"));
}

TEST_CASE("a peer that listens everywhere is reached by IPv4") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  auto config = config_of("b", peers);
  config.listen.host.clear();
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, config);
  CHECK(connected(io, *a, "a", *b, "b"));
  CHECK(b->logged("came from 127.0.0.1"));
}

TEST_CASE("a peer that stands still is given up, holds up nobody, and costs bounded memory") {
  boost::asio::io_context io;
  boost::asio::io_context stopped;
  const auto peers = peers_named({"a", "b", "c"});
  const auto a = start_peer(io, config_of("a", peers));
  const auto c = start_peer(io, config_of("c", peers));
  const auto b = start_peer(stopped, config_of("b", peers));
  REQUIRE(run_until(io, [&] {
    stopped.poll();
    return a->up("b") && a->up("c");
  }));

  // From here on b does nothing. Its kernel takes a few MiB, our queue and the write under way 8 more, then
  // it is full.
  std::size_t taken = 0;
  while (a->transport->send("b", Bytes(256 << 10U, 1))) {
    ++taken;
    io.poll();
    REQUIRE(taken < 200);
  }
  CHECK(a->link("b").dropped == 1);
  CHECK(a->transport->send("c", Bytes{3}));
  REQUIRE(run_until(
      io, [&] { return c->inbox.size() == 1; }, 1s));

  REQUIRE(run_until(
      io, [&] { return !a->link("b").up; }, 3s));
  CHECK(a->logged("connection lost: it takes nothing any more"));
  CHECK(c->link("a").up);

  REQUIRE(run_until(io, [&] {
    stopped.restart();
    stopped.poll();
    return a->up("b");
  }));
  CHECK(a->transport->send("b", Bytes{9}));
  REQUIRE(run_until(io, [&] {
    stopped.restart();
    stopped.poll();
    return !b->inbox.empty() && b->inbox.back().second == Bytes{9};
  }));
  for (const auto& [from, message] : b->inbox) CHECK((message.size() == 256 << 10U || message == Bytes{9}));
}

TEST_CASE("a connection over which nothing comes back is given up") {
  boost::asio::io_context io;
  boost::asio::io_context stopped;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(stopped, config_of("b", peers));
  REQUIRE(run_until(io, [&] {
    stopped.poll();
    return a->up("b");
  }));
  REQUIRE(run_until(
      io, [&] { return !a->link("b").up; }, 3s));
  CHECK(a->logged("it does not answer any more"));
}

TEST_CASE("a handler may stop the transport, and it may go with work under way") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  auto b = std::make_unique<Peer>();
  auto opened = PeerTransport::open(io, config_of("b", peers),
                                    {[&](const std::string&, wire::Frame&&) { b->transport->stop(); }},
                                    [](LogLevel, const auto&) {});
  b->transport = std::move(opened).value();
  b->transport->start();
  REQUIRE(connected(io, *a, "a", *b, "b"));
  CHECK(a->transport->send("b", Bytes{1}));
  CHECK(a->transport->send("b", Bytes{2}));
  REQUIRE(run_until(io, [&] { return !a->link("b").up; }));
  CHECK(b->transport->status()[0].received == 1);
  b.reset();
  a->transport.reset();
  run_for(io, 50ms);
}

TEST_CASE("keys rotate without a stop") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  auto with_both = config_of("a", peers);
  with_both.keys = KeyRing({key("k2", 2), key("k1", 1)});
  auto old_first = config_of("b", peers);
  old_first.keys = KeyRing({key("k1", 1), key("k2", 2)});
  const auto a = start_peer(io, with_both);
  const auto b = start_peer(io, old_first);
  REQUIRE(connected(io, *a, "a", *b, "b"));
  a->transport->set_keys(KeyRing({key("k2", 2)}));
  CHECK(a->transport->send("b", Bytes{1}));
  CHECK(run_until(io, [&] { return b->inbox.size() == 1; }));
}

TEST_CASE("links with a key that is gone are closed, and dialled anew with one that is there") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  auto of_a = config_of("a", peers), of_b = config_of("b", peers);
  of_a.keys = of_b.keys = KeyRing({key("k1", 1), key("k2", 2)});
  const auto a = start_peer(io, of_a), b = start_peer(io, of_b);
  REQUIRE(connected(io, *a, "a", *b, "b"));

  SECTION("the old one is dropped") {
    a->transport->set_keys(KeyRing({key("k2", 2)}));
    CHECK_FALSE(a->link("b").up);
    CHECK_FALSE(a->up("b"));
    CHECK(a->link("b").last_error == "its key k1 is no longer in the key file");
    CHECK(run_until(io, [&] { return a->link("b").up; }));  // by k2, which b has
    CHECK_FALSE(a->up("b"));                                // b still dials with k1
    b->transport->set_keys(KeyRing({key("k2", 2)}));
    CHECK(connected(io, *a, "a", *b, "b"));
  }
  SECTION("an id comes to stand for another key") {
    a->transport->set_keys(KeyRing({key("k1", 9), key("k2", 2)}));
    CHECK_FALSE(a->link("b").up);
    b->transport->set_keys(KeyRing({key("k1", 9), key("k2", 2)}));
    CHECK(connected(io, *a, "a", *b, "b"));
  }
  SECTION("one that only moves down, or comes along, changes nothing") {
    const Instant since = a->link("b").since;
    a->transport->set_keys(KeyRing({key("k2", 2), key("k3", 3), key("k1", 1)}));
    run_for(io, 100ms);
    CHECK(a->up("b"));
    CHECK(a->link("b").since == since);
    CHECK(a->times_logged("connected to") == 1);
  }
}

TEST_CASE("what is wrong with the configuration is said") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto text_of = [&](PeerConfig config) {
    const auto opened = PeerTransport::open(io, std::move(config), {}, [](LogLevel, const auto&) {});
    return opened.ok() ? std::string() : opened.error().text();
  };
  auto stranger = config_of("a", peers);
  stranger.self = "z";
  CHECK(text_of(stranger) == "peer z: it is not in the list of peers: see --name and --peers");
  auto no_port = config_of("a", peers);
  auto without = peers;
  without["b"].port = 0;
  no_port.roster = roster_of(without);
  CHECK(text_of(no_port) == "peer b: its address lacks the host or the port: see --name and --peers");
  const auto first = start_peer(io, config_of("a", peers));
  CHECK(text_of(config_of("a", peers)) ==
        peers.at("a").text() + ": cannot listen there: Address already in use: is another coordd running?");
}
