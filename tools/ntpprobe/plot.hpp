// SPDX-License-Identifier: MIT
// A curve drawn with characters. Pure.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace coord::ntpprobe {

struct PlotSize {
  std::size_t columns = 80;  // with the labels of the axis; at least 20
  std::size_t rows = 10;     // at least 3
};

// The offset with its unit as it fits a reading eye: "+12.35 us", "-1.2 ms".
std::string in_fitting_unit(Duration value);

// The latest values, oldest on the left, gaps where there is none; two values a column in braille, one with
// stars where the terminal has no Unicode. Lines of equal display width, zero drawn where it is in sight.
std::vector<std::string> plot(const std::deque<std::optional<Duration>>& values, PlotSize size, bool unicode);

// How many values fit.
std::size_t plot_capacity(PlotSize size, bool unicode);

}  // namespace coord::ntpprobe
