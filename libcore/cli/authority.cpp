// SPDX-License-Identifier: MIT
#include "cli/authority.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/descriptor.hpp"
#include "base/engine_url.hpp"
#include "base/format.hpp"
#include "base/hand_over.hpp"
#include "base/own_file.hpp"
#include "cli/config.hpp"
#include "cli/home.hpp"
#include "cli/host_peer.hpp"

namespace coord::cli {

namespace {

Error unavailable(std::string object, std::string what, std::string remedy) {
  return Error{ErrorKind::unavailable, std::move(object), std::move(what), std::move(remedy)};
}

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : nullptr;
}

const char* to_make_it(int error) {
  return error == ENOSPC || error == EDQUOT ? "make room on its file system" : "make its parent writable";
}

// A directory of this user's alone.
Status own_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return unavailable(path, std::string("cannot be made: ") + std::strerror(errno), to_make_it(errno));
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return unavailable(path, std::strerror(errno), "");
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0) {
    return unavailable(path, "it is not a directory of this user's alone",
                       "remove it, or set XDG_RUNTIME_DIR");
  }
  return done();
}

Status make_parents(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) {
      return unavailable(parent, std::string("cannot be made: ") + std::strerror(errno), to_make_it(errno));
    }
  }
  return done();
}

// /etc/machine-id, or the host's name where there is none.
std::string machine_id() {
  std::array<char, 64> text{};
  const Descriptor file(::open("/etc/machine-id", O_RDONLY | O_CLOEXEC));
  if (file.is_open() && ::read(file.get(), text.data(), 32) == 32) return text.data();
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return std::string("host-") + host.data();
}

// XDG_STATE_HOME, where it is this user's own: as with HOME (cli/home.hpp), that of somebody else, kept by
// sudo -E, is as good as none. What of it is not there yet would be made as ours: then it is about the
// directory in which that would be done, and root's may be anybody's parent.
std::optional<std::string> own_state_home() {
  const char* const given = variable("XDG_STATE_HOME");
  if (given == nullptr) return std::nullopt;
  for (std::string at = given; !at.empty(); at.erase(at.rfind('/'))) {
    struct stat status {};
    if (::stat(at.c_str(), &status) == 0) {
      const bool above = at != given && status.st_uid == 0;
      return status.st_uid == ::geteuid() || above ? std::optional<std::string>(given) : std::nullopt;
    }
    if (errno != ENOENT) return std::nullopt;
  }
  return given;
}

// What the lock of the state directory says of a peer that runs. A lock that cannot be asked says nothing:
// starting a peer will tell why.
void look_for_running(Authority& authority) {
  if (authority.state_dir.empty() || !authority.may_be_started()) return;
  const auto holder = directory_holder(authority.state_dir);
  if (!holder || !*holder) return;
  authority.running = (*holder)->pid;
  if ((*holder)->socket.starts_with('/')) authority.socket = (*holder)->socket;
}

std::string fallback_directory() {
  return fmt::format("/tmp/coordutils-{}", ::geteuid());
}

constexpr const char* system_directory = "/run/coordutils";

// The owner of the directory that a socket is in, if only root can have made that directory.
std::optional<uid_t> owner_of_directory_of(const std::string& socket) {
  const std::string directory = socket.substr(0, socket.rfind('/'));
  const std::string parent = directory.substr(0, std::max<std::size_t>(directory.rfind('/'), 1));
  struct stat above {
  }, status{};
  if (socket.empty() || socket.front() != '/' || directory.empty()) return std::nullopt;
  if (::stat(parent.c_str(), &above) != 0 || ::lstat(directory.c_str(), &status) != 0) return std::nullopt;
  const bool by_root = above.st_uid == 0 && (above.st_mode & 022) == 0;
  const bool only_its_own = S_ISDIR(status.st_mode) && (status.st_mode & 022) == 0;
  return by_root && only_its_own ? std::optional<uid_t>(status.st_uid) : std::nullopt;
}

// A peer that is started with it does not run in this directory.
std::string from_anywhere(const std::string& path) {
  std::array<char, 4096> here{};
  if (path.empty() || path.front() == '/' || ::getcwd(here.data(), here.size()) == nullptr) return path;
  return fmt::format("{}/{}", here.data(), path);
}

Result<Authority> configured(const std::string& path) {
  const bool is_system = path.rfind("/etc/", 0) == 0;
  Authority authority;
  authority.kind = is_system ? Authority::Kind::system : Authority::Kind::user;
  authority.config = from_anywhere(path);
  const auto lines = read_config(path);
  if (!lines) return lines.error();
  for (const ConfigLine& line : *lines) {
    if (line.key == "socket") authority.socket = line.text;
    if (line.key == "state_dir") authority.state_dir = line.text;
  }
  if (authority.socket.empty() && is_system)
    authority.socket = fmt::format("{}/coordd.sock", system_directory);
  if (is_system) authority.system_user = owner_of_directory_of(authority.socket);
  if (authority.socket.empty()) {
    look_for_running(authority);
    if (!authority.socket.empty()) return authority;
    auto directory = runtime_directory();
    if (!directory) return directory.error();
    authority.socket = fmt::format("{}/coordd.sock", *directory);
  } else {
    look_for_running(authority);
  }
  return authority;
}

std::string homeless_state() {
  return fmt::format("/var/tmp/coordutils-{}", ::geteuid());
}

Result<Authority> private_authority() {
  Authority authority;
  authority.kind = Authority::Kind::private_peer;
  authority.state_dir = private_state_dir();
  if (authority.state_dir.starts_with(fmt::format("{}/", homeless_state()))) {
    if (Status own = own_directory(homeless_state()); !own) return own.error();
  }
  if (Status made = make_parents(authority.state_dir); !made) return made.error();
  look_for_running(authority);
  if (!authority.socket.empty()) return authority;
  auto socket = private_socket(authority.state_dir);
  if (!socket) return socket.error();
  authority.socket = std::move(*socket);
  return authority;
}

// The lock file is made by the first peer that uses the directory, and stays. Another user's is none of ours:
// /var/tmp is everybody's.
Result<bool> was_ever_used(const std::string& state_dir) {
  struct stat status {};
  if (::lstat(fmt::format("{}/{}", state_dir, directory_lock_name).c_str(), &status) == 0)
    return status.st_uid == ::geteuid();
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return unavailable(state_dir, std::strerror(errno), "make it readable for this user");
}

// After has_host_peer(), in this order: a private peer that begins later than this looks for the host's file
// once it has its lock.
Result<Authority> host_authority() {
  Authority authority;
  authority.kind = Authority::Kind::host;
  authority.socket = host_socket;
  const std::string private_dir = private_state_dir();
  const auto used = was_ever_used(private_dir);
  if (!used) return used.error();
  if (*used) {
    const auto given_up = handed_over(private_dir);
    if (!given_up) return given_up.error();
    if (!*given_up) return private_authority();
    authority.token_floor = (*given_up)->token;
  }
  authority.system_user = owner_of_directory_of(authority.socket);
  return authority;
}

}  // namespace

Result<Authority> lone_authority(bool of_host) {
  if (!of_host) return private_authority();
  Authority authority;
  authority.kind = Authority::Kind::host;
  authority.socket = host_socket;
  authority.state_dir = host_state;
  authority.system_user = owner_of_directory_of(authority.socket);
  return authority;
}

std::string private_state_dir() {
  std::string state = homeless_state();
  if (const std::optional<std::string> given = own_state_home()) {
    state = *given;
  } else if (const std::optional<std::string> home = own_home()) {
    state = fmt::format("{}/.local/state", *home);
  }
  return fmt::format("{}/coordutils/private-{}", state, machine_id());
}

Result<std::string> runtime_directory() {
  constexpr std::string_view longest_name = "/private.sock";  // coordd.sock is shorter
  const std::string user = std::to_string(::geteuid());
  const char* given = variable("XDG_RUNTIME_DIR");
  for (const std::string& parent :
       {std::string(given != nullptr ? given : ""), fmt::format("/run/user/{}", user)}) {
    struct stat status {};
    const bool usable = !parent.empty() && ::stat(parent.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
                        status.st_uid == ::geteuid();
    std::string path = fmt::format("{}/coordutils", parent);
    if (!usable || path.size() + longest_name.size() >= sizeof sockaddr_un{}.sun_path) continue;
    if (Status own = own_directory(path); !own) return own.error();
    return path;
  }
  std::string path = fallback_directory();
  if (Status own = own_directory(path); !own) return own.error();
  return path;
}

Result<std::string> private_socket(const std::string& state_dir, const std::string& called) {
  auto directory = runtime_directory();
  if (!directory) return directory;
  std::string name = fmt::format("/{}", called);
  if (*directory == fallback_directory()) {
    std::uint32_t hash = 2166136261U;  // FNV-1a
    for (const char c : state_dir) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    std::array<char, 16> digits{};
    name += "-";
    name.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), hash, 16).ptr);
  }
  return fmt::format("{}{}.sock", *directory, name);
}

namespace {

// One for each engine and prefix, however the URL is written.
Result<Authority> gateway_authority(const std::string& engine, bool unsafe, bool native) {
  const auto url = parse_engine_url(engine);
  if (!url) return url.error();
  if (Status may = may_be_used(*url, unsafe); !may) return may.error();
  Authority authority;
  authority.unsafe = unsafe;
  authority.native = native;
  authority.kind = Authority::Kind::private_peer;
  authority.engine = url->text();
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : authority.engine) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  if (native) hash = ~hash;
  authority.state_dir = fmt::format("{}-engine-{:016x}", private_state_dir(), hash);
  if (authority.state_dir.starts_with(fmt::format("{}/", homeless_state()))) {
    if (Status own = own_directory(homeless_state()); !own) return own.error();
  }
  if (Status made = make_parents(authority.state_dir); !made) return made.error();
  look_for_running(authority);
  if (!authority.socket.empty()) return authority;
  auto socket = private_socket(authority.state_dir, fmt::format("engine-{:08x}", hash >> 32U));
  if (!socket) return socket.error();
  authority.socket = std::move(*socket);
  return authority;
}

}  // namespace

Result<Authority> find_authority(const std::string& socket, const std::string& config,
                                 const std::string& engine, bool unsafe, bool by_default, bool native) {
  if (!socket.empty()) {
    Authority authority;
    authority.socket = socket;
    if (socket.substr(0, socket.rfind('/')) == system_directory)
      authority.system_user = owner_of_directory_of(socket);
    return authority;
  }
  if (!engine.empty() && !by_default) return gateway_authority(engine, unsafe, native);
  if (const std::optional<std::string> path = find_config(config)) return configured(*path);
  const auto host_wide = has_host_peer();
  if (!host_wide) return host_wide.error();
  if (*host_wide) return host_authority();
  return engine.empty() ? private_authority() : gateway_authority(engine, unsafe, native);
}

bool is_behind_engine(const std::string& config, const std::string& engine, bool by_default) {
  if (!engine.empty() && !by_default) return true;
  if (const std::optional<std::string> path = find_config(config)) {
    const auto lines = read_config(*path);
    return lines && std::ranges::find(*lines, std::string("engine"), &ConfigLine::key) != lines->end();
  }
  if (engine.empty()) return false;
  const auto host_wide = has_host_peer();
  return host_wide && !*host_wide;
}

}  // namespace coord::cli
