// SPDX-License-Identifier: MIT
#include "base/svg.hpp"

#include <cmath>
#include <cstdlib>

#include "base/format.hpp"

namespace coord::svg {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string number(double value) {
  const long tenths = std::lround(value * 10);
  const std::string text = fmt::format("{}{}", tenths < 0 ? "-" : "", std::abs(tenths) / 10);
  return tenths % 10 == 0 ? text : fmt::format("{}.{}", text, std::abs(tenths) % 10);
}

}  // namespace coord::svg
