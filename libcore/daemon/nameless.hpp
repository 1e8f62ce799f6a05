// SPDX-License-Identifier: MIT
// What a number is called whose name another one has by now, or nobody: it may still vote or learn, and an
// operator has to be able to name it.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace coord::daemon {

inline constexpr std::string_view nameless_begins = "node ";  // a peer's name has no blank

inline std::string nameless(NodeId node) {
  return std::string(nameless_begins) + std::to_string(node.value);
}

// Nothing: `text` is not so.
inline std::optional<NodeId> nameless_number(std::string_view text) {
  if (!text.starts_with(nameless_begins)) return std::nullopt;
  text.remove_prefix(nameless_begins.size());
  NodeId node;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), node.value);
  const bool is_whole = error == std::errc{} && end == text.data() + text.size();
  return is_whole && node != NodeId{} ? std::optional(node) : std::nullopt;
}

}  // namespace coord::daemon
