// SPDX-License-Identifier: MIT
// Fence records on a disk that fails: users with rising and falling tokens, and what each must find.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "sim/disk.hpp"
#include "store/fence.hpp"

namespace coord::store {

inline const std::string fence_name = "data.fence";

inline std::unique_ptr<DiskFile> fence_file(Disk& disk) {
  if (auto there = disk.open(fence_name)) return std::move(there.value());
  auto made = disk.create(fence_name);
  REQUIRE(made.ok());
  REQUIRE(disk.sync_directory().ok());
  return std::move(made.value());
}

// Of a record that is there.
inline Result<bool> use_fence(Disk& disk, Token token) {
  const auto file = disk.open(fence_name);
  if (!file) return file.error();
  auto record = FenceRecord::read(**file, fence_name);
  if (!record) return record.error();
  if (!record->admits(token)) return false;
  if (Status raised = record->raise(**file, token); !raised) return raised.error();
  return true;
}

// Forty users, some of them stopped by a crash or an I/O error at a random call; between them a power cut now
// and then. What went wrong, or nothing: a user was let in below a token that was let in before, one was kept
// out without cause, or the record was refused as damaged though nothing but crashes happened.
inline std::optional<std::string> fence_run(std::uint64_t seed) {
  Random random(seed);
  sim::VirtualDisk disk{Random(seed + 1)};
  (void)fence_file(disk);
  std::uint64_t highest_inside = 0, highest_tried = 0;
  for (int user = 0; user < 40; ++user) {
    const std::uint64_t base = highest_tried + 1;
    const Token token{base - std::min<std::uint64_t>(base - 1, random.below(4))};
    const auto fault = static_cast<sim::DiskFault>(random.below(4));
    const bool faulty = random.below(2) == 0;
    if (faulty) disk.arm(random.below(7), fault);
    bool crashed = false;
    std::optional<bool> inside;
    try {
      const auto used = use_fence(disk, token);
      if (!used && used.error().kind == ErrorKind::data) return "refused: " + used.error().text();
      if (used) inside = *used;
    } catch (const sim::SimCrash&) {
      crashed = true;
    }
    disk.disarm();
    if (inside == true && token.value < highest_inside)
      return "token " + std::to_string(token.value) + " was let in after " + std::to_string(highest_inside);
    if (inside == false && token.value >= highest_tried)
      return "token " + std::to_string(token.value) + " was kept out";
    if (inside != false) highest_tried = std::max(highest_tried, token.value);
    if (inside == true) highest_inside = std::max(highest_inside, token.value);
    if (random.below(3) == 0) {
      disk.crash(sim::CrashKind::power);
    } else if (crashed) {
      disk.crash(sim::CrashKind::process);
    }
  }
  return std::nullopt;
}

// One bit of a finished record flips: what it admits stays the same.
inline std::optional<std::string> fence_with_flipped_bit(std::uint64_t offset, unsigned bit) {
  sim::VirtualDisk disk{Random(1)};
  (void)fence_file(disk);
  REQUIRE(use_fence(disk, Token{1000}).ok());
  REQUIRE(disk.flip_bit(fence_name, offset, bit));
  const auto file = fence_file(disk);
  const auto record = FenceRecord::read(*file, fence_name);
  if (!record) return "it is refused: " + record.error().text();
  if (record->highest() != Token{1000}) return "it holds another token";
  return std::nullopt;
}

}  // namespace coord::store
