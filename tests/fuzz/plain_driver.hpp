// SPDX-License-Identifier: MIT
// The fuzz targets that plain_driver.cpp can drive, by their names. CMakeLists.txt writes the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace coord::fuzz {

using Target = int (*)(const std::uint8_t* data, std::size_t size);
const std::map<std::string, Target>& targets();

}  // namespace coord::fuzz
