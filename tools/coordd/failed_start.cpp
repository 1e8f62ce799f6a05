// SPDX-License-Identifier: MIT
#include "coordd/failed_start.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>

#include "base/descriptor.hpp"
#include "base/format.hpp"

namespace coord::coordd {

namespace {

constexpr std::time_t said_for_s = 60;
constexpr std::size_t longest = 4096;

std::string read_file(int fd) {
  std::array<char, longest> text{};
  const ssize_t n = ::pread(fd, text.data(), text.size(), 0);
  return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : std::string();
}

}  // namespace

std::optional<std::string> runtime_directory() {
  const char* directory = std::getenv("RUNTIME_DIRECTORY");
  if (directory == nullptr || *directory != '/') return std::nullopt;
  return directory;
}

bool said_lately(const std::string& directory, const std::string& cause) {
  const std::string path = fmt::format("{}/failed-start", directory);
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  struct stat status {};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const std::string said = cause.substr(0, longest);
  const std::time_t age_s = std::time(nullptr) - status.st_mtime;
  if (read_file(file.get()) == said && age_s >= 0 && age_s < said_for_s) return true;
  // What cannot be kept is said again.
  if (::ftruncate(file.get(), 0) == 0) static_cast<void>(::pwrite(file.get(), said.data(), said.size(), 0));
  static_cast<void>(::futimens(file.get(), nullptr));
  return false;
}

}  // namespace coord::coordd
