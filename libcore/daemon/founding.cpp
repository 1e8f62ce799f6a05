// SPDX-License-Identifier: MIT
#include "daemon/founding.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "net/greeting.hpp"
#include "store/backup.hpp"

namespace coord::daemon {

Result<std::string> read_founding(const std::string& state_dir) {
  const std::string path = fmt::format("{}/{}", state_dir, group_file_name);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.is_open() && errno == ENOENT) return std::string();
  std::array<char, 64> content{};
  const ssize_t got = file.is_open() ? ::read(file.get(), content.data(), content.size()) : -1;
  if (got < 0)
    return Error{ErrorKind::unavailable, path, std::string("cannot be read: ") + std::strerror(errno),
                 "give it the owner of the directory"};
  std::string text(content.data(), static_cast<std::size_t>(got));
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!store::parse_founding_id(text))
    return Error{ErrorKind::data, path, "is no id of a group", "copy the file of another host of the group"};
  return text;
}

store::GroupDigest log_group(const Settings& settings, const std::string& founding) {
  if (settings.joins()) return net::group_digest({}, settings.group);
  std::map<std::string, net::Address> names;
  for (const auto& [name, address] : settings.roster.founders()) names.emplace(name, net::Address{});
  return net::group_digest(names, founding);
}

}  // namespace coord::daemon
