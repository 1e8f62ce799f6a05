// SPDX-License-Identifier: MIT
// Runs a fuzz target without libFuzzer: usage: fuzz_all NAME RUNS [SEEDS.hex]. Inputs are random bytes and
// the seeds (lines `name hex`), cut, damaged, doubled and joined. Deterministic.
#include "plain_driver.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "base/bytes.hpp"
#include "base/random.hpp"

using coord::Bytes;
using coord::Random;

namespace {

std::vector<Bytes> read_seeds(const char* path) {
  std::vector<Bytes> seeds;
  std::ifstream in(path);
  for (std::string line, name, hex; std::getline(in, line);) {
    std::istringstream(line) >> name >> hex;
    Bytes seed;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
      seed.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    seeds.push_back(std::move(seed));
  }
  return seeds;
}

Bytes random_bytes(Random& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
  return bytes;
}

void damage(Random& random, Bytes& bytes) {
  const std::size_t at = random.below(bytes.size() + 1);
  const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  switch (random.below(5)) {
    case 0:
      bytes.resize(at);
      break;
    case 1: {
      const Bytes more = random_bytes(random, random.below(9));
      bytes.insert(place, more.begin(), more.end());
      break;
    }
    case 2:
      if (at < bytes.size()) bytes[at] ^= static_cast<std::uint8_t>(1U << random.below(8));
      break;
    case 3:
      for (std::size_t i = at; i < bytes.size() && i < at + 4; ++i) bytes[i] = random.chance(0.5) ? 0xff : 0;
      break;
    default:
      if (at < bytes.size()) bytes.erase(place);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto found = coord::fuzz::targets().find(argc > 1 ? argv[1] : "");
  if (found == coord::fuzz::targets().end()) {
    std::fprintf(stderr, "usage: fuzz_all NAME RUNS [SEEDS.hex], and NAME is one of:\n");
    for (const auto& [name, target] : coord::fuzz::targets()) std::fprintf(stderr, "  %s\n", name.c_str());
    return 64;
  }
  const coord::fuzz::Target target = found->second;
  const long runs = argc > 2 ? std::atol(argv[2]) : 20000;
  const std::vector<Bytes> seeds = argc > 3 ? read_seeds(argv[3]) : std::vector<Bytes>();
  if (argc > 3 && seeds.empty()) {
    std::fprintf(stderr, "fuzz: %s: no seeds\n", argv[3]);
    return 1;
  }
  Random random(1);
  for (const Bytes& seed : seeds) target(seed.data(), seed.size());
  for (long run = 0; run < runs; ++run) {
    Bytes input = seeds.empty() || random.chance(0.1) ? random_bytes(random, random.below(200))
                                                      : seeds[random.below(seeds.size())];
    for (std::uint64_t n = random.below(4); n-- > 0;) damage(random, input);
    target(input.data(), input.size());
  }
  std::printf("%ld inputs\n", runs);
}
