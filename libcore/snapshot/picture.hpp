// SPDX-License-Identifier: MIT
// A snapshot as a space-time diagram: above the line of the cut what was sent before it and is on its way,
// and the state of each process; below it who will receive these messages.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "clock/diagram.hpp"
#include "snapshot/record.hpp"

namespace coord::record {

// Of a channel with more messages than this the first ones are drawn, and how many follow is told.
inline constexpr std::size_t most_drawn = 5;

// `printable` escapes control characters.
clock::Diagram picture_of(const Snapshot& snapshot,
                          const std::function<std::string(std::string_view)>& printable);

}  // namespace coord::record
