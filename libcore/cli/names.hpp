// SPDX-License-Identifier: MIT
// Names of locks, leaderships and barriers as users write and read them. A name is 1 to 255 bytes of anything
// but NUL and does not begin with '-'; on a terminal it is shown escaped, so that no name can move the cursor
// or forge a line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace coord::cli {

inline constexpr std::size_t longest_name = 255;  // bytes
inline constexpr std::size_t most_names = 64;     // in one request

// One name, or why it is none (ErrorKind::usage).
Status check_name(std::string_view name);

// `A,B,C` is several names, `\,` is a comma inside one; any other backslash is itself. Duplicates merge, the
// first place stays. An empty element, a bad name or more than `most` is an ErrorKind::usage.
Result<std::vector<std::string>> parse_names(std::string_view list, std::size_t most = most_names);

// The one name in `text`, written as in a list: a second one is an ErrorKind::usage.
Result<std::string> parse_name(std::string_view text);

// The names of several such lists, one after the other.
Result<std::vector<std::string>> parse_lists(const std::vector<std::string>& lists);

// The reverse of parse_names, for messages and for passing a list on.
std::string join_names(const std::vector<std::string>& names);

// Printable UTF-8 as it is; control characters, line separators, bytes that are not UTF-8 and backslashes as
// \n, \t, \\, \xNN.
std::string shown(std::string_view text);

// So, with ", " between them.
std::string shown_names(const std::vector<std::string>& names);

}  // namespace coord::cli
