// SPDX-License-Identifier: MIT
// usage: cast_figures MEMBERS LOSS
//
// How soon a cast is heard by all of so many members, what it costs, with this share of all datagrams lost:
// the class that a peer runs, in the simulator, with its defaults, on links of 0.2 to 1 ms, 5 % of it late.
// What docs/casts.md shows.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <vector>

#include "gossip_group.hpp"

using namespace coord;
using namespace coord::broadcast::test;

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: cast_figures MEMBERS LOSS\n";
    return 64;
  }
  const auto members = static_cast<std::size_t>(std::atoll(argv[1]));
  const double loss = std::atof(argv[2]);
  const int casts = members > 2000 ? 3 : 20;
  std::vector<double> half, last;
  double sent = 0;
  for (int i = 0; i < casts; ++i) {
    Casting group(members, loss, static_cast<std::uint64_t>(i) + 1);
    group.world->run_for(10ms);
    const auto begun = group.world->now();
    const auto id = group.cast(1, "a cast of some length");
    const auto ms = [&] {
      return std::chrono::duration<double, std::milli>(group.world->now() - begun).count();
    };
    while (group.app.lacking(id) > members / 2) group.world->run_for(1ms);
    half.push_back(ms());
    while (group.app.lacking(id) > 0 && ms() < 60'000) group.world->run_for(1ms);
    last.push_back(ms());
    group.world->run_for(500ms);
    sent += static_cast<double>(group.app.datagrams) / static_cast<double>(members);
  }
  std::ranges::sort(half);
  std::ranges::sort(last);
  const auto at = static_cast<std::size_t>(casts / 2);
  std::cout << members << " members, " << loss * 100 << " % lost: half after " << half[at]
            << " ms, all after " << last[at] << " ms, at worst " << last.back() << " ms; "
            << std::setprecision(3) << sent / casts
            << " datagrams a member; ln N = " << std::log(static_cast<double>(members)) << '\n';
}
