// SPDX-License-Identifier: MIT
#include "coordd/inherited.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/format.hpp"
#include "base/hand_over.hpp"
#include "base/own_file.hpp"
#include "cli/authority.hpp"
#include "cli/host_peer.hpp"
#include "coordd/paths.hpp"

namespace coord::coordd {

// It may hold locks for all users, whether or not it runs now.
Status host_has_handed_over() {
  const std::string state = cli::host_state;
  if (!is_there(fmt::format("{}/{}", state, directory_lock_name)) ||
      is_there(fmt::format("{}/{}", state, hand_over_name)))
    return done();
  return Error{ErrorKind::unavailable, state, "this host's peer has not handed over to the group",
               "without /etc/coordutils/coordd.toml: dpeers hand-over; then start this one"};
}

Result<Token> inherited_tokens(const Arguments& arguments) {
  const bool of_host = arguments.config_read.starts_with("/etc/");
  if (of_host) {
    if (Status over = host_has_handed_over(); !over) return over.error();
  }
  std::vector<std::string> files = arguments.handed_over;
  for (const std::string& directory : {std::string(cli::host_state), cli::private_state_dir()}) {
    const std::string path = fmt::format("{}/{}", directory, hand_over_name);
    if (is_there(path)) files.push_back(path);
  }
  Token highest;
  for (const std::string& file : files) {
    const auto found = read_handed_over(file);
    if (!found) return found.error();
    highest = std::max(highest, found->token);
  }
  return highest;
}

}  // namespace coord::coordd
