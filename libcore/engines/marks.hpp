// SPDX-License-Identifier: MIT
// Texts that adapters keep in an engine beside the entries. Of this folder only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace coord::engines::marks {

// How the end of an epoch is told from an entry, and from what another program may have put there.
std::string seal_of(std::uint64_t epoch);

std::string name_of(std::uint64_t number);
std::optional<std::uint64_t> number_in(std::string_view text, int base);
// One of those that name_of() gives: others may have put anything beside them.
std::optional<std::uint64_t> numbered(std::string_view name);

Bytes bytes_in(std::string_view text);

// Of one attempt to keep a state, and of no other, whichever connection it is made on: who clears away after
// one that came too late must not meet what an earlier one's pointer names.
std::string folder_of(std::uint64_t writer, std::uint64_t connection, std::uint64_t keep);

// Where a state is that is kept in pieces, and the position that it begins at (0: that of this text itself).
struct Pointer {
  std::string writer;
  std::uint64_t pieces = 0, position = 0;
};
std::string text_of(const Pointer& pointer);
std::optional<Pointer> pointer_in(std::string_view text);

}  // namespace coord::engines::marks
