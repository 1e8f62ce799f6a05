// SPDX-License-Identifier: MIT
#include "process/nesting.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "base/format.hpp"
#include "process/cgroup.hpp"

namespace coord::process {

namespace {

// O_PATH: a guard's, that keeps the file without holding anything by it. Reading: it watches who holds.
bool holds_nothing(pid_t pid, const std::string& descriptor) {
  const std::string path = fmt::format("/proc/{}/fdinfo/{}", pid, descriptor);
  const Descriptor info(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 256> text{};
  if (!info.is_open() || ::read(info.get(), text.data(), text.size() - 1) <= 0) return false;
  const char* flags = std::strstr(text.data(), "flags:\t");
  if (flags == nullptr) return false;
  const unsigned long mode = std::strtoul(flags + 7, nullptr, 8);
  return (mode & O_PATH) != 0 || (mode & O_ACCMODE) == O_RDONLY;
}

}  // namespace

bool has_open(pid_t pid, const Family::File& file) {
  const std::string path = fmt::format("/proc/{}/fd", pid);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return false;
  while (const dirent* entry = ::readdir(directory.get())) {
    struct stat status {};
    if (entry->d_name[0] == '.' || ::fstatat(::dirfd(directory.get()), entry->d_name, &status, 0) != 0)
      continue;
    const bool same = status.st_dev == file.device && status.st_ino == file.inode;
    if (same && !holds_nothing(pid, entry->d_name)) return true;
  }
  return false;
}

bool descends_from(pid_t pid, const ProcessId& ancestor) {
  for (std::size_t generation = 0; generation < longest_ancestry && pid > 1; ++generation) {
    const auto process = read_process(pid);
    if (!process) return false;
    if (generation > 0 && process->id == ancestor) return !process->ended();
    pid = process->parent;
  }
  return false;
}

const std::vector<ProcessState>& Nesting::line() {
  if (line_) return *line_;
  line_.emplace();
  for (pid_t pid = pid_; pid > 1 && line_->size() < longest_ancestry;) {
    const auto process = read_process(pid);
    if (!process) break;
    line_->push_back(*process);
    pid = process->parent;
  }
  return *line_;
}

bool Nesting::is_within(const ProcessId& process) {
  return std::ranges::any_of(
      line(), [&](const ProcessState& state) { return state.id == process && !state.ended(); });
}

bool Nesting::is_below(pid_t process) {
  return std::any_of(line().begin() + (line().empty() ? 0 : 1), line().end(),
                     [&](const ProcessState& state) { return state.id.pid == process && !state.ended(); });
}

const std::vector<Nesting::OpenFile>& Nesting::files() {
  if (files_) return *files_;
  files_.emplace();
  const std::string path = fmt::format("/proc/{}/fd", pid_);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return *files_;
  while (const dirent* entry = ::readdir(directory.get())) {
    struct stat status {};
    if (entry->d_name[0] == '.' || ::fstatat(::dirfd(directory.get()), entry->d_name, &status, 0) != 0)
      continue;
    files_->push_back({status.st_dev, status.st_ino, entry->d_name});
  }
  return *files_;
}

bool Nesting::has_open(const Family::File& file) {
  return std::ranges::any_of(files(), [&](const OpenFile& open) {
    return open.device == file.device && open.inode == file.inode && !holds_nothing(pid_, open.descriptor);
  });
}

bool Nesting::is_in_group(const std::string& path) {
  if (path.empty()) return false;
  if (!group_) group_ = cgroup_of(pid_);
  return *group_ == path || group_->starts_with(fmt::format("{}/", path));
}

}  // namespace coord::process
