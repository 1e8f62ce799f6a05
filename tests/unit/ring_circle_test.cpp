// SPDX-License-Identifier: MIT
// A ring as a picture: every arc is its owner's, and what a name holds cannot end the element it stands in.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "ring/circle.hpp"

namespace coord::ring {
namespace {

Hosts three_hosts() {
  return {{NodeId{1}, Token{1}, 4}, {NodeId{2}, Token{2}, 4}, {NodeId{3}, Token{3}, 8}};
}

Circle three() {
  const Hosts hosts = three_hosts();
  Circle circle =
      circle_of(Placement(service::Ring{Token{3}, 3, hosts, {}}), hosts, {"alpha", "b<e>ta", "gamma"});
  circle.title = "ring main";
  return circle;
}

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("the arcs of a ring's picture are the whole circle, each its owner's") {
  const Circle circle = three();
  REQUIRE(circle.arcs.size() == 16);
  double all = 0, of_hosts = 0;
  for (const auto& arc : circle.arcs) all += arc.share;
  for (const auto& host : circle.hosts) of_hosts += host.share;
  CHECK(std::abs(all - 1) < 1e-9);
  CHECK(std::abs(of_hosts - 1) < 1e-9);
  const Placement placement(service::Ring{Token{3}, 3, three_hosts(), {}});
  for (std::size_t i = 0; i < circle.arcs.size(); ++i)
    CHECK(three_hosts()[circle.arcs[i].host].host == placement.places()[i].host.host);
}

TEST_CASE("a ring of one host with one place is one whole circle") {
  const Hosts hosts{{NodeId{1}, Token{1}, 1}};
  const Circle circle = circle_of(Placement(service::Ring{Token{1}, 3, hosts, {}}), hosts, {"alpha"});
  REQUIRE(circle.arcs.size() == 1);
  CHECK(std::abs(circle.hosts[0].share - 1) < 1e-9);
  for (const std::string& line : circle_text(circle, 9))
    CHECK(line.find_first_not_of("A ") == std::string::npos);
}

TEST_CASE("a ring's picture on a terminal has each host's letter about as often as its share") {
  const Circle circle = three();
  std::string all;
  for (const std::string& line : circle_text(circle, 21)) all += line;
  const auto drawn = static_cast<double>(all.size() - count(all, " "));
  REQUIRE(drawn > 60);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto letters = static_cast<double>(std::ranges::count(all, letter_of(i)));
    CHECK(std::abs(letters / drawn - circle.hosts[i].share) < 0.08);
  }
}

TEST_CASE("a ring's picture for a page has a piece for each place, and names are escaped") {
  const std::string svg = circle_svg(three());
  CHECK(count(svg, "<path ") == 16);
  CHECK(count(svg, "b<e>ta") == 0);
  CHECK(svg.find("b&lt;e&gt;ta") != std::string::npos);
  CHECK(svg.ends_with("</svg>\n"));
}

}  // namespace coord::ring
