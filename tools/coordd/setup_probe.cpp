// SPDX-License-Identifier: MIT
#include "coordd/setup_probe.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "base/own_file.hpp"
#include "cli/run.hpp"
#include "daemon/setup_listener.hpp"
#include "daemon/system_random.hpp"
#include "net/peer_transport.hpp"

namespace coord::coordd {

namespace {

using std::chrono::milliseconds;

constexpr Duration look_every = milliseconds(50);
constexpr Duration patience = std::chrono::seconds(8);
constexpr Duration for_datagrams = std::chrono::seconds(2);      // once both directions are open by TCP
constexpr Duration for_the_other_way = std::chrono::seconds(4);  // once one is

net::Log quiet() {
  return net::Log([](net::LogLevel level, const std::string& line) {
    if (level <= net::LogLevel::warning && line.starts_with("listen: ")) cli::notice("coordd", line);
  });
}

// `knows`: what this program does, so that a peer of the group takes it for one that may come in.
Result<std::unique_ptr<net::PeerTransport>> open_transport(boost::asio::io_context& io,
                                                           const daemon::Settings& settings,
                                                           const net::KeyRing& keys) {
  net::PeerConfig config{settings.name, settings.listen, settings.roster, keys, COORD_VERSION};
  config.knows = newest_level;
  config.life = daemon::from_system_random<std::uint64_t>();
  config.timing = {settings.options.heartbeat, settings.options.election_low, settings.options.election_high};
  net::PeerHandlers handlers;
  handlers.message = [](const std::string&, wire::Frame&&) {};
  return net::PeerTransport::open(io, std::move(config), std::move(handlers), quiet());
}

// Calls `look` now and then until it says that it is over.
void look_until_over(boost::asio::io_context& io, boost::asio::steady_timer& timer,
                     const std::function<bool()>& look) {
  if (look()) return io.stop();
  timer.expires_after(look_every);
  timer.async_wait([&io, &timer, look](const boost::system::error_code& error) {
    if (!error) look_until_over(io, timer, look);
  });
}

[[noreturn]] void tell_and_end(int told, const std::string& why) {
  (void)!::write(told, why.data(), why.size());
  ::_exit(1);
}

// The process that stays: nothing of the caller's is left in it but its lock.
[[noreturn]] void serve_probes(const Places& places, const daemon::Settings& settings,
                               const net::KeyRing& keys, Descriptor told, Descriptor lock) {
  constexpr int told_fd = 3, lock_fd = 4;
  (void)::setsid();
  const int told_to = ::fcntl(told.get(), F_DUPFD_CLOEXEC, 10);
  const int locked = ::fcntl(lock.get(), F_DUPFD_CLOEXEC, 10);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2; ++fd) (void)::dup2(null, fd);
  (void)::dup3(told_to, told_fd, O_CLOEXEC);
  (void)::dup3(locked, lock_fd, O_CLOEXEC);
  (void)::close_range(lock_fd + 1, ~0U, 0);
  (void)!::chdir("/");
  if (::geteuid() == 0 && places.owner != 0 &&
      (::setgroups(0, nullptr) != 0 || ::setgid(places.group) != 0 || ::setuid(places.owner) != 0))
    tell_and_end(told_fd, std::strerror(errno));
  (void)::prctl(PR_SET_DUMPABLE, 0);
  std::signal(SIGPIPE, SIG_IGN);
  boost::asio::io_context io(1);
  auto transport = open_transport(io, settings, keys);
  if (!transport) tell_and_end(told_fd, transport.error().text());
  (*transport)->start();
  (void)::close(told_fd);
  boost::asio::steady_timer timer(io);
  const auto end = std::chrono::steady_clock::now() + listener_stays;
  look_until_over(io, timer, [&] { return std::chrono::steady_clock::now() >= end || peer_runs(places); });
  io.run();
  ::_exit(0);
}

std::string told_by(int fd) {
  std::string text;
  std::array<char, 512> part{};
  for (;;) {
    const ssize_t n = ::read(fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(part.data(), static_cast<std::size_t>(n));
  }
}

bool is_absence(const std::string& error) {
  return error.starts_with("cannot connect: Connection refused") || error == "no answer in time" ||
         error.starts_with("cannot connect: Connection timed out") ||
         error.starts_with("it closed the connection during the handshake");
}

Reach judge(const net::PeerStatus& peer, const std::string& own_port) {
  const std::string at = fmt::format("{} at {}: ", peer.name, peer.address.text());
  const std::string port = std::to_string(peer.address.port);
  const std::string& error = peer.link.last_error;
  if (peer.link.answers && peer.incoming) {
    const bool datagrams = peer.datagrams.answered.has_value();
    return {peer.name, Reach::Verdict::both,
            at + (datagrams
                      ? "both directions, TCP and UDP"
                      : fmt::format("both directions by TCP, none by UDP: open UDP {} on both hosts", port))};
  }
  if (peer.link.answers)
    return {peer.name, Reach::Verdict::wrong,
            fmt::format("{}we reach it, it does not reach us: open TCP {} on this host", at, own_port)};
  if (peer.incoming)
    return {peer.name, Reach::Verdict::wrong,
            fmt::format("{}it reaches us, we do not reach it ({}): open TCP {} on {}", at, error, port,
                        peer.name)};
  if (error == "no answer in time")
    return {peer.name, Reach::Verdict::wrong,
            fmt::format("{}no answer: open TCP {} on {}", at, port, peer.name)};
  if (is_absence(error))
    return {peer.name, Reach::Verdict::absent, fmt::format("{}nobody listens there yet", at)};
  return {peer.name, Reach::Verdict::wrong, at + (error.empty() ? "no answer" : error)};
}

}  // namespace

bool peer_runs(const Places& places) {
  const auto holder = directory_holder(places.state_dir);
  return holder && holder->has_value();
}

namespace {

std::string lock_of_listener(const Places& places) {
  return fmt::format("{}/{}", places.state_dir, daemon::setup_listener_name);
}

bool listener_runs(const Places& places) {
  const auto lock = open_own_file(lock_of_listener(places), O_RDWR);
  return lock && ::flock(lock->get(), LOCK_EX | LOCK_NB) != 0;
}

}  // namespace

Status can_listen(const Places& places, const daemon::Settings& settings) {
  if (peer_runs(places) || listener_runs(places)) return done();
  const auto keys =
      net::parse_keys(fmt::format("{}\n", net::new_key_line()), "a new key");  // nobody else's: no way in
  if (!keys) return keys.error();
  boost::asio::io_context io(1);
  const auto transport = open_transport(io, settings, *keys);
  if (!transport) return transport.error();
  return done();
}

Result<bool> leave_listener(const Places& places, const daemon::Settings& settings,
                            const net::KeyRing& keys) {
  if (peer_runs(places)) return false;
  const std::string path = lock_of_listener(places);
  Descriptor lock;
  {
    const ActingAs peer(places);
    auto file = open_own_file(path, O_RDWR | O_CREAT);
    if (!file) return file.error();
    lock = std::move(*file);
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return false;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return Error{ErrorKind::unavailable, "pipe", std::strerror(errno), ""};
  Descriptor told(ends[0]), tells(ends[1]);
  if (Status out = cli::flush(); !out) return out.error();
  const pid_t pid = ::fork();
  if (pid < 0) return Error{ErrorKind::unavailable, "fork", std::strerror(errno), ""};
  if (pid == 0) serve_probes(places, settings, keys, std::move(tells), std::move(lock));
  tells = Descriptor();
  const std::string why = told_by(told.get());
  if (!why.empty())
    return Error{ErrorKind::unavailable, settings.listen.text(), why,
                 "the next host cannot check both directions: mend it and run this again"};
  return true;
}

Result<std::vector<Reach>> probe(const daemon::Settings& settings, const net::KeyRing& keys) {
  boost::asio::io_context io(1);
  auto transport = open_transport(io, settings, keys);
  if (!transport) return transport.error();
  (*transport)->start();
  boost::asio::steady_timer timer(io);
  std::map<std::string, std::chrono::steady_clock::time_point> one_way, both_ways;
  const auto began = std::chrono::steady_clock::now();
  const auto settled = [&](const net::PeerStatus& peer) {
    const auto now = std::chrono::steady_clock::now();
    if (peer.link.answers && peer.incoming)
      return peer.datagrams.answered ||
             now - both_ways.try_emplace(peer.name, now).first->second > for_datagrams;
    if (peer.link.answers || peer.incoming)
      return now - one_way.try_emplace(peer.name, now).first->second > for_the_other_way;
    // Refused by everybody who is there: it may come back from the first attempt of several.
    return !peer.link.last_error.empty() &&
           now - began > (is_absence(peer.link.last_error) ? Duration(milliseconds(500))
                                                           : Duration(std::chrono::seconds(2)));
  };
  look_until_over(io, timer, [&] {
    bool all = true;
    for (const net::PeerStatus& peer : (*transport)->status()) all = settled(peer) && all;
    return all || std::chrono::steady_clock::now() - began > patience;
  });
  io.run();
  std::vector<Reach> reached;
  for (const net::PeerStatus& peer : (*transport)->status())
    reached.push_back(judge(peer, std::to_string(settings.listen.port)));
  return reached;
}

}  // namespace coord::coordd
