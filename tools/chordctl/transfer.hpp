// SPDX-License-Identifier: MIT
// Values that are longer than one message, and many of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client.hpp"

namespace coord::chordctl {

struct Fetched {
  std::vector<ring::Version> siblings;  // all that there are
  std::optional<std::string> value;     // of the version that was asked for, or of the only one
};
Result<Fetched> fetch(Client& client, const std::string& ring, const std::string& key,
                      const std::optional<ring::Dot>& version);

// Every key behind each other: `row` answers whether to go on.
Status each_key(Client& client, const std::string& ring, const std::string& prefix,
                const std::function<Status(const ring::Row&)>& row);

// Stores what standard input says, as JSON lines.
Result<cli::Exit> load(const Common& common, const Patience& patience);

}  // namespace coord::chordctl
