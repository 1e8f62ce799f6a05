// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "cli/terminal.hpp"
#include "ntpprobe/plot.hpp"

using namespace coord;
using namespace coord::ntpprobe;
using namespace std::chrono_literals;

namespace {
using Values = std::deque<std::optional<Duration>>;
std::string drawn(const Values& values, PlotSize size) {
  std::string text;
  for (const std::string& line : plot(values, size, false)) text += line + "\n";
  return text;
}
}  // namespace

TEST_CASE("a length of time in the unit that fits") {
  CHECK(in_fitting_unit(0ns) == "+0 ns");
  CHECK(in_fitting_unit(999ns) == "+999 ns");
  CHECK(in_fitting_unit(-1500ns) == "-1.50 us");
  CHECK(in_fitting_unit(12345ns) == "+12.3 us");
  CHECK(in_fitting_unit(-123ms) == "-123 ms");
  CHECK(in_fitting_unit(90s) == "+90.0 s");
  CHECK(in_fitting_unit(-std::chrono::hours(24 * 365 * 60)) == "-21900 d");
}

TEST_CASE("a rising line, with zero in sight") {
  CHECK(drawn({-2us, -1us, 0us, 1us, 2us}, {24, 5}) ==
        "    +2.20 us +         *\n"
        "             |        * \n"
        "          0  +-------*--\n"
        "             |      *   \n"
        "    -2.20 us +     *    \n");
}

TEST_CASE("jumps are joined, gaps are not") {
  CHECK(drawn({0us, 10us, std::nullopt, 10us, 0us}, {20, 4}) ==
        "    +10.5 us +  * * \n"
        "             |  *  *\n"
        "    +3.17 us +  *  *\n"
        "          0  +-*---*\n");
}

TEST_CASE("nothing, or a constant, is a plot too") {
  CHECK(plot({}, {30, 5}, true).size() == 5);
  CHECK(plot({std::nullopt}, {30, 5}, true).size() == 5);
  CHECK(drawn({5us, 5us, 5us}, {20, 3}).find("***") != std::string::npos);
}

TEST_CASE("lines are as wide as asked for, whatever the values, and keep the latest") {
  Values values;
  for (int i = 0; i < 1000; ++i)
    values.push_back(i % 7 == 0 ? std::nullopt : std::optional<Duration>(Duration(i * i) * 1000));
  values.push_back(std::chrono::hours(24 * 365 * 60));
  values.push_back(-std::chrono::hours(24 * 365 * 60));
  for (const bool unicode : {false, true}) {
    for (const PlotSize size : {PlotSize{20, 3}, PlotSize{80, 10}, PlotSize{200, 40}, PlotSize{1, 1}}) {
      const auto lines = plot(values, size, unicode);
      CHECK(lines.size() == std::max<std::size_t>(size.rows, 3));
      for (const std::string& line : lines)
        CHECK(cli::display_width(line) == std::max<std::size_t>(size.columns, 20));
    }
  }
  CHECK(plot_capacity({80, 10}, true) == 2 * plot_capacity({80, 10}, false));
}
