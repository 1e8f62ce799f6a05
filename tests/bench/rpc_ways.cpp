// SPDX-License-Identifier: MIT
#include "rpc_ways.hpp"

#include <arpa/inet.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "base/check.hpp"
#include "base/descriptor.hpp"
#include "net/sealed_datagrams.hpp"
#include "net/tls.hpp"
#include "process/boot_time.hpp"
#include "wire/frame.hpp"

namespace coord::rpc {

void fail(const std::string& why) {
  (void)std::fprintf(stderr, "rpc_bench: %s\n", why.c_str());
  std::exit(1);
}

double median_us(const std::function<void()>& work) {
  constexpr int runs = 1001, each = 10;
  std::vector<double> times;
  for (int run = 0; run < runs; ++run) {
    const Instant begin = process::boot_now();
    for (int i = 0; i < each; ++i) work();
    times.push_back(static_cast<double>((process::boot_now() - begin).count()) / 1000.0 / each);
  }
  std::nth_element(times.begin(), times.begin() + runs / 2, times.end());
  return times[runs / 2];
}

namespace {

using process::boot_now;

constexpr std::size_t largest = std::size_t{64} << 10U;

// ---- streams: a frame says how long it is

class Stream : public End {
 public:
  explicit Stream(int fd) : fd_(fd) {}

  void close() override { (void)::shutdown(fd_.get(), SHUT_WR); }
  void send(ByteView message) override {
    while (!message.empty()) {
      const ssize_t sent = put(message);
      if (sent <= 0) fail("the other end is gone");
      message = message.subspan(static_cast<std::size_t>(sent));
    }
  }
  Bytes receive() override {
    for (;;) {
      auto frame = reader_.next();
      if (!frame) fail("what came is no frame");
      if (*frame) return wire::frame((*frame)->type, (*frame)->payload);
      const ssize_t count = take();
      if (count <= 0) return {};
      reader_.feed(ByteView(buffer_).first(static_cast<std::size_t>(count)));
    }
  }

 protected:
  virtual ssize_t put(ByteView bytes) { return ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  virtual ssize_t take() { return ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0); }

  Descriptor fd_;
  std::array<std::uint8_t, largest> buffer_;
  wire::FrameReader reader_;
};

Way unix_way() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) fail("no socket");
  return {std::make_unique<Stream>(pair[0]), std::make_unique<Stream>(pair[1])};
}

int bound(int type, sockaddr_in& address) {
  const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = 0;
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (fd < 0 || ::bind(fd, any, size) != 0 || ::getsockname(fd, any, &size) != 0)
    fail("no socket on loopback");
  return fd;
}

std::array<int, 2> tcp_pair() {
  sockaddr_in address{};
  const Descriptor listener(bound(SOCK_STREAM, address));
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::listen(listener.get(), 1) != 0 ||
      ::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    fail("no connection on loopback");
  const int server = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
  const int on = 1;
  for (const int fd : {client, server}) (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return {client, server};
}

Way tcp_way() {
  const auto pair = tcp_pair();
  return {std::make_unique<Stream>(pair[0]), std::make_unique<Stream>(pair[1])};
}

// ---- TLS as between two peers

net::KeyRing keys() {
  return net::KeyRing({{"k1", net::SecretKey(Bytes(net::key_size, 7))}});
}

// A peer's end of the protocol; the bytes go where its BIOs say.
class Tls {
 public:
  Tls(net::Side side, const std::string& self, const std::string& other)
      : settings_(self, {other}, keys()), ssl_(SSL_new(settings_.context().native_handle())) {
    handshake_.side = side;
    if (side == net::Side::initiator) handshake_.peer = other;
    settings_.attach(ssl_, handshake_);
    side == net::Side::initiator ? SSL_set_connect_state(ssl_) : SSL_set_accept_state(ssl_);
  }
  ~Tls() { SSL_free(ssl_); }
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  SSL* get() const { return ssl_; }

 private:
  net::Handshake handshake_;
  net::TlsSettings settings_;
  SSL* ssl_;
};

class TlsStream final : public Stream {
 public:
  TlsStream(int fd, net::Side side, const std::string& self, const std::string& other)
      : Stream(fd), tls_(side, self, other) {
    SSL_set_fd(tls_.get(), fd);
  }
  void meet() override {
    if (SSL_do_handshake(tls_.get()) != 1) fail("the TLS handshake failed");
  }

 private:
  ssize_t put(ByteView bytes) override {
    return SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }
  ssize_t take() override { return SSL_read(tls_.get(), buffer_.data(), static_cast<int>(buffer_.size())); }

  Tls tls_;
};

Way tls_way() {
  const auto pair = tcp_pair();
  return {std::make_unique<TlsStream>(pair[0], net::Side::initiator, "client", "server"),
          std::make_unique<TlsStream>(pair[1], net::Side::responder, "server", "client")};
}

double tls_sealing_us(std::size_t size) {
  const Tls client(net::Side::initiator, "client", "server"),
      server(net::Side::responder, "server", "client");
  BIO *one = nullptr, *other = nullptr;
  if (BIO_new_bio_pair(&one, largest, &other, largest) != 1) fail("no BIO");
  SSL_set_bio(client.get(), one, one);
  SSL_set_bio(server.get(), other, other);
  for (int turn = 0;
       turn < 10 && (SSL_is_init_finished(client.get()) == 0 || SSL_is_init_finished(server.get()) == 0);
       ++turn) {
    (void)SSL_do_handshake(client.get());
    (void)SSL_do_handshake(server.get());
  }
  Bytes message(size, 1), got(size);
  const auto over = [&](SSL* from, SSL* to) {
    if (SSL_write(from, message.data(), static_cast<int>(size)) != static_cast<int>(size) ||
        SSL_read(to, got.data(), static_cast<int>(size)) != static_cast<int>(size))
      fail("TLS in one process broke");
  };
  return median_us([&] {
    over(client.get(), server.get());
    over(server.get(), client.get());
  });
}

// ---- datagrams, bare and sealed

class Datagrams : public End {
 public:
  explicit Datagrams(int fd) : fd_(fd) {}
  void send(ByteView message) override { put(message); }
  Bytes receive() override { return take(-1); }
  void close() override { put({}); }  // none of ours is empty

 protected:
  void put(ByteView bytes) {
    if (::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) fail("the other end is gone");
  }
  // Empty: nothing within `timeout_ms`, or the other end is gone.
  Bytes take(int timeout_ms) {
    if (timeout_ms >= 0) {
      pollfd poll{fd_.get(), POLLIN, 0};
      if (::poll(&poll, 1, timeout_ms) <= 0) return {};
    }
    const ssize_t count = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
    if (count <= 0) return {};
    return {buffer_.begin(), buffer_.begin() + count};
  }

  Descriptor fd_;
  std::array<std::uint8_t, largest> buffer_;
};

std::array<int, 2> udp_pair() {
  std::array<sockaddr_in, 2> addresses{};
  const int one = bound(SOCK_DGRAM, addresses[0]), other = bound(SOCK_DGRAM, addresses[1]);
  if (::connect(one, reinterpret_cast<sockaddr*>(&addresses[1]), sizeof addresses[1]) != 0 ||
      ::connect(other, reinterpret_cast<sockaddr*>(&addresses[0]), sizeof addresses[0]) != 0)
    fail("no datagrams on loopback");
  return {one, other};
}

Way udp_way() {
  const auto pair = udp_pair();
  return {std::make_unique<Datagrams>(pair[0]), std::make_unique<Datagrams>(pair[1])};
}

net::SealedDatagrams seals(const std::string& self, const std::string& other, std::uint8_t life) {
  net::SealedDatagrams::Config config{.self = self, .peers = {other}, .keys = keys(), .draw = {}};
  config.life.fill(life);
  config.draw = [life, drawn = std::uint8_t{0}]() mutable {
    net::ChallengeNonce nonce{};
    nonce.fill(++drawn);
    nonce[0] = life;
    return nonce;
  };
  return net::SealedDatagrams(std::move(config));
}

class Sealed final : public Datagrams {
 public:
  Sealed(int fd, const std::string& self, const std::string& other, std::uint8_t life)
      : Datagrams(fd), other_(other), seals_(seals(self, other, life)) {}

  // Until the other's life is known; the server's end then goes on in receive().
  void meet() override {
    for (const Instant end = boot_now() + std::chrono::seconds(5); !seals_.status(other_).known;) {
      if (boot_now() > end) fail("the datagrams' challenge was not answered");
      for (const auto& out : seals_.tick(boot_now())) put(out.bytes);
      (void)open(take(20));
    }
  }
  void send(ByteView message) override {
    const auto bytes = seals_.seal(other_, message);
    if (!bytes) fail("nothing can be sealed");
    put(*bytes);
  }
  Bytes receive() override {
    for (;;) {
      const Bytes datagram = take(-1);
      if (datagram.empty()) return {};
      if (Bytes message = open(datagram); !message.empty()) return message;
    }
  }

 private:
  Bytes open(const Bytes& datagram) {
    if (datagram.empty()) return {};
    auto step = seals_.receive(boot_now(), datagram);
    for (const auto& out : step.outgoing) put(out.bytes);
    return step.received ? std::move(step.received->payload) : Bytes{};
  }

  const std::string other_;
  net::SealedDatagrams seals_;
};

Way sealed_way() {
  const auto pair = udp_pair();
  return {std::make_unique<Sealed>(pair[0], "client", "server", 1),
          std::make_unique<Sealed>(pair[1], "server", "client", 2)};
}

double datagram_sealing_us(std::size_t size) {
  auto client = seals("client", "server", 1), server = seals("server", "client", 2);
  std::vector<net::SealedDatagrams::Outgoing> to_server = client.tick(boot_now()), to_client;
  for (int turn = 0; turn < 4; ++turn) {
    for (const auto& out : to_server) to_client = server.receive(boot_now(), out.bytes).outgoing;
    to_server.clear();
    for (const auto& out : to_client) to_server = client.receive(boot_now(), out.bytes).outgoing;
    to_client.clear();
  }
  const Bytes message(size, 1);
  const auto over = [&](net::SealedDatagrams& from, const char* to, net::SealedDatagrams& at) {
    const auto bytes = from.seal(to, message);
    if (!bytes || !at.receive(boot_now(), *bytes).received) fail("sealed datagrams in one process broke");
  };
  return median_us([&] {
    over(client, "server", server);
    over(server, "client", client);
  });
}

// ---- memory that both processes see

struct Slot {
  std::atomic<std::uint32_t> full{0};  // 1: a message is there; 2: there will be none
  std::uint32_t size = 0;
  std::array<std::uint8_t, largest> bytes;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  (void)::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, nullptr, nullptr, 0);
}

class Memory final : public End {
 public:
  Memory(Slot* out, Slot* in) : out_(out), in_(in) {}

  void close() override { say(2); }
  void send(ByteView message) override {
    COORD_CHECK(message.size() <= largest);
    std::memcpy(out_->bytes.data(), message.data(), message.size());
    out_->size = static_cast<std::uint32_t>(message.size());
    say(1);
  }
  Bytes receive() override {
    while (in_->full.load() == 0) futex(in_->full, FUTEX_WAIT, 0);
    if (in_->full.load() == 2) return {};
    Bytes message(in_->bytes.begin(), in_->bytes.begin() + in_->size);
    in_->full.store(0);
    return message;
  }

 private:
  void say(std::uint32_t what) {
    out_->full.store(what);
    futex(out_->full, FUTEX_WAKE, 1);
  }
  Slot* out_;
  Slot* in_;
};

Way memory_way() {
  void* const pages =
      ::mmap(nullptr, 2 * sizeof(Slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) fail("no memory to share");
  auto* const slots = new (pages) Slot[2];
  return {std::make_unique<Memory>(&slots[0], &slots[1]), std::make_unique<Memory>(&slots[1], &slots[0])};
}

const std::map<std::string, Way (*)()> ways = {{"memory", memory_way}, {"unix", unix_way},
                                               {"tcp", tcp_way},       {"tls", tls_way},
                                               {"udp", udp_way},       {"sealed", sealed_way}};

}  // namespace

std::vector<std::string> names_of_ways() {
  return {"memory", "unix", "tcp", "tls", "udp", "sealed"};
}

Way make_way(const std::string& name) {
  const auto found = ways.find(name);
  if (found == ways.end()) fail(name + ": no such way");
  return found->second();
}

double sealing_us(const std::string& way, std::size_t message_bytes) {
  if (way == "tls") return tls_sealing_us(message_bytes);
  if (way == "sealed") return datagram_sealing_us(message_bytes);
  return 0;
}

}  // namespace coord::rpc
