// SPDX-License-Identifier: MIT
#include "coordd/trace_log.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <string_view>

#include "base/format.hpp"

namespace coord::coordd {

namespace {

constexpr off_t longest_tail = off_t{1} << 20;  // no line is longer

// The clock of a line `HOST {"a":1,"b":2} ...`, as this program writes it; empty: it is none.
std::map<std::string, std::uint64_t> clock_of(std::string_view line) {
  std::map<std::string, std::uint64_t> clock;
  std::size_t at = line.find('{');
  while (at != std::string_view::npos && at + 1 < line.size() && line[at + 1] == '"') {
    const std::size_t end = line.find("\":", at + 2);
    if (end == std::string_view::npos) return {};
    std::uint64_t count = 0;
    const auto read = std::from_chars(line.data() + end + 2, line.data() + line.size(), count);
    if (count == 0) return {};
    clock.emplace(line.substr(at + 2, end - at - 2), count);
    at = static_cast<std::size_t>(read.ptr - line.data());
    if (at >= line.size() || line[at] != ',') break;
  }
  return clock;
}

Error no_file(const std::string& path, const char* what) {
  return {ErrorKind::data, path, fmt::format("{}: {}", what, std::strerror(errno)),
          "name a regular file that this peer may write"};
}

// Written by the thread on which the peer runs, for a line is there before its message: a server that hangs
// would stop the peer.
bool is_elsewhere(const Descriptor& file) {
  constexpr long elsewhere[] = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC,
                                SMB2_SUPER_MAGIC, V9FS_MAGIC,       AFS_SUPER_MAGIC,
                                CODA_SUPER_MAGIC, CEPH_SUPER_MAGIC, FUSE_SUPER_MAGIC};
  struct statfs system {};
  if (::fstatfs(file.get(), &system) != 0) return false;
  return std::ranges::find(elsewhere, static_cast<long>(system.f_type)) != std::end(elsewhere);
}

}  // namespace

Result<std::unique_ptr<TraceLog>> TraceLog::open(const std::string& path, const std::string& host) {
  Descriptor file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file.is_open()) return no_file(path, "cannot be opened");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return no_file(path, "cannot be read");
  if (!S_ISREG(status.st_mode))
    return Error{ErrorKind::data, path, "is no regular file", "name a regular file that this peer may write"};
  if (is_elsewhere(file))
    return Error{ErrorKind::data, path, "is not on a disk of this host: if its server hung, this peer would",
                 "name a file on a local file system"};
  const off_t from = std::max<off_t>(0, status.st_size - longest_tail);
  std::string tail(static_cast<std::size_t>(status.st_size - from), '\0');
  if (::pread(file.get(), tail.data(), tail.size(), from) != static_cast<ssize_t>(tail.size()))
    return no_file(path, "cannot be read");
  const std::size_t end = tail.rfind('\n') == std::string::npos ? 0 : tail.rfind('\n') + 1;
  if (end != tail.size() && ::ftruncate(file.get(), from + static_cast<off_t>(end)) != 0)
    return no_file(path, "cannot be written");
  tail.resize(end);
  std::map<std::string, std::uint64_t> known;
  if (!tail.empty()) {
    const std::size_t before = tail.rfind('\n', tail.size() - 2);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    known = clock_of(std::string_view(tail).substr(begin));
    if (!known.contains(host))
      return Error{ErrorKind::data, path, fmt::format("it is no log of events of {}", host),
                   "name another file, or remove it"};
  }
  return std::unique_ptr<TraceLog>(new TraceLog(std::move(file), std::move(known)));
}

void TraceLog::write(const std::string& line, const std::function<void(const std::string&)>& failed) {
  if (over_) return;
  const std::string text = line + "\n";
  if (::write(file_.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return;
  over_ = true;
  failed(fmt::format("trace log: cannot be written: {}: it ends here", std::strerror(errno)));
}

}  // namespace coord::coordd
