// SPDX-License-Identifier: MIT
#include "clock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/format.hpp"

namespace coord::dclock {
namespace {

Error system_error(ErrorKind kind, std::string object, int number, std::string remedy) {
  return {kind, std::move(object), std::strerror(number), std::move(remedy)};
}

Result<std::string> this_host() {
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || clock::host_name_fault(name) != nullptr)
    return Error{ErrorKind::usage, "--host", "this machine has no usable host name", "give one"};
  return std::string(name);
}

// Where a host's clock is if the user does not say: $XDG_STATE_HOME/coordutils/clocks/HOST.
Result<std::string> default_path(const std::string& host) {
  if (host.find('/') != std::string::npos || host == "." || host == "..")
    return Error{ErrorKind::usage, "--host", fmt::format("'{}' cannot be a file name", host),
                 "give the clock's file with --clock"};
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path folder;
  if (state != nullptr && *state == '/') {
    folder = state;
  } else if (home != nullptr && *home == '/') {
    folder = std::filesystem::path(home) / ".local/state";
  } else {
    return Error{ErrorKind::usage, "--clock", "there is no home directory to keep the clock in",
                 "name a file"};
  }
  folder /= "coordutils/clocks";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return Error{ErrorKind::output, folder.string(), failed.message(), "name another file with --clock"};
  return (folder / host).string();
}

bool same_file(int fd, const std::string& path) {
  struct stat open_one = {}, named = {};
  return ::fstat(fd, &open_one) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

int lock_exclusive(int fd) {
  int result = 0;
  do {
    result = ::flock(fd, LOCK_EX);
  } while (result != 0 && errno == EINTR);
  return result;
}

Result<std::string> read_whole(int fd, const std::string& path) {
  std::string text;
  char part[4096];
  for (;;) {
    const ssize_t size = ::read(fd, part, sizeof part);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error(ErrorKind::data, path, errno, "give a readable clock file");
    if (size == 0) return text;
    text.append(part, static_cast<std::size_t>(size));
    if (text.size() > clock::longest_line)
      return Error{ErrorKind::data, path, "is not a clock file: too long", "name another"};
  }
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<ClockFile> ClockFile::lock(const ClockChoice& choice) {
  ClockFile file;
  file.sync_ = choice.sync;
  if (choice.file) {
    file.path_ = *choice.file;
  } else {
    const auto host = choice.host ? Result<std::string>(*choice.host) : this_host();
    if (!host) return host.error();
    auto path = default_path(*host);
    if (!path) return path.error();
    file.path_ = *path;
  }
  // The file that a symbolic link leads to is replaced, not the link.
  std::error_code failed;
  const auto target = std::filesystem::weakly_canonical(file.path_, failed);
  if (!failed) file.path_ = target.string();
  if (auto locked = file.lock_path(); !locked) return locked.error();
  if (auto loaded = file.load(choice); !loaded) return loaded.error();
  return file;
}

Status ClockFile::lock_path() {
  for (;;) {
    file_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666));
    if (!file_)
      return system_error(ErrorKind::output, path_, errno, "name a writable clock file with --clock");
    struct stat status = {};
    if (::fstat(file_.get(), &status) == 0 && !S_ISREG(status.st_mode))
      return Error{ErrorKind::usage, path_, "is not a regular file", "name one with --clock"};
    if (lock_exclusive(file_.get()) != 0)
      return system_error(ErrorKind::output, path_, errno, "choose a file system that can lock");
    if (same_file(file_.get(), path_)) return done();
  }
}

Status ClockFile::load(const ClockChoice& choice) {
  auto text = read_whole(file_.get(), path_);
  if (!text) return text.error();
  if (text->empty()) {
    const auto host = choice.host ? Result<std::string>(*choice.host) : this_host();
    if (!host) return host.error();
    clock_.emplace(*host, choice.kind.value_or(clock::ClockKind::vector), choice.hybrid);
    return done();
  }
  const std::string damaged = "restore it from a backup, or remove it and go on under another host name";
  if (text->back() != '\n')
    return Error{ErrorKind::data, path_, "is not a clock file, or a damaged one", damaged};
  text->pop_back();
  clock::StampReader reader;
  std::string_view rest;
  auto stamp = reader.read(*text, rest);
  if (!stamp || !rest.empty() || stamp->host.empty())
    return Error{ErrorKind::data, path_, "is not a clock file, or a damaged one", damaged};
  if (choice.host && *choice.host != stamp->host)
    return Error{ErrorKind::usage, path_, fmt::format("is the clock of host {}", stamp->host),
                 "give another --clock or --host"};
  if (choice.kind && *choice.kind != clock::kind_of(stamp->clock)) {
    return Error{ErrorKind::usage, path_,
                 fmt::format("is a clock of kind {}", to_string(clock::kind_of(stamp->clock))),
                 "give another --clock or --kind"};
  }
  if (choice.hybrid && !stamp->hybrid && clock::kind_of(stamp->clock) != clock::ClockKind::hlc)
    stamp->hybrid = clock::HybridTime();
  clock_.emplace(std::move(*stamp));
  return done();
}

Status ClockFile::save() {
  const clock::Stamp& stamp = clock_->last();
  std::string line = fmt::format("{} {}", stamp.host, clock::to_json(stamp.clock));
  if (stamp.hybrid) line += fmt::format(" @{}", clock::to_string(*stamp.hybrid));
  line += '\n';
  if (line.size() > clock::longest_line)
    return Error{ErrorKind::data, path_, "the clock would be longer than 1 MiB",
                 "it knows too many hosts: start anew"};

  const std::string beside =
      fmt::format("{}.new", path_);  // only the holder of the lock writes it; a killed one may have left it
  ::unlink(beside.c_str());
  struct stat old = {};
  const mode_t mode = ::fstat(file_.get(), &old) == 0 ? old.st_mode & 0777U : 0666U;
  Descriptor next(::open(beside.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, mode));
  if (!next || ::fchmod(next.get(), mode) != 0 || lock_exclusive(next.get()) != 0)
    return system_error(ErrorKind::output, beside, errno, "the clock's folder must be writable");
  if (auto written = write_all(next.get(), line, beside); !written) return written;
  if (sync_ && ::fsync(next.get()) != 0)
    return system_error(ErrorKind::output, beside, errno, "the event was not counted");
  if (::rename(beside.c_str(), path_.c_str()) != 0)
    return system_error(ErrorKind::output, path_, errno, "the event was not counted");
  if (sync_) {
    const std::string folder = std::filesystem::path(path_).parent_path().string();
    const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent || ::fsync(parent.get()) != 0)
      return system_error(ErrorKind::output, folder, errno, "the event may be lost");
  }
  file_ = std::move(next);
  return done();
}

Status write_all(int fd, std::string_view bytes, const std::string& object) {
  while (!bytes.empty()) {
    const ssize_t size = ::write(fd, bytes.data(), bytes.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0)
      return system_error(ErrorKind::output, object, errno, "free the device or redirect it elsewhere");
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return done();
}

Status append_line(const std::string& path, std::string_view line) {
  const Descriptor log(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666));
  if (!log) return system_error(ErrorKind::output, path, errno, "name a writable log");
  return write_all(log.get(), fmt::format("{}\n", line), path);
}

}  // namespace coord::dclock
