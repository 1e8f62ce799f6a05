// SPDX-License-Identifier: MIT
#include "cli/values.hpp"

#include <charconv>
#include <cmath>

#include "base/format.hpp"
#include "cli/names.hpp"

namespace coord::cli {
namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;
constexpr std::int64_t most_seconds = 1'000'000'000;  // 31 years; keeps nanoseconds far from overflow

Error bad_value(std::string_view text, const std::string& what, std::string remedy) {
  return Error{ErrorKind::usage, "", fmt::format("'{}' {}", shown(text.substr(0, 64)), what),
               std::move(remedy)};
}

template <class Integer>
Result<Integer> read_digits(std::string_view text, Integer least, Integer most) {
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size())
    return bad_value(text, "is not a whole number", "give decimal digits");
  if (error == std::errc::result_out_of_range || value < least || value > most) {
    if (most == std::numeric_limits<Integer>::max() && value < least)
      return bad_value(text, "is out of range", fmt::format("give at least {}", least));
    return bad_value(text, "is out of range", fmt::format("give {} to {}", least, most));
  }
  return value;
}

struct Unit {
  std::string_view name;
  std::int64_t nanoseconds;
};
constexpr Unit units[] = {{"ms", 1'000'000},
                          {"s", ns_per_s},
                          {"m", 60 * ns_per_s},
                          {"h", 3'600 * ns_per_s},
                          {"d", 86'400 * ns_per_s}};

// Takes a unit off the end, and answers with its nanoseconds; without one it is the second.
std::int64_t take_unit(std::string_view& text) {
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.name)) continue;
    text.remove_suffix(unit.name.size());
    return unit.nanoseconds;
  }
  return ns_per_s;
}

// So many billionths of a unit; no product of the two fits 64 bits.
std::int64_t fraction_of(std::int64_t unit, std::int64_t billionths) {
  const std::int64_t whole = unit / ns_per_s, rest = unit % ns_per_s;
  return whole * billionths + rest * billionths / ns_per_s;
}

bool all_digits(std::string_view text) {
  return text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Result<std::int64_t> read_integer(std::string_view text, ValueBounds bounds) {
  return read_digits<std::int64_t>(text, bounds.least, bounds.most);
}

Result<std::uint64_t> read_unsigned(std::string_view text, ValueBounds bounds) {
  const auto least = static_cast<std::uint64_t>(std::max<std::int64_t>(bounds.least, 0));
  const bool unbounded = bounds.most == std::numeric_limits<std::int64_t>::max();
  return read_digits<std::uint64_t>(
      text, least,
      unbounded ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(bounds.most));
}

Result<Duration> read_seconds(std::string_view text, ValueBounds bounds) {
  static const std::string remedy = "give seconds, e.g. 2 or 0.25, or a unit: 250ms, 10s, 5m, 1h, 2d";
  std::string_view digits = text;
  const std::int64_t unit = take_unit(digits);
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  const std::size_t point = digits.find('.');
  const std::string_view whole = digits.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "" : digits.substr(point + 1);
  if ((whole.empty() && fraction.empty()) || !all_digits(whole) || !all_digits(fraction))
    return bad_value(text, "is not a number of seconds", remedy);
  std::int64_t seconds = 0;
  if (!whole.empty() && std::from_chars(whole.data(), whole.data() + whole.size(), seconds).ec != std::errc{})
    return bad_value(text, "is out of range", "give less than 1000000000 seconds");
  if (seconds > (most_seconds * ns_per_s - 1) / unit)
    return bad_value(text, "is out of range", "give less than 1000000000 seconds");
  std::int64_t parts = 0;  // billionths of the unit
  for (std::size_t i = 0; i < 9; ++i) parts = parts * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  std::int64_t total = seconds * unit + fraction_of(unit, parts);
  if (negative) total = -total;
  const std::int64_t least = bounds.least == ValueBounds{}.least ? 0 : bounds.least;
  if (total < least || (negative && least == 0))
    return bad_value(text, "is out of range",
                     fmt::format("give at least {} seconds", seconds_text(Duration(least))));
  if (total > bounds.most)
    return bad_value(text, "is out of range",
                     fmt::format("give at most {} seconds", seconds_text(Duration(bounds.most))));
  return Duration(total);
}

Result<double> read_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
    return bad_value(text, "is not a number", "give a decimal number");
  return value;
}

std::string seconds_text(Duration value) {
  const std::int64_t ns = value.count();
  const std::uint64_t size = ns < 0 ? 0U - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  std::string text = fmt::format("{}{}.{:09}", ns < 0 ? "-" : "", size / ns_per_s, size % ns_per_s);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace coord::cli
