// SPDX-License-Identifier: MIT
#include "process/cgroup.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>
#include <utility>

#include "base/format.hpp"

namespace coord::process {
namespace {

constexpr std::string_view own_prefix = "coordutils.";  // and the pid of the maker
constexpr pid_t sweep_every = 16;  // starts, about: a look at the parent costs as much as making a group
constexpr int deepest = 32;  // nested groups that are looked into; the kernel's own paths end well before

// The whole of a small file of /proc or of a control group; empty if it cannot be read.
std::string read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  ::close(fd);
  return text;
}

// Where version 2 is mounted: alone, or beside version 1.
std::optional<std::string> mount_point() {
  for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    struct statfs fs {};
    if (::statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) return path;
  }
  return std::nullopt;
}

// The group of a process ("self" or its pid) as a directory. A path that leads out of a container's view
// ("/../...") is none.
std::optional<std::string> group_of(const std::string& process) {
  const std::optional<std::string> mount = mount_point();
  if (!mount) return std::nullopt;
  const std::string text = fmt::format("\n{}", read_file(fmt::format("/proc/{}/cgroup", process)));
  const std::size_t line = text.find("\n0::/");
  if (line == std::string::npos) return std::nullopt;
  const std::size_t begin = line + 4;
  const std::string path = text.substr(begin, text.find('\n', begin) - begin);
  if (path.find("/..") != std::string::npos) return std::nullopt;
  return path == "/" ? *mount : *mount + path;
}

std::vector<std::string> groups_below(const std::string& path) {
  std::vector<std::string> out;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return out;
  while (const dirent* entry = ::readdir(directory.get()))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
      out.push_back(fmt::format("{}/{}", path, entry->d_name));
  return out;
}

void collect(const std::string& path, int depth, std::vector<pid_t>& out) {
  const std::string text = read_file(fmt::format("{}/cgroup.procs", path));
  for (const char *at = text.data(), *end = at + text.size(); at < end;) {
    pid_t pid = 0;
    const auto read = std::from_chars(at, end, pid);
    if (read.ec == std::errc{} && pid > 0) out.push_back(pid);  // 0: a process that this namespace cannot see
    at = read.ptr + 1;
  }
  if (depth == 0) return;
  for (const std::string& below : groups_below(path)) collect(below, depth - 1, out);
}

bool remove_tree(const std::string& path, int depth) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return true;
  if (depth == 0) return false;
  for (const std::string& below : groups_below(path)) remove_tree(below, depth - 1);
  return ::rmdir(path.c_str()) == 0 || errno == ENOENT;
}

}  // namespace

std::optional<Cgroup> Cgroup::create() {
  const std::optional<std::string> parent = group_of("self");
  if (!parent) return std::nullopt;
  if (::getpid() % sweep_every == 0) cgroup_sweep(*parent);
  const std::string base = fmt::format("{}/{}{}", *parent, own_prefix, ::getpid());
  for (int attempt = 0; attempt < 8; ++attempt) {
    const std::string path = attempt == 0 ? base : fmt::format("{}.{}", base, attempt);
    if (::mkdir(path.c_str(), 0755) != 0) {
      if (errno == EEXIST)
        continue;  // left behind by an earlier process of this pid, with something still running in it
      return std::nullopt;
    }
    const int fd = ::open(path.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (fd >= 0) return Cgroup(path, fd);
    ::rmdir(path.c_str());
    return std::nullopt;
  }
  return std::nullopt;
}

Cgroup::Cgroup(Cgroup&& other) noexcept
    : path_(std::exchange(other.path_, {})), fd_(std::exchange(other.fd_, -1)) {}

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

Cgroup::~Cgroup() {
  if (fd_ < 0) return;
  ::close(fd_);
  cgroup_remove(path_);
}

std::string cgroup_of(pid_t pid) {
  return group_of(std::to_string(pid)).value_or("");
}

std::string cgroup_made_by(pid_t maker, pid_t pid) {
  const std::string group = group_of(std::to_string(pid)).value_or("");
  const std::string name = fmt::format("/{}{}", own_prefix, maker);
  const std::size_t last = std::min(group.rfind('/'), group.size());
  // Its own, or a later one ("coordutils.4711.1") where the first was still in use.
  const bool its_own = group.compare(last, name.size(), name) == 0 &&
                       (group.size() == last + name.size() || group[last + name.size()] == '.');
  return its_own ? group : std::string();
}

bool in_same_cgroup(pid_t a, pid_t b) {
  const std::string groups = read_file(fmt::format("/proc/{}/cgroup", a));
  return !groups.empty() && groups == read_file(fmt::format("/proc/{}/cgroup", b));
}

std::vector<pid_t> cgroup_members(const std::string& path) {
  std::vector<pid_t> out;
  collect(path, deepest, out);
  return out;
}

bool cgroup_kill(const std::string& path) {
  const int fd = ::open((fmt::format("{}/cgroup.kill", path)).c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, "1", 1) == 1;
  ::close(fd);
  return written;
}

void cgroup_sweep(const std::string& parent) {
  for (const std::string& path : groups_below(parent)) {
    std::string_view name(path);
    name.remove_prefix(parent.size() + 1);
    if (!name.starts_with(own_prefix)) continue;
    name.remove_prefix(own_prefix.size());
    pid_t maker = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), maker).ec != std::errc{} || maker <= 0)
      continue;
    // A living maker may be about to use its empty group. Where something runs, the
    // removal is refused by the kernel.
    if (::kill(maker, 0) != 0 && errno == ESRCH) cgroup_remove(path);
  }
}

bool cgroup_remove(const std::string& path) {
  return remove_tree(path, deepest);
}

}  // namespace coord::process
