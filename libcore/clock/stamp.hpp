// SPDX-License-Identifier: MIT
// What one event carries away from its host: who it is of, and its clock of any kind. As text a stamp is a
// token, `HOST:CLOCK`, with `@HLC` after it where the host keeps a hybrid clock beside its vector; it fits in
// an environment variable, a header or a file name's content and is read back by `recv`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "base/time.hpp"
#include "clock/clock_text.hpp"
#include "clock/hybrid_clock.hpp"
#include "clock/lamport_clock.hpp"
#include "clock/log_line.hpp"
#include "clock/matrix_clock.hpp"
#include "clock/vector_clock.hpp"

namespace coord::clock {

using ClockValue = std::variant<VectorClock, LamportClock, MatrixClock, HybridTime>;

struct Stamp {
  std::string host;  // empty: a clock without its host, which compares but cannot be received
  ClockValue clock;
  std::optional<HybridTime> hybrid;  // beside a vector, matrix or Lamport clock
};

ClockKind kind_of(const ClockValue& clock);
std::string to_json(const ClockValue& clock);
std::string token(const Stamp& stamp);
// `HOST CLOCK [@TIME] TEXT` without a newline; the stamp's hybrid time is written where there is no `wall`.
std::string log_line(const Stamp& stamp, std::optional<WallTime> wall, std::string_view text);

// Reads tokens. Keeps a table of the hosts it has met, so one reader for a stream of tokens is faster than
// one for each. The table is a memory only: it is begun anew where it has no room, or held names of a text
// that is no stamp. A carriage return at the end of a text is not part of it.
class StampReader {
 public:
  StampReader() : clocks_(hosts_), lines_(hosts_) {}

  // A token, a log line (`rest` is then its text) or, for comparing only, a bare clock: `{"a":1}`, `7`
  // (Lamport) or a hybrid time. An Error's `what` says what is wrong with it.
  Result<Stamp> read(std::string_view text, std::string_view& rest);
  // Only a token at the beginning of `text`; `rest` is what follows it and one blank.
  Result<Stamp> read_token(std::string_view text, std::string_view& rest);

 private:
  using Read = Result<Stamp> (StampReader::*)(std::string_view, std::string_view&);
  Result<Stamp> read_with_room(Read reader, std::string_view text, std::string_view& rest);
  Result<Stamp> read_any(std::string_view text, std::string_view& rest);
  Result<Stamp> read_one_token(std::string_view text, std::string_view& rest);
  Stamp stamp(std::string_view host, const ParsedClock& clock) const;
  HostTable hosts_;
  ClockReader clocks_;
  LineParser lines_;
  LogLine line_;
};

// True if the first word of `text` looks like a token, well-formed or not: `HOST:{...`.
bool begins_with_token(std::string_view text);

// An Error (data) if the clocks are of different kinds.
Result<Relation> compare(const Stamp& a, const Stamp& b);

}  // namespace coord::clock
