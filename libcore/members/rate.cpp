// SPDX-License-Identifier: MIT
#include "members/rate.hpp"

#include <algorithm>
#include <cstdlib>

namespace coord::members {

void Rate::add(Instant now, Duration offset, Duration error) {
  const Sample sample{now, offset, error};
  if (begun_ && now - begun_->at > longest_window) {
    begun_.reset();
    count_ = 0;
  }
  if (!begun_) begun_ = sample;
  const Duration window = now - begun_->at;
  if (window < shortest_window) return;
  const double moved = static_cast<double>((offset - begun_->offset).count());
  const double unsure = static_cast<double>((error + begun_->error).count());
  const double certain = std::max(std::abs(moved) - unsure, 0.0) / static_cast<double>(window.count());
  constexpr double most = 1e6;  // millionths: twice as fast, or a clock that was set
  const auto ppm = static_cast<std::int64_t>(std::min(certain * 1e6, most));
  slopes_.at(count_++ % slopes_.size()) = moved < 0 ? -ppm : ppm;
  begun_ = sample;
}

std::optional<std::int64_t> Rate::ppm() const {
  if (count_ < slopes_.size()) return std::nullopt;
  const auto [least, most] = std::ranges::minmax(slopes_);
  return least > 0 ? least : most < 0 ? most : 0;
}

}  // namespace coord::members
