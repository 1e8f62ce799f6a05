// SPDX-License-Identifier: MIT
// A finding of the doctor as lines for people.
#pragma once

#include <string>

#include "dpeers/findings.hpp"

namespace coord::dpeers {

// STATUS, what was looked at and found, and below it the remedy; words wrapped at that many columns. A word
// that is wider, a path, has a line of its own.
std::string wrapped(const std::string& status, const Finding& finding, std::size_t columns);

}  // namespace coord::dpeers
