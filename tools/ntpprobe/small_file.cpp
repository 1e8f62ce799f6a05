// SPDX-License-Identifier: MIT
#include "ntpprobe/small_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace coord::ntpprobe {

Result<std::string> read_small_file(const std::string& name) {
  constexpr std::size_t limit = std::size_t{1} << 20U;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(name.c_str(), "re"), std::fclose);
  if (!file)
    return Error{ErrorKind::data, name, std::string("cannot be opened: ") + std::strerror(errno),
                 "name a file that you may read"};
  std::string text;
  char part[4096];
  while (text.size() <= limit) {
    const std::size_t got = std::fread(part, 1, sizeof part, file.get());
    if (got == 0) break;
    text.append(part, got);
  }
  if (std::ferror(file.get()) != 0)
    return Error{ErrorKind::data, name, std::string("cannot be read: ") + std::strerror(errno),
                 "name a file that you may read"};
  if (text.size() > limit)
    return Error{ErrorKind::data, name, "has more than 1 MiB", "is it the right file?"};
  return text;
}

}  // namespace coord::ntpprobe
