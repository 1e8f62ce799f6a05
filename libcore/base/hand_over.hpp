// SPDX-License-Identifier: MIT
// What a peer that is alone leaves in its state directory when another authority takes its place: that it has
// ended for good, for whom, and the highest token that it may have given.
//
// Problem: after a switch some tools still ask the old peer, others the new one, and for a moment the
// name would have two holders; or the new one, founded by a clock that is behind, gives smaller
// tokens, which every resource that looks at them refuses. So the old peer decides alone, under the
// lock of its state directory, when it has nobody left; this file is that decision. While it is not
// there the old peer is the authority, running or not; once it is there it never grants again, and who
// comes after begins above the token.
#pragma once

#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace coord {

inline constexpr char hand_over_name[] = "handed-over";

struct HandedOver {
  enum class To { host, group } to = To::host;
  Token token;  // no grant was above it

  bool operator==(const HandedOver&) const = default;
};

// What the file of this state directory says; nothing: there is none. An error: it cannot
// be read, or is no such file.
Result<std::optional<HandedOver>> handed_over(const std::string& directory);
Result<HandedOver> read_handed_over(const std::string& path);

// Durable when it returns, and never half of it.
Status write_handed_over(const std::string& directory, const HandedOver& what);
Status forget_handed_over(const std::string& directory);

}  // namespace coord
