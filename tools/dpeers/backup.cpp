// SPDX-License-Identifier: MIT
#include "dpeers/backup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "cli/authority.hpp"
#include "cli/common.hpp"
#include "cli/run.hpp"
#include "replica/former_state.hpp"
#include "store/backup.hpp"
#include "store/posix_disk.hpp"

namespace coord::dpeers {

namespace {

// A peer that runs writes while its log is read: then it is read again.
constexpr int most_reads = 20;
constexpr std::chrono::milliseconds between_reads{100};

Result<std::string> directory_of(const BackupSettings& settings) {
  if (!settings.state_dir.empty()) return settings.state_dir;
  const auto authority = cli::find_authority(settings.peer.socket, settings.peer.config, settings.peer.engine,
                                             settings.peer.unsafe, cli::is_default_engine(settings.peer));
  if (!authority) return authority.error();
  if (!authority->state_dir.empty()) return authority->state_dir;
  return Error{ErrorKind::usage, "backup", "it is not known where the peer of this socket keeps its state",
               "give --state-dir"};
}

Result<raft::Recovered> read_log(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0)
    return Error{ErrorKind::unavailable, directory, std::strerror(errno), "name a peer's state directory"};
  auto disk = store::PosixDisk::open_directory(directory);
  if (!disk) {
    const bool may_not = ::access(directory.c_str(), R_OK | X_OK) != 0 && errno == EACCES;
    Error error = disk.error();
    if (may_not) error.remedy = "back up as root, or as the user that runs coordd";
    return error;
  }
  for (int reads = 1;; ++reads) {
    auto log = store::read_log_of_any(**disk, directory);
    if (log && *log) return std::move(**log);
    if (log)
      return Error{ErrorKind::unavailable, directory, "there is no log in it",
                   "name a peer's state directory"};
    if (reads == most_reads) return log.error();
    std::this_thread::sleep_for(between_reads);
  }
}

Error failed(const std::string& path) {
  return {ErrorKind::unavailable, path, std::string("cannot be written: ") + std::strerror(errno),
          "see that there is room, and that the directory is yours"};
}

Status write_durably(const std::string& path, ByteView content) {
  // What is renamed over is gone: a device, or what a link leads to, is not what is meant.
  struct stat there {};
  if (::lstat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode))
    return Error{ErrorKind::usage, path, "it is there and no regular file", "name another one"};
  const std::string half = fmt::format("{}.new", path);
  (void)::unlink(half.c_str());
  const Descriptor file(::open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return failed(half);
  const auto give_up = [&] {
    Error error = failed(half);
    (void)::unlink(half.c_str());
    return error;
  };
  while (!content.empty()) {
    const ssize_t wrote = ::write(file.get(), content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return give_up();
    content = content.subspan(static_cast<std::size_t>(wrote));
  }
  if (::fsync(file.get()) != 0 || ::rename(half.c_str(), path.c_str()) != 0) return give_up();
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor around(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!around.is_open() || ::fsync(around.get()) != 0) return failed(directory);
  return done();
}

}  // namespace

Result<cli::Exit> back_up(const BackupSettings& settings) {
  const auto directory = directory_of(settings);
  if (!directory) return directory.error();
  const auto log = read_log(*directory);
  if (!log) return log.error();
  auto state = replica::state_of_log(*log);
  if (!state) return state.error();
  const store::Backup backup{{}, std::move(*state)};
  const Bytes bytes = store::encode_backup(backup);
  if (Status written = write_durably(settings.file, bytes); !written) return written.error();
  if (!settings.quiet)
    cli::print(fmt::format("{}: all up to entry {}, {} bytes\n", settings.file, backup.state.index.value,
                           bytes.size()));
  return cli::Exit::done;
}

}  // namespace coord::dpeers
