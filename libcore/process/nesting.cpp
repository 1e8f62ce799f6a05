#include "process/nesting.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace coord::process {

namespace {
constexpr int longest_ancestry = 4096;  // generations; a chain that is longer cannot be one

// O_PATH: a guard's, that keeps the file without holding anything by it. Reading: it watches who holds.
bool holds_nothing(pid_t pid, const std::string& descriptor) {
  const std::string path = "/proc/" + std::to_string(pid) + "/fdinfo/" + descriptor;
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
  const std::string path = "/proc/" + std::to_string(pid) + "/fd";
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
  for (int generation = 0; generation < longest_ancestry && pid > 1; ++generation) {
    const auto process = read_process(pid);
    if (!process) return false;
    if (generation > 0 && process->id == ancestor) return !process->ended();
    pid = process->parent;
  }
  return false;
}

}  // namespace coord::process
