// SPDX-License-Identifier: MIT
#include "cli/output_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace coord::cli {

namespace {

constexpr int most_links = 40;  // as the kernel follows
constexpr int patience_ms = 5000;
constexpr int reader_again_ms = 20;
constexpr const char* give_another = "give a file that can be written";

// A path that is walked one name at a time, so that each link on it is looked at before it is followed.
class Walk {
 public:
  explicit Walk(std::string path) : rest_(std::move(path)) {}

  // The file, open; or an errno in `error`, EPERM: a link of another user's.
  Descriptor open(int flags, int& error) {
    if (rest_.empty()) return failed(ENOENT, error);
    if (!enter_root()) return failed(errno, error);
    for (;;) {
      const std::string name = next_name();
      const bool last = rest_.empty();
      if (name.empty()) return failed(EISDIR, error);
      const int how = last ? flags : O_PATH | O_DIRECTORY;
      Descriptor found(::openat(at_.get(), name.c_str(), how | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0666));
      if (found.is_open() && last) return found;
      if (found.is_open()) {
        at_ = std::move(found);
        continue;
      }
      if (errno != ELOOP && errno != ENOTDIR) return failed(errno, error);
      const int why = errno;
      const Link link = look_at(name);
      if (link == Link::none) return failed(why, error);
      if (link == Link::foreign) return failed(EPERM, error);
      if (++links_ > most_links) return failed(ELOOP, error);
      // Those of /proc lead to what is open, not to a name.
      if (link == Link::of_kernel) {
        found = Descriptor(::openat(at_.get(), name.c_str(), how | O_CLOEXEC | O_NOCTTY, 0666));
        if (!found.is_open()) return failed(errno, error);
        if (last) return found;
        at_ = std::move(found);
      } else if (!follow(name)) {
        return failed(errno, error);
      }
    }
  }

 private:
  enum class Link { none, trusted, of_kernel, foreign };

  static Descriptor failed(int number, int& error) {
    error = number;
    return Descriptor();
  }

  bool enter_root() {
    const bool absolute = rest_.starts_with('/');
    if (absolute || !at_.is_open())
      at_ = Descriptor(::open(absolute ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return at_.is_open();
  }

  std::string next_name() {
    rest_.erase(0, std::min(rest_.find_first_not_of('/'), rest_.size()));
    const std::size_t end = std::min(rest_.find('/'), rest_.size());
    std::string name = rest_.substr(0, end);
    rest_.erase(0, end);
    return name;
  }

  Link look_at(const std::string& name) const {
    struct stat status {};
    if (::fstatat(at_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISLNK(status.st_mode))
      return Link::none;
    struct statfs system {};
    if (::fstatfs(at_.get(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC) return Link::of_kernel;
    return status.st_uid == ::geteuid() || status.st_uid == 0 ? Link::trusted : Link::foreign;
  }

  bool follow(const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(at_.get(), name.c_str(), target.data(), target.size());
    if (length <= 0) return false;
    rest_ = std::string(target.data(), static_cast<std::size_t>(length)) + rest_;
    return enter_root();
  }

  std::string rest_;
  Descriptor at_;
  int links_ = 0;
};

Error cannot(const std::string& object, const std::string& why, std::string remedy = give_another) {
  return Error{ErrorKind::output, object, why, std::move(remedy)};
}

}  // namespace

Result<Descriptor> open_output_file(const std::string& path, const std::string& object) {
  // O_NONBLOCK: of a FIFO without a reader it is ENXIO.
  const int flags = O_WRONLY | O_CREAT | O_NONBLOCK;
  int error = 0;
  Descriptor file = Walk(path).open(flags, error);
  for (int waited = 0; !file.is_open() && error == ENXIO && waited < patience_ms; waited += reader_again_ms) {
    ::poll(nullptr, 0, reader_again_ms);
    file = Walk(path).open(flags, error);
  }
  if (!file.is_open() && error == EPERM)
    return cannot(object, "its path has a symbolic link of another user's", "name the file itself");
  if (!file.is_open() && error == ENXIO) return cannot(object, "nobody reads this pipe");
  if (!file.is_open()) return cannot(object, std::strerror(error));
  struct stat status {};
  const bool regular = ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
  if (regular && status.st_size > 0 && ::ftruncate(file.get(), 0) != 0)
    return cannot(object, std::strerror(errno));
  return file;
}

Result<Descriptor> open_report_file(const std::string& path, const std::string& object) {
  if (path != "-") return open_output_file(path, object);
  Descriptor own(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!own.is_open()) return cannot(object, std::strerror(errno));
  return own;
}

Status write_output_file(const Descriptor& file, std::string_view text, const std::string& object) {
  while (!text.empty()) {
    const ssize_t count = ::write(file.get(), text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd room{file.get(), POLLOUT, 0};
      if (::poll(&room, 1, patience_ms) == 0) return cannot(object, "its reader takes nothing");
    } else if (errno != EINTR) {
      return cannot(object, std::strerror(errno));
    }
  }
  return done();
}

}  // namespace coord::cli
