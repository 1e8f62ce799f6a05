#include "cli/authority.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/descriptor.hpp"
#include "cli/config.hpp"
#include "cli/home.hpp"

namespace coord::cli {

namespace {

Error unavailable(std::string object, std::string what, std::string remedy) {
  return Error{ErrorKind::unavailable, std::move(object), std::move(what), std::move(remedy)};
}

const char* variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value == '/' ? value : nullptr;
}

// A directory of this user's alone.
Status own_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return unavailable(path, std::string("cannot be made: ") + std::strerror(errno),
                       "make its parent writable");
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
      return unavailable(parent, std::string("cannot be made: ") + std::strerror(errno),
                         "make its parent writable");
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
  return std::string(here.data()) + "/" + path;
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
    authority.socket = std::string(system_directory) + "/coordd.sock";
  if (is_system) authority.system_user = owner_of_directory_of(authority.socket);
  if (authority.socket.empty()) {
    auto directory = runtime_directory();
    if (!directory) return directory.error();
    authority.socket = *directory + "/coordd.sock";
  }
  return authority;
}

Result<Authority> private_authority() {
  Authority authority;
  authority.kind = Authority::Kind::private_peer;
  auto directory = runtime_directory();
  if (!directory) return directory.error();
  authority.socket = *directory + "/private.sock";
  std::string state;
  if (const char* given = variable("XDG_STATE_HOME"); given != nullptr) {
    state = given;
  } else if (const std::optional<std::string> home = own_home()) {
    state = *home + "/.local/state";
  } else {
    state = "/var/tmp/coordutils-" + std::to_string(::geteuid());
    if (Status own = own_directory(state); !own) return own.error();
  }
  authority.state_dir = state + "/coordutils/private-" + machine_id();
  if (Status made = make_parents(authority.state_dir); !made) return made.error();
  return authority;
}

}  // namespace

Result<std::string> runtime_directory() {
  std::string parent;
  if (const char* given = variable("XDG_RUNTIME_DIR"); given != nullptr) {
    parent = given;
  } else {
    parent = "/run/user/" + std::to_string(::geteuid());
  }
  struct stat status {};
  const bool usable =
      ::stat(parent.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid();
  const std::string path = usable ? parent + "/coordutils" : "/tmp/coordutils-" + std::to_string(::geteuid());
  if (Status own = own_directory(path); !own) return own.error();
  return path;
}

Result<Authority> find_authority(const std::string& socket, const std::string& config) {
  if (!socket.empty()) {
    Authority authority;
    authority.socket = socket;
    if (socket.substr(0, socket.rfind('/')) == system_directory)
      authority.system_user = owner_of_directory_of(socket);
    return authority;
  }
  if (const std::optional<std::string> path = find_config(config)) return configured(*path);
  return private_authority();
}

}  // namespace coord::cli
