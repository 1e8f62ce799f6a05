// SPDX-License-Identifier: MIT
// What an algorithm can be told when it is made, as name=value: which names it knows, what they may be, and
// what they are if nothing is said.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace coord::classical {

struct Option {
  enum class Kind : std::uint8_t { number, milliseconds, text } kind = Kind::number;
  std::string_view name;
  std::uint64_t low = 0, high = 0, value = 0;  // milliseconds: these too; text: none
  std::string_view meaning;
};

constexpr Option number_option(std::string_view name, std::uint64_t low, std::uint64_t high,
                               std::uint64_t value, std::string_view meaning) {
  return {Option::Kind::number, name, low, high, value, meaning};
}
constexpr Option duration_option(std::string_view name, std::uint64_t low, std::uint64_t value,
                                 std::string_view meaning) {
  return {Option::Kind::milliseconds, name, low, 1'000'000'000, value, meaning};
}
constexpr Option node_option(std::string_view name, std::string_view meaning) {
  return {Option::Kind::number, name, 0, ~std::uint64_t{0}, 0, meaning};
}
constexpr Option text_option(std::string_view name, std::string_view meaning) {
  return {Option::Kind::text, name, 0, 0, 0, meaning};
}
// The inverse of how milliseconds are read: "20.25".
std::string milliseconds(Duration duration);

// All options of an algorithm, with values within their bounds.
class Given {
 public:
  // An Error (usage) for a name that is not listed or a value that is out of bounds.
  // `of`: the algorithm's name.
  static Result<Given> read(std::string_view of, std::span<const Option> listed,
                            const std::map<std::string, std::string>& options);

  std::uint64_t number(std::string_view name) const { return numbers_.at(name); }
  bool flag(std::string_view name) const { return number(name) != 0; }
  NodeId node(std::string_view name) const { return NodeId{number(name)}; }
  Duration duration(std::string_view name) const {
    return Duration(static_cast<Duration::rep>(number(name)));
  }
  const std::string& text(std::string_view name) const { return texts_.at(name); }

 private:
  std::map<std::string_view, std::uint64_t> numbers_;  // by the names as they are listed; durations in ns
  std::map<std::string_view, std::string> texts_;
};

}  // namespace coord::classical
