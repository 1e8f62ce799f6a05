// SPDX-License-Identifier: MIT
#include "delect/lead_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/format.hpp"
#include "cli/names.hpp"

namespace coord::delect {

namespace {

Error cannot(const std::string& path, const char* what) {
  return Error{ErrorKind::output, fmt::format("--lead-file {}", cli::shown(path)),
               fmt::format("{}: {}", what, std::strerror(errno)), "choose another file"};
}

}  // namespace

Result<LeadFile> LeadFile::prepare(const std::string& path) {
  LeadFile file(path);
  if (path.empty()) return file;
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return file;
    return cannot(path, "cannot be looked at");
  }
  if (!S_ISREG(status.st_mode))
    return Error{ErrorKind::usage, fmt::format("--lead-file {}", cli::shown(path)), "is no regular file",
                 "choose another file"};
  const Descriptor old(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!old.is_open()) return cannot(path, "cannot be opened");
  if (::flock(old.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());  // else its leader lives
  return file;
}

// Beside its place, under a name of its own.
Status LeadFile::make() {
  if (path_.empty() || file_.is_open()) return done();
  fresh_ = fmt::format("{}.{}", path_, ::getpid());
  ::unlink(fresh_.c_str());  // of a process of that number that was killed
  Descriptor file(::open(fresh_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.is_open()) return cannot(path_, "cannot be made");
  file_ = std::move(file);
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) == 0) return done();
  const Error error = cannot(path_, "cannot be locked");
  disappear();
  return error;
}

// Moved to its place, so that nobody sees it without its text or its lock.
Status LeadFile::appear(const std::string& text) {
  if (path_.empty() || fresh_.empty()) return done();
  const bool made = ::write(file_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                    ::rename(fresh_.c_str(), path_.c_str()) == 0;
  if (!made) {
    const Error error = cannot(path_, "cannot be written");
    disappear();
    return error;
  }
  fresh_.clear();
  return done();
}

void LeadFile::disappear() {
  if (!file_.is_open()) return;
  if (!fresh_.empty()) ::unlink(std::exchange(fresh_, {}).c_str());
  struct stat ours {
  }, there{};
  const bool same = ::fstat(file_.get(), &ours) == 0 && ::lstat(path_.c_str(), &there) == 0 &&
                    ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
  if (same) ::unlink(path_.c_str());
  file_.reset();
}

}  // namespace coord::delect
