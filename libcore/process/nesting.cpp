#include "process/nesting.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <memory>
#include <string>

namespace coord::process {

namespace {
constexpr int longest_ancestry = 4096;  // generations; a chain that is longer cannot be one
}

bool has_open(pid_t pid, const Family::File& file) {
  const std::string path = "/proc/" + std::to_string(pid) + "/fd";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return false;
  while (const dirent* entry = ::readdir(directory.get())) {
    struct stat status {};
    if (entry->d_name[0] == '.' || ::fstatat(::dirfd(directory.get()), entry->d_name, &status, 0) != 0)
      continue;
    if (status.st_dev == file.device && status.st_ino == file.inode) return true;
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
