// SPDX-License-Identifier: MIT
#include "clock/stamp.hpp"

#include <charconv>

#include "base/format.hpp"
#include "base/rfc3339.hpp"

namespace coord::clock {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;  // clang 14 does not deduce aggregates by itself

void append_counts(std::string& out, const VectorClock& clock) {
  out += '{';
  for (const auto& [host, count] : clock.counts()) {
    if (out.back() != '{') out += ',';
    append_json_string(out, host);
    out += ':';
    out += std::to_string(count);
  }
  out += '}';
}

Error not_a_stamp(std::string what) {
  return {ErrorKind::data, "", std::move(what), "a token is HOST:{clock} as printed by send"};
}

}  // namespace

ClockKind kind_of(const ClockValue& clock) {
  constexpr ClockKind kinds[] = {ClockKind::vector, ClockKind::lamport, ClockKind::matrix, ClockKind::hlc};
  return kinds[clock.index()];
}

std::string to_json(const ClockValue& clock) {
  std::string out;
  std::visit(
      Overloaded{
          [&](const VectorClock& vector) { append_counts(out, vector); },
          [&](const LamportClock& lamport) { out = fmt::format("{{\"@lamport\":{}}}", lamport.count); },
          [&](const HybridTime& time) { out = fmt::format("{{\"@hlc\":\"{}\"}}", to_string(time)); },
          [&](const MatrixClock& matrix) {
            out += '{';
            for (const auto& [knower, row] : matrix.rows()) {
              if (out.size() > 1) out += ',';
              append_json_string(out, knower);
              out += ':';
              append_counts(out, row);
            }
            out += '}';
          }},
      clock);
  return out;
}

std::string token(const Stamp& stamp) {
  std::string out = fmt::format("{}:{}", stamp.host, to_json(stamp.clock));
  if (stamp.hybrid) out += fmt::format("@{}", to_string(*stamp.hybrid));
  return out;
}

std::string log_line(const Stamp& stamp, std::optional<WallTime> wall, std::string_view text) {
  std::string out = fmt::format("{} {}", stamp.host, to_json(stamp.clock));
  if (wall) {
    out += fmt::format(" @{}", rfc3339(*wall));
  } else if (stamp.hybrid) {
    out += fmt::format(" @{}", to_string(*stamp.hybrid));
  }
  out += ' ';
  out += text;
  return out;
}

bool begins_with_token(std::string_view text) {
  const std::size_t brace = text.find(":{");
  return brace != std::string_view::npos && brace > 0 && text.find_first_of(" \t{") > brace;
}

Stamp StampReader::stamp(std::string_view host, const ParsedClock& clock) const {
  Stamp result;
  result.host = host;
  switch (clock.kind) {
    case ClockKind::vector: {
      VectorClock::Counts counts;
      for (const auto& entry : clock.entries) counts[hosts_.name(entry.host)] = entry.count;
      result.clock = VectorClock(std::move(counts));
      break;
    }
    case ClockKind::matrix: {
      std::map<std::string, VectorClock::Counts, std::less<>> rows;
      for (const auto& cell : clock.cells)
        rows[hosts_.name(cell.knower)][hosts_.name(cell.host)] = cell.count;
      MatrixClock::Rows matrix;
      for (auto& [knower, counts] : rows) matrix.emplace(knower, VectorClock(std::move(counts)));
      result.clock = MatrixClock(std::move(matrix));
      break;
    }
    case ClockKind::lamport:
      result.clock = LamportClock{clock.scalar};
      break;
    case ClockKind::hlc:
      result.clock = HybridTime{clock.scalar};
      break;
  }
  return result;
}

Result<Stamp> StampReader::read(std::string_view text, std::string_view& rest) {
  return read_with_room(&StampReader::read_any, text, rest);
}

Result<Stamp> StampReader::read_token(std::string_view text, std::string_view& rest) {
  return read_with_room(&StampReader::read_one_token, text, rest);
}

Result<Stamp> StampReader::read_with_room(Read reader, std::string_view text, std::string_view& rest) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  const bool had_room = hosts_.size() == 0;
  auto stamp = (this->*reader)(text, rest);
  if (stamp) return stamp;
  lines_.take_back(0);
  clocks_.forget();
  return had_room ? stamp : (this->*reader)(text, rest);
}

Result<Stamp> StampReader::read_one_token(std::string_view text, std::string_view& rest) {
  const std::size_t colon = text.find(":{");
  if (colon == std::string_view::npos) return not_a_stamp("no HOST:{ in it");
  const std::string_view host = text.substr(0, colon);
  if (const char* fault = host_name_fault(host)) return not_a_stamp(fault);
  ParsedClock clock;
  std::size_t length = 0;
  if (const char* fault = clocks_.read(text.substr(colon + 1), clock, length)) return not_a_stamp(fault);
  Stamp result = stamp(host, clock);
  rest = text.substr(colon + 1 + length);
  if (!rest.empty() && rest.front() == '@') {
    const std::string_view time =
        rest.substr(1, rest.find(' ') == std::string_view::npos ? rest.size() : rest.find(' ') - 1);
    result.hybrid = parse_hybrid_time(time);
    if (!result.hybrid) return not_a_stamp("the text after '@' is not a hybrid time");
    rest.remove_prefix(1 + time.size());
  }
  if (rest.empty()) return result;
  if (rest.front() != ' ') return not_a_stamp("the clock is not followed by a blank");
  rest.remove_prefix(1);
  return result;
}

Result<Stamp> StampReader::read_any(std::string_view text, std::string_view& rest) {
  rest = {};
  if (begins_with_token(text)) return read_one_token(text, rest);
  if (!text.empty() && text.front() == '{') {
    ParsedClock clock;
    std::size_t length = 0;
    if (const char* fault = clocks_.read(text, clock, length)) return not_a_stamp(fault);
    if (length != text.size()) return not_a_stamp("something follows the clock");
    return stamp("", clock);
  }
  if (const auto time = parse_hybrid_time(text)) return Stamp{"", *time, std::nullopt};
  std::uint64_t count = 0;
  const auto number = std::from_chars(text.data(), text.data() + text.size(), count);
  if (!text.empty() && number.ec == std::errc() && number.ptr == text.data() + text.size() &&
      count <= largest_counter)
    return Stamp{"", LamportClock{count}, std::nullopt};

  if (const char* fault = lines_.parse(text, line_)) return not_a_stamp(fault);
  Stamp result = stamp(hosts_.name(line_.host), line_.clock);
  result.hybrid = line_.hybrid;
  rest = line_.text;
  return result;
}

Result<Relation> compare(const Stamp& a, const Stamp& b) {
  if (a.clock.index() != b.clock.index()) {
    return Error{ErrorKind::data, "",
                 fmt::format("a {} clock and a {} clock do not compare", to_string(kind_of(a.clock)),
                             to_string(kind_of(b.clock))),
                 "give two of the same kind"};
  }
  if (const auto* lamport = std::get_if<LamportClock>(&a.clock))
    return compare(*lamport, a.host, std::get<LamportClock>(b.clock), b.host);
  if (const auto* time = std::get_if<HybridTime>(&a.clock))
    return compare(*time, a.host, std::get<HybridTime>(b.clock), b.host);
  if (const auto* vector = std::get_if<VectorClock>(&a.clock))
    return compare(*vector, std::get<VectorClock>(b.clock));
  // An event's own row is its vector clock; without the host, the join of all rows is (nobody knows more of
  // it than itself).
  const auto vector_of = [](const Stamp& stamp) {
    const auto& matrix = std::get<MatrixClock>(stamp.clock);
    if (!stamp.host.empty()) return matrix.row(stamp.host);
    VectorClock all;
    for (const auto& [knower, row] : matrix.rows()) all.join(row);
    return all;
  };
  return compare(vector_of(a), vector_of(b));
}

}  // namespace coord::clock
