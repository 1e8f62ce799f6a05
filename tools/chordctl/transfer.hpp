// SPDX-License-Identifier: MIT
// Values that are longer than one message, and many of them.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client.hpp"

namespace coord::chordctl {

struct Fetched {
  std::vector<ring::Version> siblings;  // all that there are
  std::optional<std::string> value;     // of the version that was asked for, or of the only one
  // At the level causal.
  std::vector<ring::Dot> seen{};
  std::vector<ring::Dependency> after{};
};
Result<Fetched> fetch(Client& client, const std::string& ring, const std::string& key,
                      const std::optional<ring::Dot>& version,
                      ring::Consistency level = ring::Consistency::quorum,
                      const std::vector<ring::Dot>& at_least = {}, const ring::Copies& copies = {});

// Of a listing: this host's copies only, and the hosts of arcs of which too few copies answered (nullptr:
// that is an error).
struct Listed {
  bool local = false;
  std::set<std::string>* unreachable = nullptr;
};
// Every key behind each other: `row` answers whether to go on.
Status each_key(Client& client, const std::string& ring, const std::string& prefix,
                const std::function<Status(const ring::Row&)>& row, Listed listed = {false, nullptr});

// Stores what standard input says, as JSON lines.
Result<cli::Exit> load(const Common& common, const Patience& patience);

}  // namespace coord::chordctl
