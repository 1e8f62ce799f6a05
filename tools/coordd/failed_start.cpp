// SPDX-License-Identifier: MIT
#include "coordd/failed_start.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "process/boot_time.hpp"
#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/local.hpp"

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

void turn_away(int socket, const std::string& why, std::chrono::milliseconds time) {
  constexpr std::size_t longest_word = 1024;
  const local::Answer refusal = local::Refused{0, local::RefusedKind::limit, why.substr(0, longest_word)};
  const Bytes frame = wire::frame(wire::FrameType::answer, wire::encode(refusal, 1));
  const Instant end = process::boot_now() + time;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - process::boot_now());
    pollfd comes{socket, POLLIN, 0};
    const int wait_ms = static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
    if (::poll(&comes, 1, wait_ms) <= 0 || (comes.revents & POLLIN) == 0) return;
    const Descriptor tool(::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!tool.is_open()) return;
    static_cast<void>(::send(tool.get(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  }
}

}  // namespace coord::coordd
