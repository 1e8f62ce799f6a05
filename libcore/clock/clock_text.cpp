// SPDX-License-Identifier: MIT
#include "clock/clock_text.hpp"

#include <cstring>

#include "clock/hybrid_clock.hpp"

namespace coord::clock {
namespace {

constexpr const char* not_an_object = "the clock is not a JSON object";
constexpr const char* duplicate_name = "the clock names a host twice";
constexpr const char* ends_early = "the clock ends early";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

template <class Word>
bool same_word(const char* a, const char* b) {
  Word left = 0, right = 0;
  std::memcpy(&left, a, sizeof left);
  std::memcpy(&right, b, sizeof right);
  return left == right;
}

// memcmp for a handful of bytes: a call would cost more than the comparison. The last
// word overlaps the one before.
bool same_bytes(const char* a, const char* b, std::size_t size) {
  if (size >= 8) {
    for (std::size_t at = 0; at + 8 < size; at += 8) {
      if (!same_word<std::uint64_t>(a + at, b + at)) return false;
    }
    return same_word<std::uint64_t>(a + size - 8, b + size - 8);
  }
  if (size >= 4)
    return same_word<std::uint32_t>(a, b) && same_word<std::uint32_t>(a + size - 4, b + size - 4);
  for (std::size_t at = 0; at < size; ++at) {
    if (a[at] != b[at]) return false;
  }
  return true;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0U | (code >> 6U));
    out += static_cast<char>(0x80U | (code & 0x3fU));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0U | (code >> 12U));
    out += static_cast<char>(0x80U | ((code >> 6U) & 0x3fU));
    out += static_cast<char>(0x80U | (code & 0x3fU));
  } else {
    out += static_cast<char>(0xf0U | (code >> 18U));
    out += static_cast<char>(0x80U | ((code >> 12U) & 0x3fU));
    out += static_cast<char>(0x80U | ((code >> 6U) & 0x3fU));
    out += static_cast<char>(0x80U | (code & 0x3fU));
  }
}

// Four hexadecimal digits at `at`; -1 if there are none.
int read_code_unit(const char* at, const char* end) {
  if (end - at < 4) return -1;
  int code = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_digit(at[i]);
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}

}  // namespace

const char* ClockReader::read(std::string_view text, ParsedClock& clock, std::size_t& length) {
  clock.kind = ClockKind::vector;
  clock.scalar = 0;
  clock.entries.clear();
  clock.cells.clear();
  at_ = text.data();
  end_ = text.data() + text.size();
  const char* fault = read_vector_fast(clock);
  if (fault != nullptr) {
    clock.entries.clear();
    at_ = text.data();
    fault = read_object(clock);
  }
  length = static_cast<std::size_t>(at_ - text.data());
  return fault;
}

// The same hosts in the same order as in the last vector, without blanks: compare bytes, look nothing up, and
// convert only counters that have changed. Any deviation is left to read_object, so the message returned here
// is never shown.
const char* ClockReader::read_vector_fast(ParsedClock& clock) {
  if (last_.empty() || !skip('{')) return not_an_object;
  clock.entries.resize(last_.size());
  ClockEntry* out = clock.entries.data();
  for (Seen& seen : last_) {
    const std::size_t size = seen.entry.size();
    if (static_cast<std::size_t>(end_ - at_) > size && same_bytes(at_, seen.entry.data(), size) &&
        !is_digit(at_[size])) {
      at_ += size;
    } else {
      if (static_cast<std::size_t>(end_ - at_) < seen.key_size ||
          !same_bytes(at_, seen.entry.data(), seen.key_size))
        return ends_early;
      const char* begin = at_;
      at_ += seen.key_size;
      if (const char* fault = read_count(seen.count)) {
        last_.clear();
        return fault;
      }
      seen.entry.assign(begin, at_);
    }
    *out++ = {seen.host, seen.count};
    if (skip('}')) {
      clock.entries.resize(
          static_cast<std::size_t>(out - clock.entries.data()));  // fewer than last time: still no duplicates
      return nullptr;
    }
    if (!skip(',')) return ends_early;
  }
  return ends_early;  // more hosts than last time
}

std::string_view ClockReader::count_text(std::size_t place, std::string_view text) const {
  std::size_t size = 1, at = 0;  // the opening brace; then each entry with its comma or the closing brace
  for (std::size_t i = 0; i < last_.size() && size < text.size(); ++i) {
    if (i == place) at = size;
    size += last_[i].entry.size() + 1;
    if (size == text.size()) break;  // the text may have fewer entries than a longer one before it
  }
  if (at == 0 || size != text.size()) return {};
  const Seen& seen = last_[place];
  if (text.substr(at, seen.entry.size()) != seen.entry) return {};
  return text.substr(at + seen.key_size, seen.entry.size() - seen.key_size);
}

const char* ClockReader::read_object(ParsedClock& clock) {
  if (!skip('{')) return not_an_object;
  ++object_;
  last_.clear();
  skip_blanks();
  if (skip('}')) return nullptr;
  for (bool first = true;; first = false) {
    skip_blanks();
    const char* key = at_;
    std::string_view name;
    if (const char* fault = read_name(name)) return fault;
    if (first && !name.empty() && name.front() == '@') return read_special(name, clock);
    const char* fault = nullptr;
    const HostIndex host = hosts_.intern(name, fault);
    if (fault != nullptr) return fault;
    if (!first_mention(host, row_marks_, object_)) return duplicate_name;
    skip_blanks();
    const char* value = at_;
    if (first && at_ != end_ && *at_ == '{') clock.kind = ClockKind::matrix;
    if (clock.kind == ClockKind::matrix) {
      if ((fault = read_row(host, clock)) != nullptr) return fault;
    } else {
      std::uint64_t count = 0;
      if ((fault = read_count(count)) != nullptr) return fault;
      clock.entries.push_back({host, count});
      last_.push_back({std::string(key, at_), static_cast<std::size_t>(value - key), host, count});
    }
    skip_blanks();
    if (skip('}')) return nullptr;
    if (!skip(',')) return at_ == end_ ? ends_early : "the clock has no ',' or '}' after an entry";
  }
}

// {"@lamport":7} or {"@hlc":"..."}: one entry only.
const char* ClockReader::read_special(std::string_view name, ParsedClock& clock) {
  skip_blanks();
  if (name == "@lamport") {
    clock.kind = ClockKind::lamport;
    if (const char* fault = read_count(clock.scalar)) return fault;
  } else if (name == "@hlc") {
    clock.kind = ClockKind::hlc;
    if (!skip('"')) return "the hybrid clock is not a text";
    const char* begin = at_;
    while (at_ != end_ && *at_ != '"') ++at_;
    const auto time = parse_hybrid_time({begin, static_cast<std::size_t>(at_ - begin)});
    if (!time || !skip('"')) return "the hybrid clock is not like 2026-11-22T01:27:15.123Z.002a";
    clock.scalar = time->bits;
  } else {
    return "a host name begins with '-' or '@'";
  }
  skip_blanks();
  return skip('}') ? nullptr : "the clock has more than its one entry";
}

const char* ClockReader::read_row(HostIndex knower, ParsedClock& clock) {
  if (!skip('{')) return "a row of the matrix is not a JSON object";
  ++row_object_;
  skip_blanks();
  if (skip('}')) {
    clock.cells.push_back({knower, knower, 0});  // the row is there, and nothing is known
    return nullptr;
  }
  for (;;) {
    skip_blanks();
    std::string_view name;
    if (const char* fault = read_name(name)) return fault;
    const char* fault = nullptr;
    const HostIndex host = hosts_.intern(name, fault);
    if (fault != nullptr) return fault;
    if (!first_mention(host, column_marks_, row_object_)) return duplicate_name;
    skip_blanks();
    std::uint64_t count = 0;
    if ((fault = read_count(count)) != nullptr) return fault;
    clock.cells.push_back({knower, host, count});
    skip_blanks();
    if (skip('}')) return nullptr;
    if (!skip(',')) return at_ == end_ ? ends_early : "the clock has no ',' or '}' after an entry";
  }
}

// A JSON string and the colon after it. The result points into the text, or into
// unescaped_ if it had escapes.
const char* ClockReader::read_name(std::string_view& name) {
  if (!skip('"')) return at_ == end_ ? ends_early : "the clock has no quoted name where one must be";
  const char* begin = at_;
  bool escaped = false;
  unescaped_.clear();
  while (at_ != end_ && *at_ != '"') {
    if (static_cast<unsigned char>(*at_) < ' ') return "a host name contains a blank or a control character";
    if (*at_ == '\\') {
      if (!escaped) unescaped_.assign(begin, at_);
      escaped = true;
      if (const char* fault = read_escape()) return fault;
    } else {
      if (escaped) unescaped_ += *at_;
      ++at_;
    }
  }
  name =
      escaped ? std::string_view(unescaped_) : std::string_view(begin, static_cast<std::size_t>(at_ - begin));
  if (!skip('"')) return ends_early;
  skip_blanks();
  return skip(':') ? nullptr : "the clock has no ':' after a name";
}

const char* ClockReader::read_escape() {
  constexpr const char* bad_escape = "a host name has a bad escape";
  if (end_ - at_ < 2) return ends_early;
  const char kind = at_[1];
  at_ += 2;
  switch (kind) {
    case '"':
    case '\\':
    case '/':
      unescaped_ += kind;
      return nullptr;
    case 'b':
      unescaped_ += '\b';
      return nullptr;
    case 'f':
      unescaped_ += '\f';
      return nullptr;
    case 'n':
      unescaped_ += '\n';
      return nullptr;
    case 'r':
      unescaped_ += '\r';
      return nullptr;
    case 't':
      unescaped_ += '\t';
      return nullptr;
    case 'u':
      break;
    default:
      return bad_escape;
  }
  const int unit = read_code_unit(at_, end_);
  if (unit < 0) return bad_escape;
  at_ += 4;
  auto code = static_cast<unsigned>(unit);
  if (code >= 0xd800 && code < 0xdc00) {  // the high half of a surrogate pair
    if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u') return bad_escape;
    const int low = read_code_unit(at_ + 2, end_);
    if (low < 0xdc00 || low > 0xdfff) return bad_escape;
    at_ += 6;
    code = 0x10000U + ((code - 0xd800U) << 10U) + (static_cast<unsigned>(low) - 0xdc00U);
  } else if (code >= 0xdc00 && code < 0xe000) {
    return bad_escape;
  }
  append_utf8(unescaped_, code);
  return nullptr;
}

const char* ClockReader::read_count(std::uint64_t& count) {
  const char* begin = at_;
  std::uint64_t value = 0;
  while (at_ != end_ && is_digit(*at_)) {
    if (at_ - begin >= 16) return "a counter is not below 2^53";
    value = value * 10 + static_cast<std::uint64_t>(*at_ - '0');
    ++at_;
  }
  if (at_ == begin) return at_ == end_ ? ends_early : "a counter is not a number";
  if (*begin == '0' && at_ - begin > 1) return "a counter has a leading zero";
  if (at_ != end_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E')) return "a counter is not an integer";
  if (value > largest_counter) return "a counter is not below 2^53";
  count = value;
  return nullptr;
}

bool ClockReader::skip(char c) {
  if (at_ == end_ || *at_ != c) return false;
  ++at_;
  return true;
}

void ClockReader::skip_blanks() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\t')) ++at_;
}

bool ClockReader::first_mention(HostIndex host, std::vector<std::uint64_t>& marks, std::uint64_t object) {
  if (marks.size() <= host) marks.resize(host + 1, 0);
  if (marks[host] == object) return false;
  marks[host] = object;
  return true;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ') {
      out += "\\u00";
      out += digits[static_cast<unsigned char>(c) >> 4U];
      out += digits[static_cast<unsigned char>(c) & 0xfU];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace coord::clock
