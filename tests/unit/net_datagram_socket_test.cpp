// SPDX-License-Identifier: MIT
// Datagrams between peers on loopback, beside their connections.
#include <algorithm>
#include <boost/asio/ip/udp.hpp>
#include <catch2/catch.hpp>

#include "net_group.hpp"

using namespace coord;
using namespace coord::net;
using namespace coord::net::test;
using boost::asio::ip::udp;

namespace {

struct End {
  std::vector<std::pair<std::string, Bytes>> datagrams;
  std::vector<std::string> log;
  std::unique_ptr<PeerTransport> transport;

  DatagramStatus of(const std::string& peer) const {
    for (const auto& status : transport->status())
      if (status.name == peer) return status.datagrams;
    return {};
  }
  std::ptrdiff_t told(const std::string& text) const {
    return std::ranges::count_if(log, [&](const std::string& line) { return line.find(text) != line.npos; });
  }
};

std::unique_ptr<End> start_end(boost::asio::io_context& io, PeerConfig config) {
  auto end = std::make_unique<End>();
  PeerHandlers handlers;
  handlers.message = [](const std::string&, wire::Frame&&) {};
  handlers.datagram = [e = end.get()](const std::string& from, wire::Frame&& message) {
    e->datagrams.emplace_back(from, std::move(message.payload));
  };
  end->transport =
      PeerTransport::open(io, std::move(config), std::move(handlers),
                          [e = end.get()](LogLevel, const std::string& line) { e->log.push_back(line); })
          .value();
  end->transport->start();
  return end;
}

bool meet_by_datagram(boost::asio::io_context& io, const End& a, const End& b) {
  return run_until(io, [&] { return a.of("b").known && b.of("a").known; });
}

void exchange_datagrams(const std::map<std::string, Address>& peers, Address a_listens, Address b_listens) {
  boost::asio::io_context io;
  auto a_config = config_of("a", peers);
  auto b_config = config_of("b", peers);
  a_config.listen = std::move(a_listens);
  b_config.listen = std::move(b_listens);
  const auto a = start_end(io, std::move(a_config));
  const auto b = start_end(io, std::move(b_config));
  REQUIRE(meet_by_datagram(io, *a, *b));
  const Bytes largest(datagram_message_limit, 5);
  CHECK(a->transport->send_datagram("b", largest));
  CHECK(b->transport->send_datagram("a", Bytes{1}));
  CHECK(run_until(io, [&] { return a->datagrams.size() == 1 && b->datagrams.size() == 1; }));
  CHECK(b->datagrams.at(0) == std::pair<std::string, Bytes>("a", largest));
  CHECK(a->datagrams.at(0).first == "b");
  CHECK_FALSE(a->transport->send_datagram("b", Bytes(datagram_message_limit + 1)));
  CHECK(a->of("b").sent == 1);
  CHECK(a->of("b").received == 1);
  CHECK(a->of("b").answered.has_value());
  CHECK(a->transport->status().at(0).datagrams_dropped == 1);
}

}  // namespace

TEST_CASE("datagrams pass between two peers, by IPv4, IPv6 and both") {
  const std::uint16_t a = free_port();
  const std::uint16_t b = free_port();
  exchange_datagrams({{"a", {"127.0.0.1", a}}, {"b", {"127.0.0.1", b}}}, {"127.0.0.1", a}, {"127.0.0.1", b});
  exchange_datagrams({{"a", {"::1", a}}, {"b", {"::1", b}}}, {"::1", a}, {"::1", b});
  exchange_datagrams({{"a", {"127.0.0.1", a}}, {"b", {"127.0.0.1", b}}}, {"", a}, {"127.0.0.1", b});
  exchange_datagrams({{"a", {"localhost", a}}, {"b", {"localhost", b}}}, {"", a}, {"", b});
}

TEST_CASE("a peer that has restarted is known again, and what it sends counts from the beginning") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_end(io, config_of("a", peers));
  auto b = start_end(io, config_of("b", peers));
  REQUIRE(meet_by_datagram(io, *a, *b));
  for (int i = 0; i < 100; ++i) b->transport->send_datagram("a", Bytes{1});
  REQUIRE(run_until(io, [&] { return a->datagrams.size() == 100; }));
  b.reset();
  b = start_end(io, config_of("b", peers));
  REQUIRE(meet_by_datagram(io, *a, *b));
  CHECK(run_until(io, [&] {
    b->transport->send_datagram("a", Bytes{2});
    return a->datagrams.back().second == Bytes{2};
  }));
  CHECK(run_until(io, [&] {
    a->transport->send_datagram("b", Bytes{3});
    return !b->datagrams.empty();
  }));
}

TEST_CASE("a UDP port that is taken is said, and connections serve") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const udp::socket taken(io, udp::endpoint(boost::asio::ip::address_v4::loopback(), peers.at("b").port));
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, config_of("b", peers));
  REQUIRE(connected(io, *a, "a", *b, "b"));
  CHECK(b->transport->no_datagrams().find("in use") != std::string::npos);
  CHECK(b->logged("UDP port " + std::to_string(peers.at("b").port)));
  CHECK_FALSE(a->transport->send_datagram("b", Bytes{1}));
  CHECK(a->transport->send("b", Bytes{1}));
  CHECK(run_until(io, [&] { return b->inbox.size() == 1; }));
  CHECK(run_until(io, [&] { return a->transport->status().at(0).datagrams.unanswered >= 3; }));
  CHECK_FALSE(a->transport->status().at(0).datagrams.heard);
}

TEST_CASE("a flood of rubbish, large and small, is not answered and keeps nobody from talking") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_end(io, config_of("a", peers));
  const auto b = start_end(io, config_of("b", peers));
  REQUIRE(meet_by_datagram(io, *a, *b));
  udp::socket stranger(io, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  stranger.non_blocking(true);
  const udp::endpoint to(boost::asio::ip::address_v4::loopback(), peers.at("a").port);
  std::size_t sent = 0;
  boost::system::error_code full;
  const auto throw_in = [&](std::size_t size) {
    if (stranger.send_to(boost::asio::buffer(Bytes(size, 0x44)), to, 0, full) > 0 && !full) ++sent;
  };
  for (int round = 0; round < 200; ++round) {
    for (const std::size_t size : {1U, 12U, 76U, 600U, 1244U, 1245U, 65507U}) throw_in(size);
    io.poll();
  }
  CHECK(sent > 500);
  CHECK(run_until(io, [&] {
    b->transport->send_datagram("a", Bytes{1});
    return !a->datagrams.empty();
  }));
  CHECK(a->transport->foreign_datagrams() > 100);
  CHECK(stranger.available() == 0);
  CHECK(a->told("datagrams come that do not open") == 1);
  CHECK(b->told("datagrams come that do not open") == 0);
}

TEST_CASE("datagrams under keys of a ring, changed while they run") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_end(io, config_of("a", peers));
  const auto b = start_end(io, config_of("b", peers));
  REQUIRE(meet_by_datagram(io, *a, *b));
  const KeyRing both({key("k2", 2), key("k1", 1)});
  b->transport->set_keys(KeyRing({key("k1", 1), key("k2", 2)}));
  a->transport->set_keys(both);
  CHECK(a->transport->send_datagram("b", Bytes{1}));
  CHECK(b->transport->send_datagram("a", Bytes{1}));
  CHECK(run_until(io, [&] { return a->datagrams.size() == 1 && b->datagrams.size() == 1; }));
}

TEST_CASE("from level 2 on each message bears its sender's stamp, by both ways, and level 1 none") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  std::vector<std::uint64_t> heard;
  std::vector<Bytes> messages, datagrams;
  const auto start = [&](const std::string& name, std::uint64_t stamp, bool listens) {
    auto config = config_of(name, peers);
    config.level = config.knows = 2;
    config.stamp = [stamp] { return stamp; };
    PeerHandlers handlers{[&, listens](const std::string&, wire::Frame&& frame) {
      if (listens) messages.push_back(std::move(frame.payload));
    }};
    handlers.datagram = [&, listens](const std::string&, wire::Frame&& frame) {
      if (listens) datagrams.push_back(std::move(frame.payload));
    };
    handlers.stamped = [&, listens](const std::string&, std::uint64_t what) {
      if (listens) heard.push_back(what);
    };
    auto transport =
        PeerTransport::open(io, std::move(config), std::move(handlers), [](LogLevel, const std::string&) {});
    (*transport)->start();
    return std::move(transport).value();
  };
  const auto a = start("a", 77, false);
  const auto b = start("b", 88, true);
  const Bytes largest(datagram_message_limit, 5);
  REQUIRE(run_until(io, [&] { return a->send("b", Bytes{1, 2, 3}, 2); }));
  REQUIRE(run_until(io, [&] { return a->send_datagram("b", largest, 2); }));
  CHECK_FALSE(a->send_datagram("b", Bytes(datagram_message_limit + 1), 2));
  REQUIRE(run_until(io, [&] { return !messages.empty() && !datagrams.empty(); }));
  CHECK(messages.front() == Bytes{1, 2, 3});
  CHECK(datagrams.front() == largest);
  CHECK(heard == std::vector<std::uint64_t>{77, 77});
  REQUIRE(a->send("b", Bytes{4}, 1));
  REQUIRE(run_until(io, [&] { return messages.size() == 2; }));
  CHECK(messages.back() == Bytes{4});
  CHECK(heard.size() == 2);
}
