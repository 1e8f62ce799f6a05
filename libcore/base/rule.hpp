// SPDX-License-Identifier: MIT
// The rules that a protocol's safety hangs on, by name, where the code obeys them.
//
//   if (!COORD_RULE(commit_only_own_term, log.term_at(index) == term_)) return;
//   reply.match = COORD_RULE_OR(acknowledge_what_was_checked, previous + n, log.last_index());
//
// In what is shipped, COORD_RULE is its condition and COORD_RULE_OR its first value: nothing is tested at run
// time. tests/mutants compiles the same sources with COORD_MUTANTS and removes one rule at a time (the
// condition always holds; the second value, a mistake seen in the field, is taken), and the sweep must catch
// each: a rule that can be removed unnoticed has no test. Names are unique over the whole tree; tests/mutants
// lists them all. Only *.cpp files obey rules: one that has none is compiled once for both (COORD_NO_RULES).
#pragma once

#ifdef COORD_NO_RULES

#define COORD_RULE(name, condition) static_assert(false, "this file has got its first rule: run cmake again")
#define COORD_RULE_OR(name, right, mistake) \
  static_assert(false, "this file has got its first rule: run cmake again")

#elif defined(COORD_MUTANTS)

#include <string>
#include <string_view>

namespace coord::mutants {
inline std::string removed;  // the name of the rule that is removed in this run; empty: none
inline bool is_removed(std::string_view rule) {
  return !removed.empty() && removed == rule;
}
}  // namespace coord::mutants

#define COORD_RULE(name, condition) (::coord::mutants::is_removed(#name) || (condition))
#define COORD_RULE_OR(name, right, mistake) (::coord::mutants::is_removed(#name) ? (mistake) : (right))

#else

#define COORD_RULE(name, condition) (condition)
#define COORD_RULE_OR(name, right, mistake) (right)

#endif
