// SPDX-License-Identifier: MIT
// Where the network code tells what happened: one line an event, no secrets. The peer
// puts time and level before it.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <utility>

namespace coord::net {

enum class LogLevel { error, warning, info, debug };

// Copies write to the same place.
class Log {
 public:
  using Write = std::function<void(LogLevel, const std::string& line)>;
  using Wants = std::function<bool(LogLevel)>;

  // `wants`: whether lines of this level are read by anybody, for lines that cost something to make.
  Log(Write write, Wants wants) : write_(std::move(write)), wants_(std::move(wants)) {}
  // Nobody reads debug lines.
  template <class Function>
  requires std::constructible_from<Write, Function> &&
      (!std::same_as<std::remove_cvref_t<Function>, Log>)Log(Function&& write)
      : Log(std::forward<Function>(write), [](LogLevel level) { return level < LogLevel::debug; }) {}

  void operator()(LogLevel level, const std::string& line) const { write_(level, line); }
  bool wants(LogLevel level) const { return wants_(level); }

 private:
  Write write_;
  Wants wants_;
};

}  // namespace coord::net
