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
    return Error{ErrorKind::data, name, std::string("cannot be opened: ") + std::strerror(errno), ""};
  std::string text(limit + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0)
    return Error{ErrorKind::data, name, std::string("cannot be read: ") + std::strerror(errno), ""};
  if (text.size() > limit)
    return Error{ErrorKind::data, name, "has more than 1 MiB", "is it the right file?"};
  return text;
}

}  // namespace coord::ntpprobe
