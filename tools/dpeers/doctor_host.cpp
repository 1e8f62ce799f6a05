// SPDX-License-Identifier: MIT
// The part of dpeers doctor that looks at this host alone. It reads what the peer reads, with the peer's own
// code; what the peer would refuse is a failure in the same words.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/format.hpp"
#include "cli/authority.hpp"
#include "cli/config.hpp"
#include "cli/host_peer.hpp"
#include "cli/names.hpp"
#include "cli/values.hpp"
#include "dpeers/findings.hpp"
#include "store/directory_lock.hpp"

namespace coord::dpeers {

namespace {

using std::chrono::milliseconds;

constexpr int sync_samples = 20;
constexpr Duration slow_disk = milliseconds(20);
constexpr std::uint64_t little_space = 64U << 20U;  // bytes; below a quarter of it the peer refuses locks

// As root, the eyes of the peer's user: whose its state directory is. A key that only root may read is of no
// use to it.
class ThroughEyesOf {
 public:
  explicit ThroughEyesOf(const std::string& directory) {
    struct stat status {};
    if (::geteuid() != 0 || ::stat(directory.c_str(), &status) != 0 || status.st_uid == 0) return;
    changed_ = ::setegid(status.st_gid) == 0 && ::seteuid(status.st_uid) == 0;
  }
  ThroughEyesOf(const ThroughEyesOf&) = delete;
  ThroughEyesOf& operator=(const ThroughEyesOf&) = delete;
  ~ThroughEyesOf() {
    if (changed_) COORD_CHECK(::seteuid(0) == 0 && ::setegid(0) == 0);
  }

 private:
  bool changed_ = false;
};

std::string milliseconds_text(Duration duration) {
  return fmt::format("{}.{} ms", duration.count() / 1'000'000, duration.count() / 100'000 % 10);
}

void add_error(Findings& findings, std::string check, const Error& error) {
  add(findings, Health::fail, std::move(check), error.object, error.what, error.remedy);
}

// How long one small synced write takes there, several times; empty: not possible, errno says why.
std::vector<Duration> synced_writes(const std::string& directory) {
  const Descriptor file(::open(directory.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
  std::array<char, 4096> block{};
  std::vector<Duration> times;
  for (int i = 0; file.is_open() && i < sync_samples; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (::pwrite(file.get(), block.data(), block.size(), i * 4096) != static_cast<ssize_t>(block.size()) ||
        ::fdatasync(file.get()) != 0)
      return {};
    times.push_back(std::chrono::steady_clock::now() - begin);
  }
  std::sort(times.begin(), times.end());
  return times;
}

void examine_disk(Examined& examined, Findings& findings) {
  const std::string& directory = examined.state_dir;
  const std::vector<Duration> times = synced_writes(directory);
  if (times.empty()) {
    const bool no_way = errno == EOPNOTSUPP || errno == EISDIR;
    add(findings, no_way ? Health::warn : Health::fail, "disk", directory,
        std::string("no synced write can be made: ") + std::strerror(errno),
        errno == ENOSPC || errno == EDQUOT ? "free some space" : "check the owner and the file system");
    return;
  }
  examined.disk_sync = times[times.size() / 2];
  const std::string what =
      fmt::format("a synced write takes {}, at most {} of {}", milliseconds_text(examined.disk_sync),
                  milliseconds_text(times.back()), times.size());
  const bool slow = examined.disk_sync > slow_disk;
  add(findings, slow ? Health::warn : Health::ok, "disk", directory, what,
      slow ? "each lock waits for one: put the state directory on a faster disk" : "");
  struct statvfs space {};
  if (::statvfs(directory.c_str(), &space) != 0) return;
  const std::uint64_t free_bytes = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  if (free_bytes < little_space)
    add(findings, Health::warn, "disk", directory, fmt::format("only {} MiB are free", free_bytes >> 20U),
        "free some: a peer on a full disk refuses new locks");
}

// An ordinary member of the group cannot read the key, and need not: that is no fault.
bool is_for_us(const std::string& path) {
  return ::getuid() == 0 || ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0 || errno != EACCES;
}

// A new disk begins with the configured file alone.
void examine_configured_key(const std::string& configured, const std::string& in_force,
                            const net::KeyRing& ring, Findings& findings) {
  if (configured == in_force || !is_for_us(configured)) return;
  const std::string& id = ring.sending().id;
  const auto begins_with = net::read_key_file(configured);
  if (begins_with && std::ranges::any_of(begins_with->keys(), [&](const auto& key) { return key.id == id; }))
    return;
  add(findings, Health::warn, "key", configured,
      begins_with
          ? fmt::format("it lacks key {}, by which this host sends: with a new disk it could not come back",
                        id)
          : begins_with.error().text(),
      fmt::format("cp {} {}", in_force, configured));
}

}  // namespace

Examined examine_configuration(const cli::ConnectOptions& options, Findings& findings) {
  Examined examined;
  const auto authority = cli::find_authority(options.socket, options.config, options.engine, options.unsafe,
                                             cli::is_default_engine(options));
  if (!authority) {
    add_error(findings, "configuration", authority.error());
    return examined;
  }
  examined.socket = authority->socket;
  examined.state_dir = authority->state_dir;
  examined.config = authority->config;
  if (authority->kind == cli::Authority::Kind::named && options.config.empty()) {
    add(findings, Health::ok, "configuration", authority->socket,
        "named by --socket: only the running peer is looked at");
    return examined;
  }
  if (!authority->engine.empty()) {
    examined.usable = true;
    add(findings, Health::ok, "configuration", authority->engine,
        "an engine keeps the log: this user's gateway to it serves this user only; @USER/ and quotas bind "
        "nobody who has its credentials");
    return examined;
  }
  if (examined.config.empty()) {
    examined.usable = true;
    const bool of_host = authority->kind == cli::Authority::Kind::host;
    add(findings, Health::ok, "configuration", of_host ? cli::host_file : "none",
        of_host ? "the host's peer serves all its users" : "this user's private peer serves this user only");
    return examined;
  }
  cli::Options table("coordd", "");
  coordd::declare(table, examined.arguments);
  if (Status read = cli::load_config(table, examined.config); !read) {
    add_error(findings, "configuration", read.error());
    return examined;
  }
  examined.arguments.join_peers();
  if (examined.arguments.peer.socket.empty()) examined.arguments.peer.socket = examined.socket;
  const ThroughEyesOf peer(examined.arguments.peer.state_dir);
  // Which file counts: what `dpeers key` has written, where it has.
  const std::string& configured = examined.arguments.peer.key_file;
  const std::string key =
      configured.empty() ? std::string() : daemon::keys_path(examined.arguments.peer.state_dir, configured);
  const bool seen = key.empty() || is_for_us(key);
  const auto settings =
      seen ? daemon::check(examined.arguments.peer) : daemon::check_but_keys(examined.arguments.peer);
  if (!seen)
    add(findings, Health::ok, "key", key, "not looked at: it is for root and the peer's user to read");
  if (!settings) {
    const bool of_key = !key.empty() && settings.error().object.starts_with(key);
    add_error(findings, of_key ? "key" : "configuration", settings.error());
    return examined;
  }
  examined.usable = true;
  add(findings, Health::ok, "configuration", examined.config,
      settings->joins() ? fmt::format("{}, without a vote", settings->name)
                        : fmt::format("{}, one of {}", settings->name, settings->roster.size()));
  if (settings->roster.size() == 2)
    add(findings, Health::warn, "configuration", examined.config, "two peers stop when either is gone",
        "use three, or one");
  if (settings->keys) {
    add(findings, Health::ok, "key", key,
        fmt::format("{} of the right mode, owner and length", settings->keys->keys().size()));
    examine_configured_key(configured, key, *settings->keys, findings);
  }
  return examined;
}

void examine_state(Examined& examined, Findings& findings) {
  const std::string& directory = examined.state_dir;
  if (directory.empty()) return;
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 && errno == EACCES && ::geteuid() != 0) {
    add(findings, Health::ok, "state", directory,
        "not looked at: it is for root and the peer's user to enter");
    return;
  }
  if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    const bool is_private = examined.config.empty();  // made at the first start
    add(findings, is_private ? Health::ok : Health::fail, "state", directory,
        is_private ? "not there yet: the first tool makes it" : "it is no directory that can be used",
        is_private ? "" : "make it, owned by the peer's user, mode 0700");
    return;
  }
  const ThroughEyesOf peer(directory);
  if ((status.st_mode & 022U) != 0) {
    add(findings, Health::fail, "state", directory, "others may write to it", "chmod go-w it");
  } else if (status.st_uid != ::geteuid() && ::geteuid() != 0) {
    add(findings, Health::ok, "state", directory,
        fmt::format("not looked at: it belongs to user id {}", status.st_uid));
    return;
  }
  const auto holder = store::DirectoryLock::holder(directory);
  if (!holder) {
    add_error(findings, "state", holder.error());
  } else if (!*holder) {
    const bool expected = !examined.config.empty();
    add(findings, expected ? Health::warn : Health::ok, "state", directory, "no peer uses it now",
        expected ? "start the peer: systemctl start coordd, or coordd" : "");
  } else if ((*holder)->socket != examined.socket && !(*holder)->socket.empty()) {
    add(findings, Health::fail, "state", directory,
        fmt::format("process {} uses it and serves {}, not {}", (*holder)->pid, cli::shown((*holder)->socket),
                    examined.socket),
        "stop that peer, or correct `socket`");
  } else {
    examined.holder = (*holder)->pid;
    add(findings, Health::ok, "state", directory, fmt::format("used by process {}", (*holder)->pid));
  }
  examine_disk(examined, findings);
}

// A lease is counted by each host's own clock; up to a tenth of difference between
// their rates is allowed for.
void examine_clock(Findings& findings) {
  timex clock{};
  const int state = ::adjtimex(&clock);
  if (state < 0) {
    add(findings, Health::warn, "clock", "adjtimex", std::strerror(errno),
        "run this outside of the container");
    return;
  }
  const double tick_off = (static_cast<double>(clock.tick) - 10'000.0) / 10'000.0;
  const double rate_off = std::abs(tick_off + static_cast<double>(clock.freq) / 65'536.0 * 1e-6);
  const std::string per_cent = fmt::format("{} %", std::to_string(rate_off * 100).substr(0, 5));
  const Health rate = rate_off > 0.05 ? Health::fail : rate_off > 0.01 ? Health::warn : Health::ok;
  add(findings, rate, "clock", "rate", fmt::format("corrected by {}", per_cent),
      rate == Health::ok
          ? ""
          : "find the program that sets tick and frequency: leases hold up to 10 % between two hosts");
  const bool unsynced = state == TIME_ERROR || (clock.status & STA_UNSYNC) != 0;
  add(findings, unsynced ? Health::warn : Health::ok, "clock", "offset",
      unsynced ? "not synchronised: locks do not need it, times in listings do"
               : fmt::format("synchronised within {} ms", clock.maxerror / 1000),
      unsynced ? "run chrony or systemd-timesyncd" : "");
}

}  // namespace coord::dpeers
