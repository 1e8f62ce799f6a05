// SPDX-License-Identifier: MIT
// Bytes as text by RFC 4648 section 4: padded, no line breaks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace coord {

std::string base64(std::string_view bytes);
// Only what base64() writes: padded, and with no bits set that say nothing. Else no value.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace coord
