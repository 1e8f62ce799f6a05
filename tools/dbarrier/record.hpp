// SPDX-License-Identifier: MIT
// A generation of a barrier as people and programs read it.
#pragma once

#include <string>

#include "base/result.hpp"
#include "cli/json.hpp"
#include "wire/local.hpp"

namespace coord::dbarrier {

// `as_of`: up to when those wait who wait still. `outcome`: empty, or instead of what the record says.
cli::JsonObject json_of(const local::BarrierRecord& record, WallTime as_of, const std::string& outcome = {});

// One line on how it stands, then a row with a bar for each participant.
std::string text_of(const local::BarrierRecord& record, WallTime as_of, std::size_t width, bool color);

// One row of --list.
std::vector<std::string> row_of(const local::BarrierRecord& record, WallTime as_of);

// Whose doing it is that it broke: "broken: web1 died", "web1 failed: nobody after it ran", ...
std::string broken_text(const std::string& by, service::BreakCause cause, const std::string& why);

// "waits for 2 of 5", "released by web1", ...
std::string state_of(const local::BarrierRecord& record);

}  // namespace coord::dbarrier
