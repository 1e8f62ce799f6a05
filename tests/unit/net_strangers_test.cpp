// SPDX-License-Identifier: MIT
// Strangers that would keep peers out: the room that is theirs, and what the handshake tells them.
#include <openssl/err.h>

#include <catch2/catch.hpp>
#include <set>

#include "net_group.hpp"

using namespace coord;
using namespace coord::net;
using namespace coord::net::test;

namespace {

boost::asio::ip::address_v4 from_number(unsigned number) {
  return boost::asio::ip::make_address_v4(0x7f000000U + number);  // 127.0.0.0/8 is all this host's
}

tcp::socket dial_from(boost::asio::io_context& io, unsigned source, std::uint16_t port) {
  tcp::socket socket(io);
  socket.open(tcp::v4());
  socket.bind({from_number(source), 0});
  socket.connect({boost::asio::ip::address_v4::loopback(), port});
  io.restart();
  io.poll();
  return socket;
}

std::vector<tcp::socket> crowd(boost::asio::io_context& io, int count, unsigned source, std::uint16_t port,
                               unsigned sources = 1) {
  std::vector<tcp::socket> sockets;
  for (int i = 0; i < count; ++i)
    sockets.push_back(dial_from(io, source + static_cast<unsigned>(i) % sources, port));
  return sockets;
}

bool is_open(boost::asio::io_context& io, tcp::socket& socket) {
  run_for(io, 20ms);
  boost::system::error_code error;
  socket.non_blocking(true);
  std::array<char, 4096> buffer{};
  while (!error) socket.read_some(boost::asio::buffer(buffer), error);
  return error == boost::asio::error::would_block;
}

// A peer's side of the handshake, step by step.
class Client {
 public:
  Client(const std::string& self, const std::string& to, KeyRing keys)
      : tls_(self, {self, to}, std::move(keys)), ssl_(SSL_new(tls_.context().native_handle())) {
    handshake_.side = Side::initiator;
    handshake_.peer = to;
    tls_.attach(ssl_, handshake_);
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_);
  }
  ~Client() { SSL_free(ssl_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool is_done() const { return SSL_is_init_finished(ssl_) == 1; }

  // What the client says next. The reason for which the handshake failed, or 0.
  int speak(tcp::socket& socket) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    const int reason = result == 1 ? 0 : ERR_GET_REASON(ERR_peek_error());
    std::array<char, 8192> buffer{};
    const int size = BIO_read(SSL_get_wbio(ssl_), buffer.data(), static_cast<int>(buffer.size()));
    boost::system::error_code closed;
    if (size > 0)
      socket.write_some(boost::asio::buffer(buffer.data(), static_cast<std::size_t>(size)), closed);
    return reason;
  }

  // What the server has said, waiting for it.
  bool hear(boost::asio::io_context& io, tcp::socket& socket) {
    socket.non_blocking(true);
    std::array<char, 8192> buffer{};
    std::size_t size = 0;
    boost::system::error_code error;
    if (!run_until(io, [&] {
          size = socket.read_some(boost::asio::buffer(buffer), error);
          return error != boost::asio::error::would_block;
        }))
      return false;
    return BIO_write(SSL_get_rbio(ssl_), buffer.data(), static_cast<int>(size)) > 0;
  }

 private:
  Handshake handshake_;
  TlsSettings tls_;
  SSL* ssl_;
};

PeerConfig patient(const std::string& name, const std::map<std::string, Address>& peers) {
  auto config = config_of(name, peers);
  config.times.establish = 60s;
  return config;
}

}  // namespace

TEST_CASE("a crowd from one address pushes out its own only") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, patient("a", peers));
  tcp::socket other = dial_from(io, 9, peers.at("a").port);
  const auto many = crowd(io, 200, 7, peers.at("a").port);
  CHECK(is_open(io, other));
}

TEST_CASE("crowds from many strange addresses do not push out who comes from a peer's") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, patient("a", peers));
  tcp::socket from_peer = dial_from(io, 1, peers.at("a").port);  // b is at 127.0.0.1
  tcp::socket strange = dial_from(io, 9, peers.at("a").port);
  const auto many = crowd(io, 300, 100, peers.at("a").port, 150);
  CHECK(is_open(io, from_peer));
  CHECK_FALSE(is_open(io, strange));
  CHECK(a->transport->refused() >= 260);
}

TEST_CASE("who has shown the key is not pushed out by a crowd without, even from its own address") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, patient("a", peers));
  tcp::socket socket = dial_from(io, 1, peers.at("a").port);
  Client b("b", "a", KeyRing({key("k1", 1)}));
  b.speak(socket);
  REQUIRE(b.hear(io, socket));
  const auto near = crowd(io, 100, 1, peers.at("a").port);
  const auto far = crowd(io, 100, 20, peers.at("a").port, 50);
  b.speak(socket);
  CHECK(b.is_done());
  CHECK(is_open(io, socket));
  // Nor may those who have it, or its recording, be too many.
  std::vector<std::unique_ptr<Client>> again;
  std::vector<tcp::socket> sockets;
  for (int i = 0; i < 6; ++i) {
    sockets.push_back(dial_from(io, 1, peers.at("a").port));
    again.push_back(std::make_unique<Client>("b", "a", KeyRing({key("k1", 1)})));
    again.back()->speak(sockets.back());
    REQUIRE(again.back()->hear(io, sockets.back()));
  }
  CHECK_FALSE(is_open(io, socket));
  CHECK(is_open(io, sockets.back()));
}

TEST_CASE("the handshake does not tell a stranger which names and key ids there are") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  const auto reason = [&](const std::string& self, const std::string& to, const std::string& key_id) {
    tcp::socket socket = dial_from(io, 1, peers.at("a").port);
    Client client(self, to, KeyRing({key(key_id, 99)}));
    client.speak(socket);
    REQUIRE(client.hear(io, socket));
    return client.speak(socket);
  };
  const int wrong_key = reason("b", "a", "k1");
  CHECK(wrong_key > SSL_AD_REASON_OFFSET);
  CHECK(reason("b", "a", "k2") == wrong_key);
  CHECK(reason("nobody", "a", "k1") == wrong_key);
  CHECK(reason("b", "c", "k1") == wrong_key);
  CHECK(reason("a", "b", "k1") == wrong_key);
  CHECK(a->times_logged("127.0.0.1: refused") == 1);  // a minute
}

TEST_CASE("a peer with the key that sends rubbish again and again does not fill the log") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "b"});
  const auto a = start_peer(io, config_of("a", peers));
  const auto settings =
      std::make_shared<TlsSettings>("b", std::set<std::string>{"a"}, KeyRing({key("k1", 1)}));
  const Greeting greeting{"b", group_digest(peers), "test"};
  for (int i = 0; i < 100; ++i) {
    tcp::socket socket(io);
    socket.connect({boost::asio::ip::address_v4::loopback(), peers.at("a").port});
    auto connection =
        std::make_shared<SecureConnection>(std::move(socket), settings, Side::initiator, "a", 65536);
    bool closed = false;
    connection->start({.secured =
                           [&] {
                             connection->send(wire::FrameType::hello, greeting.hello_to("a"), hello_version);
                             connection->send(wire::FrameType::request, Bytes{1});
                           },
                       .frame = [](wire::Frame&&) {},
                       .closed = [&](const std::string&) { closed = true; }});
    REQUIRE(run_until(io, [&] { return closed; }));
  }
  CHECK(a->times_logged("no place between peers") == 10);
  CHECK(a->times_logged("came from") == 10);
}
