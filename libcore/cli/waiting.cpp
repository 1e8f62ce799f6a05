// SPDX-License-Identifier: MIT
#include "cli/waiting.hpp"

#include <unistd.h>

#include "base/format.hpp"
#include "cli/terminal.hpp"

namespace coord::cli {

std::string waiting_for_majority(const local::Waiting& waiting) {
  if (!waiting.not_begun.empty()) return fmt::format("waiting: {}", waiting.not_begun);
  std::string text = "waiting for a majority of the peers";
  for (std::size_t i = 0; i < waiting.silent_peers.size(); ++i)
    text += (i == 0 ? ": no answer from " : ", ") + waiting.silent_peers[i];
  return text;
}

bool wonders_why(bool quiet, local::Scope scope) {
  return !quiet && scope == local::Scope::cluster && is_terminal(STDERR_FILENO);
}

}  // namespace coord::cli
