// SPDX-License-Identifier: MIT
#include "clock/log_line.hpp"

#include <algorithm>
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
  line.only_own_grew = false;
  if (parse_like_last(line)) return parse_rest(raw.substr(line.raw.size() - line.text.size()), line);

  const std::size_t blank = raw.find(' ');
  if (blank == std::string_view::npos)
    return raw.empty() ? "the line is empty" : "the line has no clock after the host";
  const std::string_view name = raw.substr(0, blank);
  before_own_.clear();  // before the host is replaced, by none if its name is bad: the two belong together
  if (last_host_ == HostTable::none || name != last_host_name_) {
    const char* fault = nullptr;
    last_host_ = hosts_.intern(name, fault);
    last_host_name_.clear();
    if (fault != nullptr) return fault;
    last_host_name_ = name;
  }
  line.host = last_host_;

  const std::string_view rest = raw.substr(blank + 1);
  std::size_t length = 0;
  if (const char* fault = clocks_.read(rest, line.clock, length)) return fault;
  line.clock_text = rest.substr(0, length);
  line.own = line.clock.scalar;
  if (line.clock.kind == ClockKind::matrix) {
    for (const auto& cell : line.clock.cells) {
      if (cell.knower == line.host) line.clock.entries.push_back({cell.host, cell.count});
    }
  }
  for (const auto& entry : line.clock.entries) {
    if (entry.host == line.host) line.own = entry.count;
  }
  if (line.clock.kind == ClockKind::vector) remember(line);
  return parse_rest(rest.substr(length), line);
}

void LineParser::take_back(std::size_t hosts) {
  before_own_.clear();
  clocks_.forget();
  if (last_host_ != HostTable::none && last_host_ >= hosts) last_host_ = HostTable::none;
  hosts_.shrink_to(hosts);
}

// The fast way: the bytes of the last line around a new own entry. Leaves `text` as what follows the clock.
bool LineParser::parse_like_last(LogLine& line) {
  const std::string_view raw = line.raw;
  const std::size_t before = before_own_.size(), after = after_own_.size();
  if (before == 0 || raw.size() < before + 1 + after ||
      std::memcmp(raw.data(), before_own_.data(), before) != 0)
    return false;
  std::size_t at = before;
  std::uint64_t own = 0;
  while (at < raw.size() && raw[at] >= '0' && raw[at] <= '9' && at - before < 16)
    own = own * 10 + static_cast<std::uint64_t>(raw[at++] - '0');
  if (own <= last_own_ || own > largest_counter || raw[before] == '0') return false;
  if (raw.size() - at < after || std::memcmp(raw.data() + at, after_own_.data(), after) != 0) return false;
  last_entries_[own_place_].count = last_own_ = own;
  line.host = last_host_;
  line.own = own;
  line.only_own_grew = true;
  line.clock.kind = ClockKind::vector;
  line.clock.scalar = 0;
  line.clock.cells.clear();
  line.clock.entries = last_entries_;
  line.clock_text = raw.substr(last_host_name_.size() + 1, at + after - last_host_name_.size() - 1);
  line.text = raw.substr(at + after);
  return true;
}

void LineParser::remember(const LogLine& line) {
  const auto& entries = line.clock.entries;
  const auto own = std::ranges::find(entries, line.host, &ClockEntry::host);
  if (own == entries.end()) return;
  own_place_ = static_cast<std::size_t>(own - entries.begin());
  const std::string_view digits = clocks_.count_text(own_place_, line.clock_text);
  if (digits.empty()) return;
  const char* end = line.clock_text.data() + line.clock_text.size();
  before_own_.assign(line.raw.data(), digits.data());
  after_own_.assign(digits.data() + digits.size(), end);
  last_entries_ = entries;
  last_own_ = own->count;
}

const char* LineParser::parse_rest(std::string_view rest, LogLine& line) {
  if (!rest.empty()) {
    if (rest.front() != ' ') return "the clock is not followed by a blank";
    rest.remove_prefix(1);
    take_time(rest, line);
  }
  line.text = rest;
  return nullptr;
}

}  // namespace coord::clock
