// SPDX-License-Identifier: MIT
// "Did you mean": the word of a list that a mistyped one is nearest to.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coord::cli {

// By how many letters left out, added, changed, or swapped with their neighbour the two differ.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `known`, the first of several; nothing where none is near: one edit in a word of three to
// five characters, two up to eight, three in longer ones. Where none is, the only one that begins so.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

// "did you mean --ttl?", or what stands in `otherwise`.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known,
                         const std::string& otherwise);

}  // namespace coord::cli
