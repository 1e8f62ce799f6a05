// SPDX-License-Identifier: MIT
#include "coordd/setup_files.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/check.hpp"
#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "base/own_file.hpp"
#include "cli/authority.hpp"
#include "cli/config.hpp"
#include "cli/home.hpp"
#include "coordd/paths.hpp"
#include "coordd/service_user.hpp"
#include "daemon/settings.hpp"

namespace coord::coordd {

namespace {

constexpr std::size_t largest_invitation = std::size_t{64} << 10U;
constexpr const char* package_directory = "/etc/coordutils";

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
}

std::string absolute(const std::string& path) {
  std::array<char, 4096> here{};
  if (path.empty() || path.front() == '/' || ::getcwd(here.data(), here.size()) == nullptr) return path;
  return fmt::format("{}/{}", here.data(), path);
}

// Whatever the umask is: tools of all users have to find the configuration.
Status make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) {
    if (::chmod(path.c_str(), mode) == 0) return done();
  } else if (errno == EEXIST) {
    return done();
  }
  return unusable(path, std::string("cannot be made: ") + std::strerror(errno), "make it by hand");
}

Status make_directories(const std::string& path, mode_t mode) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (Status made = make_directory(path.substr(0, slash), 0755); !made) return made;
  }
  return make_directory(path, mode);
}

// Whether that had to be changed.
Result<bool> give(const std::string& path, uid_t owner, gid_t group, mode_t mode, mode_t kind) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return unusable(path, std::strerror(errno), "");
  if ((status.st_mode & S_IFMT) != kind)
    return unusable(path, kind == S_IFDIR ? "it is no directory" : "it is no regular file", "remove it");
  const bool owned = ::geteuid() != 0 || status.st_uid == owner;
  const bool right = (status.st_mode & 07777U) == mode;
  if (owned && right) return false;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open() || (!owned && ::fchown(file.get(), owner, group) != 0) ||
      (!right && ::fchmod(file.get(), mode) != 0))
    return unusable(path, std::string("its owner or mode cannot be set: ") + std::strerror(errno),
                    "run this as root, or as its owner");
  return true;
}

struct NewFile {
  std::string path;
  uid_t owner;
  gid_t group;
  mode_t mode;
  bool replaces;
};

// Whole or not at all: a file beside it takes its name once it is on the disk.
Status write_file(const NewFile& to, std::string_view text) {
  const std::string beside = fmt::format("{}.new", to.path);
  (void)::unlink(beside.c_str());
  const auto failed = [&] {
    const int error = errno;
    (void)::unlink(beside.c_str());
    return unusable(to.path, std::string("cannot be written: ") + std::strerror(error),
                    "make its directory writable");
  };
  const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return failed();
  while (!text.empty()) {
    const ssize_t n = ::write(file.get(), text.data(), text.size());
    if (n < 0 && errno != EINTR) return failed();
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
  if ((::geteuid() == 0 && ::fchown(file.get(), to.owner, to.group) != 0) ||
      ::fchmod(file.get(), to.mode) != 0 || ::fsync(file.get()) != 0)
    return failed();
  const int named =
      to.replaces ? ::rename(beside.c_str(), to.path.c_str()) : ::link(beside.c_str(), to.path.c_str());
  if (named != 0) return failed();
  if (!to.replaces) (void)::unlink(beside.c_str());
  const Descriptor directory(::open(directory_of(to.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.is_open()) (void)::fsync(directory.get());
  return done();
}

// A link that leads nowhere, too.
bool has_entry(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

// All of it, up to the limit.
Result<std::string> read_all(int fd, const std::string& object) {
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t n = ::read(fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return unusable(object, std::strerror(errno), "");
    if (n == 0) break;
    text.append(part.data(), static_cast<std::size_t>(n));
    if (text.size() > largest_invitation)
      return unusable(object, "it is too large for a join file",
                      "give the one that coordd --setup has written");
  }
  sodium_memzero(part.data(), part.size());
  return text;
}

Result<Places> of_root() {
  Places places;
  places.of_system = true;
  places.config = fmt::format("{}/coordd.toml", package_directory);
  places.state_dir = "/var/lib/coordutils";
  places.socket = "/run/coordutils/coordd.sock";
  if (const passwd* user = ::getpwnam(service_user)) {
    places.owner = user->pw_uid;
    places.group = user->pw_gid;
  }
  if (::getgrnam(service_user) != nullptr) places.admit = service_user;
  return places;
}

Result<Places> of_user() {
  const auto home = cli::own_home();
  const char* const xdg = std::getenv("XDG_CONFIG_HOME");
  Places places;
  if (xdg != nullptr && *xdg == '/') {
    places.config = fmt::format("{}/coordutils/coordd.toml", xdg);
  } else if (home) {
    places.config = fmt::format("{}/.config/coordutils/coordd.toml", *home);
  } else {
    return unusable("--setup", "this user has no home directory",
                    "name a place with --config and --state-dir");
  }
  places.state_dir = fmt::format("{}/group", directory_of(cli::private_state_dir()));
  places.owner = ::geteuid();
  places.group = ::getegid();
  return places;
}

// What is in the way of a logout, as /run/user is, would take the socket with it.
Result<std::string> socket_in(const std::string& state_dir) {
  const std::string path = fmt::format("{}/coordd.sock", state_dir);
  if (path.size() < sizeof sockaddr_un{}.sun_path) return path;
  auto directory = cli::runtime_directory();
  if (!directory) return directory;
  return fmt::format("{}/coordd.sock", *directory);
}

}  // namespace

KeyText::~KeyText() {
  sodium_memzero(lines.data(), lines.size());
}

Result<Places> find_places(const Arguments& given) {
  auto places = ::geteuid() == 0 && given.config.empty() ? of_root() : of_user();
  if (!places && given.config.empty()) return places;
  if (!places) places = Places{};
  if (!given.config.empty()) places->config = absolute(given.config);
  places->key = fmt::format("{}/key", directory_of(places->config));
  places->join = fmt::format("{}/join", directory_of(places->config));
  if (!given.peer.key_file.empty()) places->key = absolute(given.peer.key_file);
  if (!given.peer.state_dir.empty()) places->state_dir = absolute(given.peer.state_dir);
  if (!given.peer.admit.empty()) places->admit = given.peer.admit;
  if (places->state_dir.empty())
    return unusable("--setup", "this user has no home directory", "name a place with --state-dir");
  if (!given.peer.socket.empty()) {
    places->socket = absolute(given.peer.socket);
  } else if (places->socket.empty()) {
    auto socket = socket_in(places->state_dir);
    if (!socket) return socket.error();
    places->socket = *socket;
  }
  return places;
}

ActingAs::ActingAs(const Places& places) {
  if (::geteuid() != 0 || places.owner == 0) return;
  changed_ = ::setegid(places.group) == 0 && ::seteuid(places.owner) == 0;
}

ActingAs::~ActingAs() {
  if (changed_) COORD_CHECK(::seteuid(0) == 0 && ::setegid(0) == 0);
}

Status ensure_state_dir(const Places& places, Changes& changes) {
  const bool was_there = has_entry(places.state_dir);
  if (Status made = make_directories(places.state_dir, 0700); !made) return made;
  const auto given = give(places.state_dir, places.owner, places.group, 0700, S_IFDIR);
  if (!given) return given.error();
  if (!was_there || *given)
    changes.push_back(fmt::format("{}: {}", places.state_dir, was_there ? "owner and mode" : "made"));
  return done();
}

Status ensure_key(const Places& places, const KeyText& lines, Changes& changes) {
  const bool was_there = has_entry(places.key);
  if (!was_there) {
    if (Status made = make_directories(directory_of(places.key), places.of_system ? 0755 : 0700); !made)
      return made;
    const NewFile file{places.key, places.owner, places.group, 0600, false};
    if (Status written = write_file(file, lines.lines); !written) return written;
  }
  const auto given = give(places.key, places.owner, places.group, 0600, S_IFREG);
  if (!given) return given.error();
  if (!was_there || *given)
    changes.push_back(fmt::format("{}: {}", places.key, was_there ? "owner and mode" : "written"));
  return done();
}

Result<KeyText> read_keys(const Places& places) {
  const ActingAs peer(places);
  // Those that the peer goes by (dpeers key).
  const std::string path = daemon::keys_path(places.state_dir, places.key);
  if (const auto right = net::read_key_file(path); !right) return right.error();
  const auto file = open_own_file(path, O_RDONLY);
  if (!file) return file.error();
  auto text = read_all(file->get(), path);
  if (!text) return text.error();
  return KeyText(std::move(*text));
}

Result<bool> has_keys(const KeyText& in, const KeyText& these) {
  const auto ring = net::parse_keys(in.lines, "key file");
  if (!ring) return ring.error();
  const auto asked = net::parse_keys(these.lines, "join file");
  if (!asked) return asked.error();
  return std::all_of(asked->keys().begin(), asked->keys().end(), [&](const net::ClusterKey& key) {
    const net::ClusterKey* const found = ring->find(key.id);
    return found != nullptr && found->key == key.key;
  });
}

Result<std::optional<Arguments>> read_member(const Places& places) {
  if (!has_entry(places.config)) return std::optional<Arguments>();
  std::optional<Arguments> member(std::in_place);
  cli::Options table("coordd", "");
  declare(table, *member);
  if (Status read = cli::load_config(table, places.config); !read) return read.error();
  member->join_peers();
  return member;
}

Status ensure_config(const Places& places, const Member& member, Changes& changes) {
  const uid_t owner = places.of_system ? 0 : places.owner;
  if (!has_entry(places.config)) {
    std::string text = "# Written by coordd --setup: see coordd(8).\n";
    const auto line = [&text](const char* key, const std::string& value) {
      if (!value.empty()) text += fmt::format("{} = {}\n", key, cli::toml_text(value));
    };
    line("name", member.name);
    const std::vector<std::string>& list = member.join.empty() ? member.peers : member.join;
    text += member.join.empty() ? "peers = [" : "join = [";
    for (const std::string& peer : list) text += (&peer == &list.front() ? "" : ", ") + cli::toml_text(peer);
    text += "]\n";
    line("key_file", places.key);
    line("state_dir", places.state_dir);
    line("socket", places.socket);
    line("admit", places.admit);
    const NewFile file{places.config, owner, 0, 0644, false};
    if (Status written = write_file(file, text); !written) return written;
    changes.push_back(fmt::format("{}: written", places.config));
  }
  return done();
}

Status ensure_join_file(const Places& places, const std::vector<std::string>& peers, const KeyText& lines,
                        Changes& changes) {
  const auto ring = net::parse_keys(lines.lines, places.key);
  if (!ring) return ring.error();
  KeyText text(
      "# The key and the peers of a group, for coordd --join-file. Its holder is a peer: keep it "
      "secret.\npeers = [");
  for (const std::string& peer : peers)
    text.lines += (&peer == &peers.front() ? "" : ", ") + cli::toml_text(peer);
  text.lines += "]\nkey = [";
  bool first = true;
  for (std::size_t begin = 0; begin < lines.lines.size();) {
    const std::size_t end = std::min(lines.lines.find('\n', begin), lines.lines.size());
    const std::string_view line = std::string_view(lines.lines).substr(begin, end - begin);
    begin = end + 1;
    if (line.find(':') == std::string_view::npos || line.front() == '#') continue;
    text.lines += (first ? "" : ", ") + cli::toml_text(line);
    first = false;
  }
  text.lines += "]\n";
  const bool was_there = has_entry(places.join);
  if (was_there) {
    const auto file = open_own_file(places.join, O_RDONLY);
    if (!file) return file.error();
    auto read = read_all(file->get(), places.join);
    if (!read) return read.error();
    const KeyText before(std::move(*read));
    const auto given = give(places.join, places.of_system ? 0 : places.owner, 0, 0600, S_IFREG);
    if (!given) return given.error();
    if (*given) changes.push_back(fmt::format("{}: owner and mode", places.join));
    if (before.lines == text.lines) return done();
  }
  const NewFile file{places.join, places.of_system ? 0 : places.owner, 0, 0600, was_there};
  if (Status written = write_file(file, text.lines); !written) return written;
  changes.push_back(fmt::format("{}: written", places.join));
  return done();
}

Result<Invitation> read_invitation(const std::string& file) {
  const bool standard = file == "-";
  const std::string object = standard ? "standard input" : file;
  Descriptor opened;
  if (!standard) {
    auto own = open_own_file(file, O_RDONLY);
    if (!own) return own.error();
    opened = std::move(*own);
    struct stat status {};
    if (::fstat(opened.get(), &status) != 0 || (status.st_mode & 077U) != 0)
      return unusable(file, "others may read or write it",
                      "chmod 600 it; a key that was seen is to be changed");
  }
  auto read = read_all(standard ? STDIN_FILENO : opened.get(), object);
  if (!read) return read.error();
  const KeyText text(std::move(*read));
  auto lines = cli::parse_config(text.lines, object);
  if (!lines)  // the words of the parser may repeat the line, and so the key
    return unusable(lines.error().object, "it is no join file",
                    "give the one that coordd --setup has written");
  Invitation invitation;
  for (cli::ConfigLine& line : *lines) {
    if (line.key == "peers") {
      invitation.peers.push_back(line.text);
    } else if (line.key == "key") {
      invitation.lines.lines += fmt::format("{}\n", line.text);
      sodium_memzero(line.text.data(), line.text.size());
    } else {
      return unusable(line.where, fmt::format("{} has no place in a join file", line.key),
                      "give the one that coordd --setup has written");
    }
  }
  if (invitation.peers.size() < 2 || invitation.lines.lines.empty())
    return unusable(object, "it is no join file", "give the one that coordd --setup has written");
  if (auto keys = net::parse_keys(invitation.lines.lines, object); !keys) return keys.error();
  return invitation;
}

}  // namespace coord::coordd
