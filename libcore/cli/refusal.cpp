// SPDX-License-Identifier: MIT
#include "cli/refusal.hpp"

namespace coord::cli {

Error refused_by_peer(const std::string& object, const local::Refused& refused) {
  ErrorKind kind = ErrorKind::unavailable;
  if (refused.kind == local::RefusedKind::mismatch) kind = ErrorKind::usage;
  if (refused.kind == local::RefusedKind::unknown) kind = ErrorKind::unknown;
  return Error{kind, object, refused.why, ""};
}

}  // namespace coord::cli
