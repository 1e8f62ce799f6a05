// SPDX-License-Identifier: MIT
// What a participant says when it arrives.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "dbarrier/settings.hpp"
#include "engine/local_connection.hpp"
#include "wire/local.hpp"

namespace coord::dbarrier {

inline constexpr std::uint64_t only_request = 1;

std::string host_name();
local::Arrive request_of(const Settings& settings);

// To this host's peer; its answers are still to come.
Result<engine::LocalConnection> say_arrival(const Settings& settings, const local::Arrive& arrival);

}  // namespace coord::dbarrier
