// SPDX-License-Identifier: MIT
// Who is not let in: strangers, peers with another key or of another group, rubbish, and those who only want
// to be in the way.
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <fstream>

#include "net_group.hpp"

using namespace coord;
using namespace coord::net;
using namespace coord::net::test;

namespace {

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

tcp::socket dial(boost::asio::io_context& io, const Address& address) {
  tcp::socket socket(io);
  socket.connect({boost::asio::ip::make_address(address.host), address.port});
  return socket;
}

void say(tcp::socket& socket, const std::string& text) {
  boost::system::error_code closed;
  boost::asio::write(socket, boost::asio::buffer(text), closed);
}

// Has the other side closed it? Reads what is there, without waiting.
bool is_closed(tcp::socket& socket) {
  boost::system::error_code error;
  socket.non_blocking(true);
  std::array<char, 4096> buffer{};
  while (!error) socket.read_some(boost::asio::buffer(buffer), error);
  return error != boost::asio::error::would_block;
}

void check_never_connected(boost::asio::io_context& io, const Peer& a, const Peer& b) {
  run_for(io, 400ms);
  CHECK_FALSE(a.link("b").up);
  CHECK_FALSE(b.link("a").up);
  CHECK_FALSE(a.transport->status()[0].incoming);
  CHECK_FALSE(b.transport->status()[0].incoming);
}

}  // namespace

TEST_CASE("a peer with another key of the same id is refused, and both say so") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  auto other = config_of("b", peers);
  other.keys = KeyRing({key("k1", 9)});
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, other);
  check_never_connected(io, *a, *b);
  CHECK(a->times_logged(
            "127.0.0.1: refused: its key is not ours although it has the same id k1 (it says it is b)") == 1);
  CHECK(b->logged("peer a: not connected: it refused our key k1 or our name"));
  CHECK(a->transport->refused() > 1);
}

TEST_CASE("a peer with a key of another id is refused") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  auto other = config_of("b", peers);
  other.keys = KeyRing({key("new", 1)});
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, other);
  check_never_connected(io, *a, *b);
  CHECK(a->logged("refused: no key here has the id new that b uses: ours is k1"));
}

TEST_CASE("whoever looks whether the port is open hides no peer that is refused") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  dial(io, peers.at("a")).close();
  REQUIRE(run_until(
      io, [&] { return a->times_logged(": refused: ") == 1; }, 2s));
  auto other = config_of("b", peers);
  other.keys = KeyRing({key("new", 1)});
  const auto b = start_peer(io, other);
  check_never_connected(io, *a, *b);
  CHECK(a->logged("refused: no key here has the id new that b uses: ours is k1"));
}

TEST_CASE("a peer of a group with another list is refused, and both say why") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  auto larger = peers;
  larger["c"] = loopback(1);
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, config_of("b", larger));
  check_never_connected(io, *a, *b);
  CHECK(
      a->logged("refused: peer b: it has another list of peers: c is only there, at 127.0.0.1:1: make "
                "--peers the same on every host"));
  CHECK(a->logged("peer b: not connected: it has another list of peers"));
  CHECK(b->logged("it has another list of peers"));
}

TEST_CASE("who is refused by a peer that it would take itself comes more and more seldom, and says so once") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto later = [&](const std::string& name) {
    auto config = config_of(name, peers);
    config.level = config.knows = 2;
    config.group_id = std::string(32, 'a');
    config.times.backoff_high = 1s;
    return config;
  };
  auto config = later("a");
  config.roster = {};
  REQUIRE(config.roster.found("a", peers.at("a")).ok());
  REQUIRE(config.roster.admit({NodeId{7}, "b", peers.at("b"), false, true}).ok());  // on another disk
  const auto a = start_peer(io, std::move(config));
  const auto b = start_peer(io, later("b"));
  bool answers = false;
  run_until(
      io,
      [&] {
        // What arrives this way does not make it dial the one that it refuses itself.
        b->transport->send_datagram("a", {});
        return answers = answers || b->link("a").answers;
      },
      2s);
  CHECK(b->times_greeted > 2);
  CHECK(b->times_greeted <= 20);
  CHECK_FALSE(answers);
  CHECK(a->logged("it is on another disk than the one that has its name here"));
  CHECK(a->transport->refused() > 2);
  CHECK(a->transport->refused() <= 20);
  CHECK(b->times_logged("connected to") == 0);
  CHECK(b->times_logged("connection lost") == 0);
  CHECK(b->times_logged("not connected") <= 2);
}

TEST_CASE("a peer refuses its own name") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  auto twin_peers = peers;
  twin_peers["a"] = loopback(free_port());
  twin_peers["b"] = peers.at("a");  // it reaches a where it looks for b
  const auto a = start_peer(io, config_of("a", peers));
  const auto twin = start_peer(io, config_of("a", twin_peers));
  run_for(io, 300ms);
  CHECK_FALSE(twin->link("b").up);
  CHECK(a->logged("refused: it calls itself a, as this peer does"));
}

TEST_CASE("a peer that is looked for under another's address refuses") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b", "c"});
  auto wrong = peers;
  wrong["c"] = peers.at("a");
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, config_of("b", wrong));
  run_for(io, 300ms);
  CHECK_FALSE(b->link("c").up);
  CHECK(a->logged("refused: it wants to speak to c, not to us"));
}

TEST_CASE("rubbish is refused and told once") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  for (const std::string& rubbish :
       {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), std::string("SSH-2.0-OpenSSH_9.2\r\n"),
        std::string(20000, '\0'), std::string("\x16\x03\x01\xff\xff") + std::string(70000, '\x01')}) {
    auto socket = dial(io, peers.at("a"));
    say(socket, rubbish);
    REQUIRE(run_until(
        io, [&] { return is_closed(socket); }, 2s));
  }
  CHECK(a->transport->refused() == 4);
  CHECK(a->times_logged(": refused: ") == 1);
  CHECK(a->logged("127.0.0.1: refused: it does not speak as a peer"));
}

TEST_CASE("who says nothing, or only a byte now and then, is closed in time") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  auto silent = dial(io, peers.at("a"));
  auto slow = dial(io, peers.at("a"));
  const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  std::size_t said = 0;
  const auto began = std::chrono::steady_clock::now();
  REQUIRE(run_until(
      io,
      [&] {
        if (said < hello.size() && std::chrono::steady_clock::now() - began > said * 30ms)
          say(slow, {hello[said++]});
        return is_closed(silent) && is_closed(slow);
      },
      2s));
  CHECK(std::chrono::steady_clock::now() - began > 250ms);
}

TEST_CASE("a server that accepts and says nothing does not hold up the other peers") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b", "c"});
  tcp::acceptor mute(io, {boost::asio::ip::make_address("127.0.0.1"), peers.at("b").port});
  const auto a = start_peer(io, config_of("a", peers));
  const auto c = start_peer(io, config_of("c", peers));
  REQUIRE(connected(io, *a, "a", *c, "c"));
  REQUIRE(run_until(
      io, [&] { return a->logged("peer b: not connected: no answer in time"); }, 3s));
  CHECK(a->link("c").up);
}

TEST_CASE("someone with the key but no manners is refused") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  const auto tls = std::make_shared<TlsSettings>("b", std::set<std::string>{"a"}, KeyRing({key("k1", 1)}));
  const auto visit = [&](wire::FrameType type, const Bytes& payload) {
    std::string closed;
    auto visitor =
        std::make_shared<SecureConnection>(dial(io, peers.at("a")), tls, Side::initiator, "a", 1 << 20U);
    visitor->start({.secured = [&] { visitor->send(type, payload); },
                    .frame = [](wire::Frame&&) {},
                    .closed = [&](const std::string& why) { closed = why; }});
    REQUIRE(run_until(
        io, [&] { return !closed.empty(); }, 2s));
    visitor->close();
  };
  visit(wire::FrameType::hello, Bytes(5000));  // more than a hello may have
  visit(wire::FrameType::hello, Bytes(50));
  visit(wire::FrameType::message, Bytes(50));
  CHECK(a->transport->refused() == 3);
  CHECK(a->logged("refused: it sent a wrong frame: it is larger than allowed"));
  CHECK(a->inbox.empty());
}

TEST_CASE("idle strangers do not keep peers away") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  std::vector<tcp::socket> strangers;
  for (int i = 0; i < 100; ++i) {
    strangers.push_back(dial(io, peers.at("a")));
    io.restart();
    io.poll();
  }
  const auto b = start_peer(io, config_of("b", peers));
  CHECK(connected(io, *a, "a", *b, "b"));
  CHECK(a->logged("too many connections that did not greet yet"));
}

TEST_CASE("ten thousand connections of rubbish cost bounded memory and disturb nobody") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  const auto b = start_peer(io, config_of("b", peers));
  REQUIRE(connected(io, *a, "a", *b, "b"));
  const auto attack = [&](int connections) {
    std::vector<tcp::socket> sockets;
    for (int i = 0; i < connections; ++i) {
      sockets.push_back(dial(io, peers.at("a")));
      if (i % 3 != 0)
        say(sockets.back(), std::string(static_cast<std::size_t>(i % 700), static_cast<char>(i % 256)));
      if (sockets.size() == 100) sockets.clear();
      io.restart();
      io.poll();
    }
  };
  attack(1000);
  const std::size_t before = resident_bytes();
  attack(9000);
  const std::size_t after = resident_bytes();
  INFO(before << " -> " << after);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(after < before + (std::size_t{2} << 20U));
#endif
  REQUIRE(run_until(io, [&] { return a->transport->refused() >= 9900; }));
  CHECK(a->link("b").up);
  CHECK(a->times_logged("127.0.0.1: refused") == 1);
  CHECK(b->transport->send("a", Bytes{1}));
  CHECK(run_until(io, [&] { return a->inbox.size() == 1; }));
}
