// SPDX-License-Identifier: MIT
// Appends that an engine has not answered: so many at once that what is asked behind them is answered soon.
// The same one again is under way already. Of this folder only; for engines that answer in the
// order of the questions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "engines/adapter.hpp"

namespace coord::engines {

class Window {
 public:
  // It may go now. Otherwise it waits here, or there are too many: whoever wants it asks again.
  bool admit(const engine::Append& append) {
    const auto is_same = [&append](const engine::Append& other) {
      return other.epoch == append.epoch && other.key == append.key;
    };
    const bool is_out = std::ranges::any_of(out_, [&append](const auto& other) {
      return other.first == append.epoch && other.second == append.key;
    });
    if (is_out || std::ranges::any_of(waiting_, is_same)) return false;
    if (out_.size() < at_once) {
      out_.emplace_back(append.epoch, append.key);
      return true;
    }
    if (waiting_.size() < waiting_limit) waiting_.push_back(append);
    return false;
  }
  // The one that went first was answered: the next one that may go.
  std::optional<engine::Append> answered() {
    if (!out_.empty()) out_.pop_front();
    if (waiting_.empty()) return std::nullopt;
    engine::Append next = std::move(waiting_.front());
    waiting_.pop_front();
    out_.emplace_back(next.epoch, next.key);
    return next;
  }

 private:
  static constexpr std::size_t at_once = 64, waiting_limit = 2048;
  std::deque<std::pair<std::uint64_t, std::string>> out_;
  std::deque<engine::Append> waiting_;
};

}  // namespace coord::engines
