// SPDX-License-Identifier: MIT
#include "coordd/found.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/check.hpp"
#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "base/small_file.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "coordd/paths.hpp"
#include "coordd/service_user.hpp"
#include "daemon/address_book.hpp"
#include "daemon/founding.hpp"
#include "daemon/member_file.hpp"
#include "daemon/settings.hpp"
#include "replica/former_state.hpp"
#include "replica/replica.hpp"
#include "store/backup.hpp"
#include "store/directory_lock.hpp"
#include "store/posix_disk.hpp"
#include "store/store.hpp"

namespace coord::coordd {

namespace {

struct Source {
  store::Backup backup;
  std::optional<uid_t> owner{};  // of what was read
  std::optional<gid_t> group{};
};

Error failed(const std::string& path, const char* what) {
  return unusable(path, std::string(what) + std::strerror(errno), "see that it is there and yours");
}

Result<Bytes> read_whole(int fd, const std::string& path) {
  Bytes content;
  std::array<std::uint8_t, 65536> part{};
  for (;;) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path, "cannot be read: ");
    if (got == 0) return content;
    content.insert(content.end(), part.begin(), part.begin() + got);
    if (content.size() > store::backup_limit)
      return unusable(path, "is too large to be a backup", "name a file of dpeers backup");
  }
}

Result<store::Backup> read_file(int fd, const std::string& path) {
  const auto content = read_whole(fd, path);
  if (!content) return content.error();
  auto backup = store::decode_backup(*content);
  if (!backup)
    return Error{ErrorKind::data, path, "is no backup, or it is cut or damaged",
                 "name a state directory, a file of dpeers backup, or the file `founding` of the first host"};
  return std::move(*backup);
}

Result<store::Backup> read_directory(const std::string& path) {
  auto disk = store::PosixDisk::open_directory(path);
  if (!disk) return disk.error();
  const auto lock = store::DirectoryLock::take(**disk);
  if (!lock) return lock.error();
  auto log = store::read_log_of_any(**disk, path);
  if (!log) return log.error();
  if (!*log)
    return Error{ErrorKind::data, path, "there is no log in it", "name the state directory of a former peer"};
  auto state = replica::state_of_log(**log);
  if (!state) return state.error();
  return store::Backup{{}, std::move(*state)};
}

Result<Source> read_source(const std::string& path) {
  const bool is_input = path == "-";
  const Descriptor file(is_input ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const std::string shown = is_input ? "standard input" : path;
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) return failed(shown, "cannot be opened: ");
  auto backup = S_ISDIR(status.st_mode) ? read_directory(path) : read_file(file.get(), shown);
  if (!backup) return backup.error();
  Source source{std::move(*backup)};
  if (!is_input) {
    source.owner = status.st_uid;
    source.group = status.st_gid;
  }
  return source;
}

WallTime wall_now() {
  return WallTime{std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count()};
}

// The directory is made where it is missing; one with a log stays as it is.
Result<std::unique_ptr<store::PosixDisk>> take_new(const std::string& path) {
  auto disk = store::PosixDisk::open_directory(path);
  if (!disk) return disk.error();
  const auto names = (*disk)->list();
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const bool is_log = store::segment_sequence(name) || store::snapshot_index(name);
    const bool is_of_group = name == daemon::group_file_name || name == daemon::member_file_name ||
                             name == daemon::address_book_name;
    if (!is_log && !is_of_group) continue;
    return unusable(path, "it holds the state of a peer already",
                    fmt::format("move it away first: mv {0} {0}.former", path));
  }
  return disk;
}

Status write_file(Disk& disk, const std::string& place, const std::string& name, ByteView content) {
  const Status written = replace_small_file(disk, name, content, name + ".new");
  if (written) return done();
  return unusable(fmt::format("{}/{}", place, name), written.error().what,
                  "see that there is room, then start again");
}

Status make_store(Disk& disk, const daemon::Settings& settings, const store::Backup& backup) {
  store::Identity identity;
  identity.node = settings.node;
  COORD_CHECK(::getrandom(identity.incarnation.data(), identity.incarnation.size(), 0) ==
              static_cast<ssize_t>(identity.incarnation.size()));
  identity.group = daemon::log_group(settings, store::text_of(backup.founding));
  store::Options options;
  options.place = settings.options.state_dir;
  auto opened = store::Store::open(disk, identity, options);
  if (!opened) return opened.error();
  raft::Persist persist;
  persist.hard_state.emplace();
  persist.hard_state->term = backup.state.term;
  persist.snapshot = backup.state;
  return opened->store.persist(persist);
}

// Root makes it for the user whose peer it is.
Status give_away(const store::PosixDisk& disk, const struct stat& before, const Source& source) {
  if (::geteuid() != 0) return done();
  const bool was_given = before.st_uid != 0;
  const uid_t owner = was_given ? before.st_uid : source.owner.value_or(0);
  const gid_t group = was_given ? before.st_gid : source.group.value_or(0);
  if (owner == 0) return done();
  const auto names = const_cast<store::PosixDisk&>(disk).list();
  if (!names) return names.error();
  bool given = ::fchown(disk.descriptor(), owner, group) == 0;
  for (const std::string& name : *names)
    given = given && ::fchownat(disk.descriptor(), name.c_str(), owner, group, AT_SYMLINK_NOFOLLOW) == 0;
  if (!given) return failed(disk.path(), "its owner cannot be set: ");
  return done();
}

Status make(const daemon::Settings& settings, const Source& source, bool is_first) {
  const std::string& place = settings.options.state_dir;
  auto disk = take_new(place);
  if (!disk) return disk.error();
  const auto lock = store::DirectoryLock::take(**disk);
  if (!lock) return lock.error();
  struct stat before {};
  if (::fstat((*disk)->descriptor(), &before) != 0) return failed(place, "cannot be looked at: ");
  // What names the group is last but the log: without it the log is refused, and there is none without it.
  if (is_first) {
    const Bytes file = store::encode_backup(source.backup);
    if (Status kept = write_file(**disk, place, daemon::founding_file_name, file); !kept) return kept;
  }
  const std::string id = fmt::format("{}\n", store::text_of(source.backup.founding));
  if (Status named = write_file(**disk, place, daemon::group_file_name, bytes_of(id)); !named) return named;
  if (Status made = make_store(**disk, settings, source.backup); !made) return made;
  return give_away(**disk, before, source);
}

bool is_same_directory(const std::string& one, const std::string& other) {
  struct stat a {
  }, b{};
  return ::stat(one.c_str(), &a) == 0 && ::stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

}  // namespace

Result<cli::Exit> found_from(const Arguments& arguments) {
  const auto settings = daemon::check_but_keys(arguments.peer);
  if (!settings) return settings.error();
  const std::string& place = settings->options.state_dir;
  if (arguments.found_from != "-" && is_same_directory(arguments.found_from, place))
    return unusable(place, "the new group's state cannot take the place of its own source",
                    fmt::format("move it away first: mv {0} {0}.former", place));
  auto source = read_source(arguments.found_from);
  if (!source) return source.error();
  if (const auto unit = user_of_unit(arguments.config_read); unit && source->owner.value_or(0) == 0) {
    source->owner = unit->user;
    source->group = unit->group;
  }
  const bool is_first = source->backup.founding == store::FoundingId{};
  std::string tokens;
  if (is_first) {
    auto anew = replica::found_anew(source->backup.state, wall_now());
    if (!anew) return anew.error();
    source->backup.state = std::move(anew->state);
    tokens = fmt::format("; its tokens are above {}", anew->above.value);
    auto& id = source->backup.founding;
    COORD_CHECK(::getrandom(id.data(), id.size(), 0) == static_cast<ssize_t>(id.size()));
  } else if (auto machine = replica::machine_from(source->backup.state); !machine) {
    return machine.error();
  }
  if (Status made = make(*settings, *source, is_first); !made) return made.error();
  cli::print(fmt::format("{}: group {}, with all up to entry {}{}\n", place,
                         store::text_of(source->backup.founding), source->backup.state.index.value, tokens));
  if (is_first && !settings->alone())
    cli::print(
        fmt::format("next: on each of the other hosts, with their state directories moved away\n"
                    "  ssh {} cat {}/{} | coordd --found-from -\nthen start coordd on all\n",
                    settings->name, place, daemon::founding_file_name));
  return cli::Exit::done;
}

}  // namespace coord::coordd
