// SPDX-License-Identifier: MIT
// The journal's own way for log lines (systemd.journal-fields(7), "Native Journal Protocol"): one datagram a
// line, with its priority and fields.
#pragma once

#include <string>

#include "base/bytes.hpp"
#include "base/descriptor.hpp"
#include "net/log.hpp"

namespace coord::daemon {

inline constexpr const char* journal_socket = "/run/systemd/journal/socket";

// A socket to send with, if `fd` is the stream that JOURNAL_STREAM names (systemd.exec(5)); else none.
Descriptor open_journal(int fd);

// As syslog(3) counts them.
int priority_of(net::LogLevel level);
// KEY=value a line; what has a line break in it with its length before it.
std::string journal_entry(net::LogLevel level, const std::string& line, const net::LogFields& fields);

// False: the journal has not taken it. Waits as long as the journal does.
bool send_to_journal(const Descriptor& socket, net::LogLevel level, const std::string& line,
                     const net::LogFields& fields);
// For its stream.
std::string with_priority(net::LogLevel level, const std::string& line);

}  // namespace coord::daemon
