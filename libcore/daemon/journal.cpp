// SPDX-License-Identifier: MIT
#include "daemon/journal.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/format.hpp"

namespace coord::daemon {

namespace {

void append(std::string& entry, const std::string& key, const std::string& value) {
  if (value.find('\n') == std::string::npos) {
    entry += fmt::format("{}={}\n", key, value);
    return;
  }
  entry += fmt::format("{}\n", key);
  for (unsigned shift = 0; shift < 64; shift += 8)
    entry += static_cast<char>((static_cast<std::uint64_t>(value.size()) >> shift) & 0xFFU);
  entry += fmt::format("{}\n", value);
}

}  // namespace

Descriptor open_journal(int fd) {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(fd, &status) != 0) return Descriptor();
  if (stream != fmt::format("{}:{}", status.st_dev, status.st_ino)) return Descriptor();
  return Descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

int priority_of(net::LogLevel level) {
  switch (level) {
    case net::LogLevel::error:
      return 3;
    case net::LogLevel::warning:
      return 4;
    case net::LogLevel::info:
      return 6;
    case net::LogLevel::debug:
      break;
  }
  return 7;
}

std::string journal_entry(net::LogLevel level, const std::string& line, const net::LogFields& fields) {
  std::string entry;
  append(entry, "MESSAGE", line);
  append(entry, "PRIORITY", std::to_string(priority_of(level)));
  append(entry, "SYSLOG_IDENTIFIER", "coordd");
  for (const auto& [key, value] : fields) append(entry, key, value);
  return entry;
}

bool send_to_journal(const Descriptor& socket, net::LogLevel level, const std::string& line,
                     const net::LogFields& fields) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::strcpy(to.sun_path, journal_socket);
  const std::string entry = journal_entry(level, line, fields);
  for (;;) {
    const ssize_t sent = ::sendto(socket.get(), entry.data(), entry.size(), MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&to), sizeof to);
    if (sent >= 0) return true;
    if (errno != EINTR) return false;
  }
}

std::string with_priority(net::LogLevel level, const std::string& line) {
  return fmt::format("<{}>{}\n", priority_of(level), line);
}

}  // namespace coord::daemon
