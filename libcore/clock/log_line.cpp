#include "clock/log_line.hpp"

#include <cstring>

#include "base/rfc3339.hpp"

namespace coord::clock {

void take_time(std::string_view& rest, LogLine& line) {
  if (rest.empty() || rest.front() != '@') return;
  const std::string_view word =
      rest.substr(1, rest.find(' ') == std::string_view::npos ? rest.size() : rest.find(' ') - 1);
  line.wall = parse_rfc3339(word);
  if (!line.wall) line.hybrid = parse_hybrid_time(word);
  if (!line.wall && !line.hybrid) return;
  rest.remove_prefix(1 + word.size());
  if (!rest.empty()) rest.remove_prefix(1);
}

const char* LineParser::parse(std::string_view raw, LogLine& line) {
  line.raw = raw;
  line.wall.reset();
  line.hybrid.reset();
  const std::size_t blank = raw.find(' ');
  if (blank == std::string_view::npos)
    return raw.empty() ? "the line is empty" : "the line has no clock after the host";
  const std::string_view name = raw.substr(0, blank);
  if (last_host_ == HostTable::none || name != last_host_name_) {
    const char* fault = nullptr;
    last_host_ = hosts_.intern(name, fault);
    last_host_name_.clear();
    if (fault != nullptr) return fault;
    last_host_name_ = name;
  }
  line.host = last_host_;

  std::string_view rest = raw.substr(blank + 1);
  std::size_t length = 0;
  if (const char* fault = clocks_.read(rest, line.clock, length)) return fault;
  line.clock_text = rest.substr(0, length);
  rest.remove_prefix(length);
  if (!rest.empty()) {
    if (rest.front() != ' ') return "the clock is not followed by a blank";
    rest.remove_prefix(1);
    take_time(rest, line);
  }
  line.text = rest;

  line.own = line.clock.scalar;
  if (line.clock.kind == ClockKind::matrix) {
    for (const auto& cell : line.clock.cells) {
      if (cell.knower == line.host) line.clock.entries.push_back({cell.host, cell.count});
    }
  }
  for (const auto& entry : line.clock.entries) {
    if (entry.host == line.host) line.own = entry.count;
  }
  return nullptr;
}

}  // namespace coord::clock
