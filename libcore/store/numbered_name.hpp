// SPDX-License-Identifier: MIT
// File names that end in a number: PREFIX and 16 hexadecimal digits, so that names sort as numbers do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coord::store {

std::string numbered_name(std::string_view prefix, std::uint64_t number);
std::optional<std::uint64_t> number_in_name(std::string_view prefix,
                                            std::string_view name);  // only names made as above

}  // namespace coord::store
