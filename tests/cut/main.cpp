// SPDX-License-Identifier: MIT
// cut_sweep FIRST COUNT: so many seeds of a bank under faults; the first that violates anything is told.
#include <cstdio>
#include <cstdlib>

#include "bank.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: cut_sweep FIRST COUNT\n");
    return 64;
  }
  const std::uint64_t first = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  coord::test::Tally tally;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    if (const auto violated = coord::test::run_bank(seed, tally)) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), violated->c_str());
      return 1;
    }
  }
  std::printf(
      "%llu seeds: %llu snapshots, %llu complete, %llu asked whether all is done, %llu views, %llu "
      "leaves, %llu messages\n",
      static_cast<unsigned long long>(count), static_cast<unsigned long long>(tally.snapshots),
      static_cast<unsigned long long>(tally.complete), static_cast<unsigned long long>(tally.waits),
      static_cast<unsigned long long>(tally.views), static_cast<unsigned long long>(tally.leaves),
      static_cast<unsigned long long>(tally.messages));
  return 0;
}
