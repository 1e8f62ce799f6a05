// SPDX-License-Identifier: MIT
#include "ntpprobe/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/format.hpp"

namespace coord::ntpprobe {
namespace {

constexpr std::size_t label_width = 12;
constexpr std::size_t frame_width = label_width + 2;  // a blank and the axis

// A grid of dots that becomes characters: 2 x 4 dots a character in braille, one each in ASCII.
class Canvas {
 public:
  Canvas(std::size_t columns, std::size_t rows, bool unicode)
      : across_(unicode ? 2 : 1), down_(unicode ? 4 : 1), columns_(columns), cells_(columns * rows, 0) {}

  std::size_t width() const { return columns_ * across_; }
  std::size_t height() const { return cells_.size() / columns_ * down_; }

  void dot(std::size_t x, std::size_t y) {
    // The order of braille's dots in U+2800 + bits.
    static constexpr std::array<std::array<unsigned, 2>, 4> bits{
        {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
    const unsigned bit = across_ == 2 ? bits[y % down_][x % across_] : 1;
    cells_[y / down_ * columns_ + x / across_] |= bit;
  }

  // blank: what an empty cell of this row is shown as.
  std::string row(std::size_t r, const std::string& blank) const {
    std::string line;
    for (std::size_t c = 0; c < columns_; ++c) {
      const unsigned cell = cells_[r * columns_ + c];
      if (cell == 0) {
        line += blank;
      } else if (across_ == 1) {
        line += '*';
      } else {  // UTF-8 of U+2800 + cell
        line += {static_cast<char>(0xe2), static_cast<char>(0xa0 + (cell >> 6U)),
                 static_cast<char>(0x80 + (cell & 0x3fU))};
      }
    }
    return line;
  }

 private:
  std::size_t across_, down_, columns_;
  std::vector<unsigned> cells_;
};

struct Scale {
  double low = 0;
  double high = 0;
  std::size_t height = 1;
  // Row of dots from the top.
  std::size_t at(double value) const {
    const double share = (high - value) / (high - low);
    return static_cast<std::size_t>(
        std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(height - 1)));
  }
  double value_at(double share_from_top) const { return high - share_from_top * (high - low); }
};

Scale scale_of(const std::vector<std::optional<Duration>>& shown, std::size_t height) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const auto& value : shown) {
    if (!value) continue;
    low = std::min(low, static_cast<double>(value->count()));
    high = std::max(high, static_cast<double>(value->count()));
  }
  if (low > high) low = high = 0;
  const double margin =
      std::max((high - low) * 0.05, 50.0);  // a steady clock is a line, not noise of nanoseconds
  return {low - margin, high + margin, height};
}

void draw(Canvas& canvas, const std::vector<std::optional<Duration>>& shown, const Scale& scale) {
  std::optional<std::size_t> last;
  const std::size_t first_x = canvas.width() - shown.size();
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (!shown[i]) {
      last.reset();
      continue;
    }
    const std::size_t y = scale.at(static_cast<double>(shown[i]->count()));
    const std::size_t from = last.value_or(y);
    for (std::size_t k = std::min(from, y); k <= std::max(from, y); ++k)
      if (k != from || k == y) canvas.dot(first_x + i, k);
    last = y;
  }
}

std::string padded(std::string text) {
  return std::string(label_width > text.size() ? label_width - text.size() : 0, ' ') + text;
}

}  // namespace

std::string in_fitting_unit(Duration value) {
  struct Unit {
    double ns;
    const char* name;
  };
  static constexpr Unit units[] = {{86400e9, "d"}, {1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
  const double magnitude = std::abs(static_cast<double>(value.count()));
  const Unit* unit = &units[4];
  for (const Unit& u : units)
    if (magnitude >= u.ns) {
      unit = &u;
      break;
    }
  const double scaled = static_cast<double>(value.count()) / unit->ns;
  const int decimals = unit->ns <= 1 || std::abs(scaled) >= 100 ? 0 : std::abs(scaled) < 10 ? 2 : 1;
  return fmt::format("{:+.{}f} {}", scaled, decimals, unit->name);
}

std::size_t plot_capacity(PlotSize size, bool unicode) {
  return (std::max<std::size_t>(size.columns, 20) - frame_width) * (unicode ? 2 : 1);
}

std::vector<std::string> plot(const std::deque<std::optional<Duration>>& values, PlotSize size,
                              bool unicode) {
  size.columns = std::max<std::size_t>(size.columns, 20);
  size.rows = std::max<std::size_t>(size.rows, 3);
  Canvas canvas(size.columns - frame_width, size.rows, unicode);
  const std::size_t count = std::min(values.size(), canvas.width());
  const std::vector<std::optional<Duration>> shown(values.end() - static_cast<std::ptrdiff_t>(count),
                                                   values.end());
  const Scale scale = scale_of(shown, canvas.height());
  draw(canvas, shown, scale);
  const bool zero_in_sight = scale.low < 0 && scale.high > 0;
  const std::size_t zero_row = zero_in_sight ? scale.at(0) * size.rows / canvas.height() : size.rows;
  std::vector<std::string> lines;
  for (std::size_t r = 0; r < size.rows; ++r) {
    std::string label;
    const bool labelled = r == 0 || r == size.rows / 2 || r + 1 == size.rows;
    if (labelled) {
      const double share = static_cast<double>(r) / static_cast<double>(size.rows - 1);
      label = in_fitting_unit(Duration(std::llround(scale.value_at(share))));
    }
    if (r == zero_row) label = "0 ";
    const bool tick = labelled || r == zero_row;
    const char* axis = unicode ? (tick ? "┤" : "│") : (tick ? "+" : "|");
    const char* blank = r != zero_row ? " " : unicode ? "┄" : "-";
    lines.push_back(fmt::format("{} {}{}", padded(label), axis, canvas.row(r, blank)));
  }
  return lines;
}

}  // namespace coord::ntpprobe
