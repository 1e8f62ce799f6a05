// SPDX-License-Identifier: MIT
// A string as JSON has it.
#pragma once

#include <string>
#include <string_view>

namespace coord {

// UTF-8 with its quotes: '"', '\' and all that moves a terminal's cursor escaped, all else as it is.
// `text` is UTF-8 (checked).
void append_json(std::string& out, std::string_view text);

}  // namespace coord
