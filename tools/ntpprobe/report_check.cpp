// SPDX-License-Identifier: MIT
// The Nagios plugin interface: one line "SERVICE STATUS: text | performance data" and a status from 0 to 3.
// By its guidelines UNKNOWN is for failures of the plugin itself; a name that does not resolve or a server
// that does not answer is what the plugin is there to find, and CRITICAL.
#include "base/format.hpp"
#include "ntpprobe/report.hpp"

namespace coord::ntpprobe {
namespace {

constexpr const char* check_words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

CheckResult answer(int status, const std::string& text, const std::string& performance) {
  std::string line = fmt::format("NTP {}: ", check_words[status]);
  for (const char c : text) line += c == '|' || c == '\n' ? ' ' : c;  // either would end the text
  return {status, fmt::format("{}{}\n", line, performance.empty() ? "" : fmt::format(" | {}", performance))};
}

// -X:X, the range in which the value is well.
std::string range(const std::optional<Duration>& limit) {
  return limit ? fmt::format("-{}:{}", plain_seconds(*limit), plain_seconds(*limit)) : "";
}

std::string performance_of(const Measurement& m, const Thresholds& t) {
  const std::string stratum = std::to_string(m.worst_stratum().value_or(0));
  const std::string most = t.max_stratum ? fmt::format("1:{}", *t.max_stratum) : "";
  return fmt::format("offset={}s;{};{} bound={}s;;;0 jitter={}s;;;0 stratum={};;{};0;16 servers={};;;0;{}",
                     plain_seconds(m.offset), range(t.warn), range(t.crit), plain_seconds(m.bound),
                     plain_seconds(m.worst_jitter()), stratum, most, m.used, m.servers.size());
}

}  // namespace

CheckResult check_unknown(const std::string& why) {
  return answer(3, why, "");
}

CheckResult check_report(const Measurement& m, const Thresholds& t) {
  if (!m.majority) {
    // Servers that contradict each other leave the offset unknown; no usable reply at all is an outage.
    return answer(m.usable > 0 ? 3 : 2, m.failure(), "");
  }
  const Duration magnitude = std::chrono::abs(m.offset);
  int status = 0;
  std::string text = fmt::format("offset {} s", signed_seconds(m.offset));
  if (t.crit && magnitude > *t.crit) {
    status = 2;
    text += fmt::format(" exceeds {} s", plain_seconds(*t.crit));
  } else if (t.warn && magnitude > *t.warn) {
    status = 1;
    text += fmt::format(" exceeds {} s", plain_seconds(*t.warn));
  }
  text += fmt::format(", bound {} s", plain_seconds(m.bound));
  const unsigned stratum = m.worst_stratum().value_or(16);
  text += fmt::format(", stratum {}", stratum);
  if (t.max_stratum && stratum > *t.max_stratum) {
    status = 2;
    text += fmt::format(" exceeds {}", *t.max_stratum);
  }
  text += fmt::format(", {} of {} servers used", m.used, m.servers.size());
  return answer(status, text, performance_of(m, t));
}

}  // namespace coord::ntpprobe
