// SPDX-License-Identifier: MIT
#include "classical/options.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord::classical {

namespace {

constexpr std::size_t fraction_digits = 6;  // of milliseconds: nanoseconds
constexpr std::uint64_t nanoseconds_each = 1'000'000;

std::optional<std::uint64_t> whole(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

// "20" or "20.25", in nanoseconds.
std::optional<std::uint64_t> nanoseconds(std::string_view text, std::uint64_t most_milliseconds) {
  const std::size_t point = text.find('.');
  const auto front = whole(text.substr(0, point));
  if (!front || *front > most_milliseconds) return std::nullopt;
  if (point == std::string_view::npos) return *front * nanoseconds_each;
  std::string fraction(text.substr(point + 1));
  if (fraction.empty() || fraction.size() > fraction_digits) return std::nullopt;
  fraction.resize(fraction_digits, '0');
  const auto rest = whole(fraction);
  if (!rest) return std::nullopt;
  return *front * nanoseconds_each + *rest;
}

std::string bounds(const Option& option) {
  return fmt::format("a number from {} to {}", option.low, option.high);
}

std::string names(std::span<const Option> listed) {
  std::string all;
  for (const Option& option : listed) all += (all.empty() ? "" : ", ") + std::string(option.name);
  return listed.empty() ? "it takes none" : fmt::format("it takes {}", all);
}

}  // namespace

std::string milliseconds(Duration duration) {
  COORD_CHECK(duration >= Duration{});
  const auto all = static_cast<std::uint64_t>(duration.count());
  std::string fraction = std::to_string(all % nanoseconds_each);
  fraction.insert(0, fraction_digits - fraction.size(), '0');
  return fmt::format("{}.{}", all / nanoseconds_each, fraction);
}

Result<Given> Given::read(std::string_view of, std::span<const Option> listed,
                          const std::map<std::string, std::string>& options) {
  const auto wrong = [&](std::string what, std::string remedy) {
    return Error{ErrorKind::usage, std::string(of), std::move(what), std::move(remedy)};
  };
  Given given;
  for (const Option& option : listed) {
    if (option.kind == Option::Kind::text) {
      given.texts_[option.name];
    } else {
      const bool time = option.kind == Option::Kind::milliseconds;
      given.numbers_[option.name] = option.value * (time ? nanoseconds_each : 1);
    }
  }
  for (const auto& [name, value] : options) {
    const auto option = std::ranges::find(listed, std::string_view(name), &Option::name);
    if (option == listed.end()) return wrong(fmt::format("has no option '{}'", name), names(listed));
    if (option->kind == Option::Kind::text) {
      given.texts_[option->name] = value;
      continue;
    }
    const bool time = option->kind == Option::Kind::milliseconds;
    const auto number = time ? nanoseconds(value, option->high) : whole(value);
    const std::uint64_t unit = time ? nanoseconds_each : 1;
    if (!number || *number < option->low * unit || (!time && *number > option->high))
      return wrong(fmt::format("{}={} is out of its bounds", name, value),
                   fmt::format("give {}", bounds(*option)));
    given.numbers_[option->name] = *number;
  }
  return given;
}

}  // namespace coord::classical
