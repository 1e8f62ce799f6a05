// SPDX-License-Identifier: MIT
#include "store/posix_disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/format.hpp"

namespace coord::store {
namespace {

Error failed(const std::string& name, const char* call, int error = errno) {
  return {ErrorKind::unavailable, name, fmt::format("{}: {}", call, std::generic_category().message(error)),
          ""};
}

// An error of a call that needs room: on the disk, in a quota, or among this process's descriptors.
Error failed_to_grow(const std::string& name, const char* call) {
  const int error = errno;
  Error what = failed(name, call, error);
  const bool room =
      error == ENOSPC || error == EDQUOT || error == EFBIG || error == EMFILE || error == ENFILE;
  if (room) what.kind = ErrorKind::output;  // is_for_want_of_room()
  return what;
}

class PosixFile final : public DiskFile {
 public:
  PosixFile(std::string name, Descriptor fd) : name_(std::move(name)), fd_(std::move(fd)) {}

  Status write(std::uint64_t offset, ByteView data) override {
    while (!data.empty()) {
      const ssize_t count = ::pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed_to_grow(name_, "write");
      if (count == 0) return failed(name_, "write", EIO);
      data = data.subspan(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return done();
  }

  Result<Bytes> read(std::uint64_t offset, std::size_t size) override {
    Bytes data(size);
    std::size_t have = 0;
    while (have < size) {
      const ssize_t count =
          ::pread(fd_.get(), data.data() + have, size - have, static_cast<off_t>(offset + have));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failed(name_, "read");
      if (count == 0) break;
      have += static_cast<std::size_t>(count);
    }
    data.resize(have);
    return data;
  }

  Status sync() override { return ::fdatasync(fd_.get()) == 0 ? done() : Status(failed(name_, "fdatasync")); }

  Result<std::uint64_t> size() override {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) return failed(name_, "stat");
    return static_cast<std::uint64_t>(status.st_size);
  }

  Status truncate(std::uint64_t size) override {
    return ::ftruncate(fd_.get(), static_cast<off_t>(size)) == 0 ? done() : Status(failed(name_, "truncate"));
  }

 private:
  std::string name_;
  Descriptor fd_;
};

Result<std::unique_ptr<DiskFile>> open_at(int directory, const std::string& name, int flags) {
  Descriptor fd(::openat(directory, name.c_str(), flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.is_open() && (flags & O_CREAT) != 0) return failed_to_grow(name, "create");
  if (!fd.is_open()) return failed(name, "open");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failed(name, "stat");
  if (!S_ISREG(status.st_mode)) return Error{ErrorKind::unavailable, name, "not a regular file", "remove it"};
  return std::unique_ptr<DiskFile>(std::make_unique<PosixFile>(name, std::move(fd)));
}

// So that a directory which was just made is still there after a power cut.
Status sync_parent(const std::string& path) {
  std::string parent = path;
  while (parent.size() > 1 && parent.back() == '/') parent.pop_back();
  const std::size_t slash = parent.rfind('/');
  parent = slash == std::string::npos ? "." : slash == 0 ? "/" : parent.substr(0, slash);
  const Descriptor fd(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) return failed(parent, "open");
  return ::fsync(fd.get()) == 0 ? done() : Status(failed(parent, "fsync"));
}

}  // namespace

std::unique_ptr<DiskFile> posix_file(std::string name, Descriptor file) {
  return std::make_unique<PosixFile>(std::move(name), std::move(file));
}

Result<std::unique_ptr<PosixDisk>> PosixDisk::open_directory(const std::string& path) {
  const bool made = ::mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) {
    const bool no_space = errno == ENOSPC || errno == EDQUOT;
    Error error = failed(path, "cannot be made");
    error.remedy =
        no_space ? "make room on its file system" : "make its parent writable, or name another directory";
    return error;
  }
  if (made) {
    if (Status status = sync_parent(path); !status.ok()) return status.error();
  }
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.is_open()) return failed(path, "open");
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return failed(path, "stat");
  if (status.st_uid != ::geteuid() && ::geteuid() != 0) {
    return Error{ErrorKind::unavailable, path, fmt::format("belongs to user id {}", status.st_uid),
                 "name a state directory of your own"};
  }
  if ((status.st_mode & 022U) != 0) {
    return Error{ErrorKind::unavailable, path, "others may write to it", "chmod go-w it"};
  }
  return std::unique_ptr<PosixDisk>(new PosixDisk(path, std::move(fd)));
}

Result<std::vector<std::string>> PosixDisk::list() {
  const int fd = ::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("", "open directory");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), &::closedir);
  if (!stream) {
    const Error error = failed("", "open directory");
    ::close(fd);
    return error;
  }
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return failed("", "read directory");
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::unique_ptr<DiskFile>> PosixDisk::open(const std::string& name) {
  return open_at(directory_.get(), name, O_NONBLOCK);  // O_NONBLOCK: a fifo in its place must not hang us
}

Result<std::unique_ptr<DiskFile>> PosixDisk::create(const std::string& name) {
  return open_at(directory_.get(), name, O_CREAT | O_EXCL);
}

Status PosixDisk::rename(const std::string& from, const std::string& to) {
  return ::renameat(directory_.get(), from.c_str(), directory_.get(), to.c_str()) == 0
             ? done()
             : Status(failed(from, "rename"));
}

Status PosixDisk::remove(const std::string& name) {
  return ::unlinkat(directory_.get(), name.c_str(), 0) == 0 ? done() : Status(failed(name, "remove"));
}

Status PosixDisk::sync_directory() {
  return ::fsync(directory_.get()) == 0 ? done() : Status(failed("", "fsync directory"));
}

Result<std::uint64_t> PosixDisk::free_bytes() {
  struct statvfs status {};
  if (::fstatvfs(directory_.get(), &status) != 0) return failed("", "statvfs");
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

}  // namespace coord::store
