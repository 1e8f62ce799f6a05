// SPDX-License-Identifier: MIT
#include "base/unmapped_ids.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/descriptor.hpp"

namespace coord {

namespace {

constexpr unsigned long usual_overflow_id = 65534;
constexpr const char* all_ids = "4294967295";  // the last word of the only line where every id is mapped

std::string read_of(const char* path) {
  const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer;
  const ssize_t n = file.is_open() ? ::read(file.get(), buffer.data(), buffer.size()) : 0;
  return {buffer.data(), static_cast<std::size_t>(n > 0 ? n : 0)};
}

// Nothing: every id is mapped. A kernel without user namespaces has no map to read, and only one namespace.
std::optional<unsigned long> overflow_id(const char* map_path, const char* overflow_path) {
  const std::string map = read_of(map_path);
  const std::size_t last = map.find_last_not_of(" \n");
  const std::string text = map.substr(0, last == std::string::npos ? 0 : last + 1);
  const bool whole = text.find('\n') == std::string::npos && text.ends_with(all_ids);
  if (whole || ::access(map_path, F_OK) != 0) return std::nullopt;
  const std::string id = read_of(overflow_path);
  return id.empty() ? usual_overflow_id : std::strtoul(id.c_str(), nullptr, 10);
}

}  // namespace

bool may_be_unmapped_user(uid_t id) {
  static const auto overflow = overflow_id("/proc/self/uid_map", "/proc/sys/kernel/overflowuid");
  return id == overflow;
}

bool may_be_unmapped_group(gid_t id) {
  static const auto overflow = overflow_id("/proc/self/gid_map", "/proc/sys/kernel/overflowgid");
  return id == overflow;
}

}  // namespace coord
