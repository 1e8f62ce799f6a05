// SPDX-License-Identifier: MIT
// What this peer's sites have promised and accepted, kept over its lives: a file a decision, and the number
// of the disk, drawn at random with the first. A site whose disk was replaced has forgotten what it promised,
// so it is another site: by that number. So is one whose files are damaged: the number is given up when that
// is found, and the next one drawn when the damaged file was removed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/disk.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "node/part.hpp"

namespace coord::agreements {

struct Kept {
  Token generation{};
  std::map<std::string, Bytes> records{};
  bool operator==(const Kept&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, records);
  }
};

// Beside decisions: how long the longest lease is that this host has given.
inline constexpr Token longest_lease_place{};
Kept kept_longest_lease(Duration length);
Duration longest_lease_in(const Kept& kept);
inline constexpr Duration longest_of_leases = std::chrono::hours(1);

struct Shelf {
  std::uint64_t disk = 0;  // 0: cannot be read, so that this peer is no site
  std::map<Token, Kept> kept{};
};

// With what is to be feared of it until the group turns out to be new.
Shelf new_shelf(std::uint64_t drawn);
// `drawn`: the number of a disk that has none yet.
Result<Shelf> read_shelf(Disk& disk, std::uint64_t drawn);
// Where that cannot be read: no site, with what can be told of leases all the same. Without that, nothing is
// known of them.
Shelf no_shelf(Disk& disk);
// From now on the disk holds this; without records, nothing of the generation.
Status save(Disk& disk, const Kept& kept);

struct Save final : node::Work {
  Kept kept;
  Status outcome = done();
};

class SaveWorker final : public node::Worker {
 public:
  using Open = std::function<Result<std::unique_ptr<Disk>>()>;
  explicit SaveWorker(Open open) : open_(std::move(open)) {}
  void perform(std::vector<std::shared_ptr<node::Work>>& batch) override;

 private:
  Open open_;
};

}  // namespace coord::agreements
