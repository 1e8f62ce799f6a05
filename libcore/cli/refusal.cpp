// SPDX-License-Identifier: MIT
#include "cli/refusal.hpp"

#include <string_view>

namespace coord::cli {

namespace {

constexpr std::string_view advice = ": --stale shows local knowledge";  // replica/ledger.hpp says it

}  // namespace

std::string why_of(const local::Refused& refused) {
  return refused.why.substr(0, refused.why.find(advice));
}

Error refused_by_peer(const std::string& object, const local::Refused& refused, bool has_stale) {
  ErrorKind kind = ErrorKind::unavailable;
  if (refused.kind == local::RefusedKind::mismatch) kind = ErrorKind::usage;
  if (refused.kind == local::RefusedKind::unknown) kind = ErrorKind::unknown;
  if (has_stale && refused.why.ends_with(advice)) return Error{kind, object, refused.why, ""};
  const std::string why = why_of(refused);
  const bool needs_remedy = refused.kind == local::RefusedKind::no_quorum && !why.ends_with("try again") &&
                            !why.ends_with("see dpeers");
  return Error{kind, object, why, needs_remedy ? "see dpeers" : ""};
}

bool is_without_part(const local::Refused& refused) {
  return refused.kind == local::RefusedKind::protocol || refused.kind == local::RefusedKind::mismatch;
}

}  // namespace coord::cli
