// SPDX-License-Identifier: MIT
// A ring as a picture: a circle of ids, id 0 at the top and growing clockwise, each arc in the colour or with
// the letter of the host that owns its keys; beside it the hosts and their shares. For a page (SVG) and for a
// terminal. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ring/placement.hpp"

namespace coord::ring {

struct Circle {
  struct Arc {
    double from = 0, share = 0;  // of the whole circle, 0 to 1
    std::size_t host = 0;        // its owner's index in `hosts`
  };
  struct Host {
    std::string name;  // printable
    std::uint32_t places = 0;
    double share = 0;
  };
  std::string title;
  std::vector<Arc> arcs;
  std::vector<Host> hosts;
};

// The names come in the order of the placement's hosts, the letters and colours by it.
Circle circle_of(const Placement& placement, const Hosts& hosts, const std::vector<std::string>& names);

// The host's letter: A to Z, then a to z, then again.
char letter_of(std::size_t host);

std::string circle_svg(const Circle& circle);

// The circle alone, a line each, without a newline: the letters of the hosts, `rows` high and twice as wide.
// `rows` is odd and at least 5.
std::vector<std::string> circle_text(const Circle& circle, std::size_t rows);

}  // namespace coord::ring
