// SPDX-License-Identifier: MIT
// How long a grant takes and how many there are a second, as a tool sees it over its peer's socket, beside
// what the machine itself needs for the same: two round trips on loopback and one synced write while two
// others write too.
//
// usage: core_bench floor DIRECTORY SECONDS
//        core_bench pairs SESSIONS SECONDS SOCKET...     (sessions are spread over the sockets)
//
// Prints `name value` lines; times are microseconds. scripts/bench-core runs it against three durable peers.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/check.hpp"
#include "base/descriptor.hpp"
#include "engine/local_connection.hpp"
#include "process/boot_time.hpp"

namespace {

using namespace coord;
using process::boot_now;

using Samples = std::vector<double>;  // microseconds

double us_since(Instant begin) {
  return static_cast<double>((boot_now() - begin).count()) / 1000.0;
}

double percentile(Samples samples, double part) {
  if (samples.empty()) return 0;
  const auto place = static_cast<std::size_t>(part * static_cast<double>(samples.size() - 1));
  std::nth_element(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(place), samples.end());
  return samples[place];
}

[[noreturn]] void fail(const std::string& why) {
  (void)std::fprintf(stderr, "core_bench: %s\n", why.c_str());
  std::exit(1);
}

// ---- the floor

constexpr std::size_t message_bytes = 150;  // about an append request with one command
constexpr std::size_t record_bytes = 512;

Descriptor listener(sockaddr_in& address) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 1) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    fail("no socket on loopback");
  return socket;
}

void no_delay(int socket) {
  const int on = 1;
  (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void echo(int socket) {
  std::array<char, message_bytes> buffer;
  for (ssize_t count = 0; (count = ::recv(socket, buffer.data(), buffer.size(), MSG_WAITALL)) > 0;) {
    if (::send(socket, buffer.data(), static_cast<std::size_t>(count), MSG_NOSIGNAL) != count) return;
  }
}

Samples round_trips(Duration length) {
  sockaddr_in address{};
  const Descriptor server = listener(address);
  Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    fail("no connection on loopback");
  Descriptor accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  no_delay(client.get());
  no_delay(accepted.get());
  std::thread other([&] { echo(accepted.get()); });
  Samples samples;
  std::array<char, message_bytes> buffer{};
  for (const Instant end = boot_now() + length; boot_now() < end;) {
    const Instant begin = boot_now();
    if (::send(client.get(), buffer.data(), buffer.size(), MSG_NOSIGNAL) < 0 ||
        ::recv(client.get(), buffer.data(), buffer.size(), MSG_WAITALL) < 0)
      fail("loopback broke");
    samples.push_back(us_since(begin));
  }
  client.reset();
  other.join();
  return samples;
}

// Writes and syncs records into space that is there already, as a log does.
class Writer {
 public:
  explicit Writer(const std::string& path)
      : path_(path), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
    const std::vector<char> zeros(space_, 0);
    if (!file_.is_open() || ::write(file_.get(), zeros.data(), zeros.size()) < 0 || ::fsync(file_.get()) != 0)
      fail(path + " cannot be written");
  }
  ~Writer() { ::unlink(path_.c_str()); }

  void write() {
    const std::array<char, record_bytes> record{'x'};
    if (::pwrite(file_.get(), record.data(), record.size(), place_) < 0 || ::fdatasync(file_.get()) != 0)
      fail(path_ + " cannot be synced");
    place_ = (place_ + static_cast<off_t>(record_bytes)) % static_cast<off_t>(space_);
  }

 private:
  static constexpr std::size_t space_ = std::size_t{4} << 20U;
  std::string path_;
  Descriptor file_;
  off_t place_ = 0;
};

Samples synced_writes(const std::string& directory, Duration length) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&, i] {
      Writer writer(directory + "/other" + std::to_string(i));
      while (!stop) writer.write();
    });
  }
  Samples samples;
  {
    Writer writer(directory + "/floor");
    for (const Instant end = boot_now() + length; boot_now() < end;) {
      const Instant begin = boot_now();
      writer.write();
      samples.push_back(us_since(begin));
    }
  }
  stop = true;
  for (std::thread& other : others) other.join();
  return samples;
}

void floor(const std::string& directory, Duration length) {
  const double trip = percentile(round_trips(length / 4), 0.5);
  const double write = percentile(synced_writes(directory, length * 3 / 4), 0.5);
  std::printf("round_trip %.1f\nsynced_write %.1f\nfloor %.1f\n", trip, write, 2 * trip + write);
}

// ---- acquire and release, as fast as the answers come

struct Session {
  engine::LocalConnection peer;
  std::string name;
  Instant asked{};
  std::uint64_t request = 0;
};

struct Figures {
  Samples acquires, releases, pairs;
};

void ask(Session& session) {
  local::Acquire acquire;
  acquire.request = ++session.request;
  acquire.names = {session.name};
  acquire.ttl = std::chrono::seconds(60);
  acquire.pid = static_cast<std::uint32_t>(::getpid());
  acquire.command = "core_bench";
  session.asked = boot_now();
  if (Status sent = session.peer.send(acquire); !sent) fail(sent.error().text());
}

// Takes one answer and sends what comes next.
void go_on(Session& session, Instant& granted, Figures& figures) {
  for (;;) {
    auto answer = session.peer.receive();
    if (!answer) fail(answer.error().text());
    if (!answer->has_value()) return;
    if (std::holds_alternative<local::Granted>(**answer)) {
      granted = boot_now();
      figures.acquires.push_back(static_cast<double>((granted - session.asked).count()) / 1000.0);
      (void)session.peer.take_hold();  // closed at once
      if (Status sent = session.peer.send(local::Release{session.request}); !sent) fail(sent.error().text());
    } else if (std::holds_alternative<local::Released>(**answer)) {
      figures.releases.push_back(us_since(granted));
      figures.pairs.push_back(us_since(session.asked));
      ask(session);
    } else if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      fail(refused->why);
    }
  }
}

void pairs(std::size_t count, Duration length, const std::vector<std::string>& sockets) {
  std::vector<Session> sessions;
  std::vector<pollfd> ready;
  std::vector<Instant> granted(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto peer = engine::LocalConnection::open(sockets[i % sockets.size()], "core_bench");
    if (!peer) fail(peer.error().text());
    ready.push_back({peer->fd(), POLLIN, 0});
    sessions.push_back({std::move(*peer), "bench" + std::to_string(i), {}, 0});
  }
  Figures figures;
  const Instant begin = boot_now();
  for (Session& session : sessions) ask(session);
  while (boot_now() < begin + length) {
    if (::poll(ready.data(), ready.size(), 1000) < 0) fail(std::strerror(errno));
    for (std::size_t i = 0; i < count; ++i) {
      if (ready[i].revents != 0) go_on(sessions[i], granted[i], figures);
    }
  }
  const double seconds = us_since(begin) / 1e6;
  std::printf("acquire_p50 %.1f\nacquire_p99 %.1f\nrelease_p50 %.1f\npair_p50 %.1f\npairs_per_s %.1f\n",
              percentile(figures.acquires, 0.5), percentile(figures.acquires, 0.99),
              percentile(figures.releases, 0.5), percentile(figures.pairs, 0.5),
              static_cast<double>(figures.pairs.size()) / seconds);
}

Duration seconds(const char* text) {
  const double value = std::atof(text);
  if (value <= 0 || value > 3600) fail("SECONDS is out of range");
  return Duration(static_cast<std::int64_t>(value * 1e9));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "floor" && argc == 4) {
    floor(argv[2], seconds(argv[3]));
  } else if (what == "pairs" && argc > 4) {
    const int sessions = std::atoi(argv[2]);
    if (sessions < 1 || sessions > 4000) fail("SESSIONS is out of range");
    pairs(static_cast<std::size_t>(sessions), seconds(argv[3]),
          std::vector<std::string>(argv + 4, argv + argc));
  } else {
    fail("usage: core_bench floor DIRECTORY SECONDS | pairs SESSIONS SECONDS SOCKET...");
  }
}
