// SPDX-License-Identifier: MIT
// A logical clock as JSON text, the form that log lines and tokens carry:
//
//   vector   {"a":3,"b":1}                        events known of each host
//   matrix   {"a":{"a":3,"b":1},"b":{"b":1}}      what each host is known to know
//   lamport  {"@lamport":7}
//   hlc      {"@hlc":"2026-11-22T01:27:15.123Z.002a"}
//
// No host name begins with '@', so a clock tells its own kind. The reader is strict (one object, no
// duplicate names, counters below 2^53 without sign, fraction or leading zero) and bounded (see
// limits.hpp); it keeps no state between clocks but a memory of the last one's names, which makes a log of
// the same few hosts fast to read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "clock/host_table.hpp"

namespace coord::clock {

enum class ClockKind { vector, lamport, matrix, hlc };

constexpr std::string_view to_string(ClockKind kind) {
  switch (kind) {
    case ClockKind::vector:
      return "vector";
    case ClockKind::lamport:
      return "lamport";
    case ClockKind::matrix:
      return "matrix";
    case ClockKind::hlc:
      return "hlc";
  }
  return "";
}

// Kinds without an entry a host: they order events but cannot tell causality from coincidence.
constexpr bool is_scalar(ClockKind kind) {
  return kind == ClockKind::lamport || kind == ClockKind::hlc;
}

struct ClockEntry {
  HostIndex host;
  std::uint64_t count;
  bool operator==(const ClockEntry&) const = default;
};

struct MatrixCell {
  HostIndex knower, host;
  std::uint64_t count;
};

struct ParsedClock {
  ClockKind kind = ClockKind::vector;
  std::uint64_t scalar = 0;         // lamport: the counter; hlc: the bits
  std::vector<ClockEntry> entries;  // vector: in the order of the text
  std::vector<MatrixCell> cells;    // matrix: row by row
};

class ClockReader {
 public:
  explicit ClockReader(HostTable& hosts) : hosts_(hosts) {}

  // Reads the clock at the beginning of `text`. Returns why it cannot (nullptr: it
  // could); `length` is what it took.
  const char* read(std::string_view text, ParsedClock& clock, std::size_t& length);

  // Forgets the last clock's names, before they are taken back from the table.
  void forget() { last_.clear(); }

  // Where the number of the given entry stands in `text`, the vector just read; empty
  // if there are blanks in it.
  std::string_view count_text(std::size_t place, std::string_view text) const;

 private:
  const char* read_vector_fast(ParsedClock& clock);
  const char* read_object(ParsedClock& clock);
  const char* read_special(std::string_view name, ParsedClock& clock);
  const char* read_row(HostIndex knower, ParsedClock& clock);
  const char* read_name(std::string_view& name);
  const char* read_escape();
  const char* read_count(std::uint64_t& count);
  const char* read_host(HostIndex& host);
  bool skip(char c);
  void skip_blanks();
  bool first_mention(HostIndex host, std::vector<std::uint64_t>& marks, std::uint64_t object);

  struct Seen {
    std::string entry;     // as written last time, from the quote to the last digit
    std::size_t key_size;  // of it, up to and with the colon
    HostIndex host;
    std::uint64_t count;
  };
  HostTable& hosts_;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::vector<Seen> last_;  // the entries of the last vector read, in its order, without duplicates
  std::vector<std::uint64_t> row_marks_, column_marks_;  // by host: the last object that named it
  std::uint64_t object_ = 0, row_object_ = 0;  // how many objects, and rows of matrices, have been read
  std::string unescaped_;
};

// A JSON string with quotes: '"', '\' and control characters escaped, all else as it is.
void append_json_string(std::string& out, std::string_view text);

}  // namespace coord::clock
