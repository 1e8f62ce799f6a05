// SPDX-License-Identifier: MIT
// A snapshot that the user names: a file, `-` for standard input, or the id of one that the peer keeps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "snapshot/record.hpp"
#include "verbs.hpp"

namespace coord::dsnapshot {

// An Error (data): it cannot be read, and why, with the line.
Result<record::Snapshot> load(const Common& common, const std::string& name);

// "snapshot bank-7-1 of bank, view 7, TIME: complete", for people.
std::string headline(const record::Snapshot& snapshot);
// "P3 died, P4 has not answered"; empty: it is complete.
std::string missing_text(const record::Snapshot& snapshot);
// Says on stderr that the snapshot is incomplete, if it is; and the status for that.
cli::Exit tell_incomplete(const record::Snapshot& snapshot);

std::string plural(std::uint64_t count, const std::string& noun);

}  // namespace coord::dsnapshot
