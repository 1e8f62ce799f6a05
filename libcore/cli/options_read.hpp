// SPDX-License-Identifier: MIT
// The second step of parsing: once it is known which words of a command line are options, their values and
// those of the environment are stored through the table. There are two readers. read_by_table() is small and
// fast, for static programs that start as fast as flock; cli_app/read_by_app.hpp has CLI11 do the same for
// all others. Both store and refuse by the functions below, in one order (the line's; then for the
// environment the table's, the tool's before the verb's), so that no user can tell which of them read his
// line. Why there are two: docs/decisions/cli11-and-fmt.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/options.hpp"

namespace coord::cli {

// An option of the command line; a flag's value is empty.
struct GivenOption {
  Option* option;
  std::string name, value;
};

struct LineOptions {
  Options& tool;
  Options& scope;                  // the verb, or the tool itself
  std::vector<GivenOption> given;  // in their order
};

// Whether the option can have this value as far as its declaration alone tells; the error names `origin`: the
// option as it was given, a variable, a file and line.
Status check_value(const Option& option, std::string_view value, const std::string& origin);
// Checks and stores it.
Status store_value(Option& option, std::string_view value, const std::string& origin, Option::Source source);
// The text of its variable. Empty is as good as unset; a flag is set by yes and its like, or
// by their opposites.
Status store_variable(Option& option, std::string_view text);
bool takes_value(const Option& option);

// `one, two or three`
std::string any_of(const std::vector<std::string>& words);
Error usage_error(std::string object, std::string what, std::string remedy);

}  // namespace coord::cli
