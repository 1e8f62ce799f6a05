// SPDX-License-Identifier: MIT
// The file in which output waits: what was put there is got back, its space is used again, its bound holds.
#include <stdlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <filesystem>
#include <string>
#include <utility>

#include "dsnapshot/spill_file.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using coord::dsnapshot::SpillFile;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

// TMPDIR names it, for as long as this is there.
struct Chosen {
  TemporaryDirectory directory;
  Chosen() { ::setenv("TMPDIR", directory.path().c_str(), 1); }
  ~Chosen() { ::unsetenv("TMPDIR"); }
};

Bytes filled(std::size_t size, std::size_t with) {
  return Bytes(size, static_cast<std::uint8_t>(with));
}

}  // namespace

TEST_CASE("spill file: what was put is got back, in any order, and the file has no name") {
  const Chosen chosen;
  SpillFile file;
  std::deque<std::pair<std::uint64_t, Bytes>> put;
  for (std::size_t n = 1; n < 60; ++n) {
    const Bytes bytes = filled(n * 3001, n);
    const auto at = file.put(bytes);
    REQUIRE(at);
    put.emplace_back(*at, bytes);
  }
  CHECK(std::filesystem::is_empty(chosen.directory.path()));
  for (auto it = put.rbegin(); it != put.rend(); ++it)
    CHECK(file.get(it->first, it->second.size()) == it->second);
  CHECK_FALSE(file.is_broken());
}

TEST_CASE(
    "spill file: space that is forgotten is used again, and nothing that is remembered is written over") {
  const Chosen chosen;
  SpillFile file;
  std::deque<std::pair<std::uint64_t, std::size_t>> waits;
  std::uint64_t highest = 0;
  for (std::size_t n = 0; n < 4000; ++n) {
    const auto at = file.put(filled(200'000, n % 251));
    REQUIRE(at);
    highest = std::max(highest, *at);
    waits.emplace_back(*at, n % 251);
    if (waits.size() < 20) continue;
    REQUIRE(file.get(waits.front().first, 200'000) == filled(200'000, waits.front().second));
    file.forget(waits.front().first, 200'000);
    waits.pop_front();
  }
  CHECK(highest < 8 * mebibyte);  // 800 MB went through it, 4 MB waited at once
}

TEST_CASE("spill file: it has a bound, takes no piece above its segments, and says no rather than lose one") {
  const Chosen chosen;
  SpillFile file;
  CHECK_FALSE(file.put({}));
  CHECK_FALSE(file.put(filled(mebibyte + 1, 1)));
  std::size_t pieces = 0;
  while (pieces < 1000 && file.put(filled(mebibyte, 2))) ++pieces;
  CHECK(pieces == 256);
  file.forget(7 * mebibyte, mebibyte);
  CHECK(file.put(filled(mebibyte, 3)) == 7 * mebibyte);
  CHECK_FALSE(file.put(filled(1, 4)));
  CHECK(file.get(6 * mebibyte, mebibyte) == filled(mebibyte, 2));
  // Behind its end nothing was ever put: the owner is told that what it wanted is lost.
  CHECK_FALSE(file.get(300 * mebibyte, 1));
  CHECK(file.is_broken());
}
