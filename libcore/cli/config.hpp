// SPDX-License-Identifier: MIT
// Configuration files: TOML whose keys are the long options with _ for -. `peers = ["a=h1:7411",
// "b=h2:7411"]`. The command line and the environment win over the file. Whatever is wrong with a file is
// ErrorKind::unavailable, names the file and the line, and is never skipped: half a configuration is none. A
// file that is neither one's own nor root's, or that others may write, is not believed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/options.hpp"

namespace coord::cli {

// The file that counts: `given` (--config, COORD_CONFIG) if it is not empty, else the first that exists of
// $XDG_CONFIG_HOME/coordutils/coordd.toml (or ~/.config/... in a home of one's own) and
// /etc/coordutils/coordd.toml; nothing if there is none. Whether it can be read shows when it is loaded.
std::optional<std::string> find_config(const std::string& given);

Status load_config(Options& options, const std::string& path);

// What the file says, uninterpreted: for a tool that needs one or two of the peer's keys. A list is given
// element by element.
struct ConfigLine {
  std::string key;
  std::string text;
  std::string where;  // file:line
};
Result<std::vector<ConfigLine>> read_config(const std::string& path);
// The same of a text that came another way; `object` is what errors name.
Result<std::vector<ConfigLine>> parse_config(std::string_view text, const std::string& object);

// A text as a value of such a file, in quotes.
std::string toml_text(std::string_view text);

}  // namespace coord::cli
