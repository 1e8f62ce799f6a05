// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace coord {

// "1 key", "2 keys", "2 losses"; "2 copies" where the plural is given.
std::string counted(std::uint64_t count, std::string_view one, std::string_view many = {});

}  // namespace coord
