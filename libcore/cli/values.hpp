// SPDX-License-Identifier: MIT
// Option values as text: strict readers for numbers and seconds, and where a read value goes.
// An Error from here has no object (the caller names the option); its kind is ErrorKind::usage.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace coord::cli {

// Both ends included; for integers in units, for durations in nanoseconds.
struct ValueBounds {
  std::int64_t least = std::numeric_limits<std::int64_t>::min();
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

// Decimal digits with an optional sign, nothing else.
Result<std::int64_t> read_integer(std::string_view text, ValueBounds bounds);
Result<std::uint64_t> read_unsigned(std::string_view text, ValueBounds bounds);
// Seconds as decimal digits with an optional fraction ("2", "0.25", ".5"), or another unit that follows them
// ("250ms", "10s", "5m", "1.5h", "2d"): below 10^9 s, what is beyond nanoseconds is cut off. Negative values
// only where the bounds ask for them.
Result<Duration> read_seconds(std::string_view text, ValueBounds bounds);
Result<double> read_number(std::string_view text);  // finite

// Seconds as read_seconds takes them, exact, without trailing zeros: "0.25", "-3", "1.000000001".
std::string seconds_text(Duration value);

// Reads one element of type T: std::string, bool excluded, any integer, Duration, double.
template <class T>
Result<T> read_value(std::string_view text, ValueBounds bounds) {
  if constexpr (std::is_same_v<T, std::string>) {
    return std::string(text);
  } else if constexpr (std::is_same_v<T, Duration>) {
    return read_seconds(text, bounds);
  } else if constexpr (std::is_floating_point_v<T>) {
    auto number = read_number(text);
    if (!number) return number.error();
    return static_cast<T>(*number);
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    return read_unsigned(text, bounds);
  } else {
    static_assert(std::is_integral_v<T> && !std::is_same_v<T, bool>,
                  "options hold text, integers, durations or doubles");
    using Limits = std::numeric_limits<T>;
    bounds.least = std::max(bounds.least, static_cast<std::int64_t>(Limits::min()));
    bounds.most = std::min(bounds.most, static_cast<std::int64_t>(Limits::max()));
    auto number = read_integer(text, bounds);
    if (!number) return number.error();
    return static_cast<T>(*number);
  }
}

// How a variable takes a value: plain ones are overwritten, optionals become engaged, vectors grow.
template <class T>
struct Holder {
  using Element = T;
  static constexpr bool repeats = false;
  static void store(T& target, T value) { target = std::move(value); }
};
template <class T>
struct Holder<std::optional<T>> {
  using Element = T;
  static constexpr bool repeats = false;
  static void store(std::optional<T>& target, T value) { target = std::move(value); }
};
template <class T>
struct Holder<std::vector<T>> {
  using Element = T;
  static constexpr bool repeats = true;
  static void store(std::vector<T>& target, T value) { target.push_back(std::move(value)); }
};

}  // namespace coord::cli
