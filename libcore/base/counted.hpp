// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

// "1 key", "2 keys", "2 losses"; "2 copies" where the plural is given.
std::string counted(std::uint64_t count, std::string_view one, std::string_view many = {});

// "a, b, c"
std::string joined(const std::vector<std::string>& parts);

}  // namespace coord
