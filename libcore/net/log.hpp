// SPDX-License-Identifier: MIT
// Where the network code tells what happened: one line an event, no secrets. The peer
// puts time and level before it.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace coord::net {

enum class LogLevel { error, warning, info, debug };

// What an audit line is about, for machines: COORD_EVENT, COORD_NAME, ... Keys are of this program.
using LogFields = std::vector<std::pair<std::string, std::string>>;

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
  // At info, with fields where the place has any for them.
  void audit(const std::string& line, LogFields fields) const {
    if (audit_) return audit_(line, std::move(fields));
    write_(LogLevel::info, line);
  }
  using Audit = std::function<void(const std::string& line, LogFields fields)>;
  void set_audit(Audit audit) { audit_ = std::move(audit); }
  bool wants(LogLevel level) const { return wants_(level); }

 private:
  Write write_;
  Wants wants_;
  Audit audit_;
};

}  // namespace coord::net
