// SPDX-License-Identifier: MIT
// The rules that a protocol's safety hangs on, by name, where the code obeys them.
//
//   if (!COORD_RULE(commit_only_own_term, log.term_at(index) == term_)) return;
//   reply.match = COORD_RULE_OR(acknowledge_what_was_checked, previous + n, log.last_index());
//
// A test removes one rule at a time (the condition always holds; the second value, a mistake seen in the
// field, is taken), and must notice: a rule that can be removed unnoticed has no test. Names are unique over
// the whole tree; tests/mutants lists them all.
//
// One object serves both: which of two files a program is linked with decides. In what is shipped it is
// rule.cpp: are_removable is a constant in read-only memory, false, and the rest of the condition is not
// looked at. In dsim and in the tests it is removable_rules.cpp (cmake/Layers.cmake).
#pragma once

#include <string>
#include <string_view>

namespace coord::mutants {
extern const bool are_removable;
bool is_removed(std::string_view rule);
// The name of the rule that is removed in this run; empty: none. Not in what is shipped.
extern std::string removed;
}  // namespace coord::mutants

#define COORD_RULE_IS_REMOVED(name) (::coord::mutants::are_removable && ::coord::mutants::is_removed(#name))
#define COORD_RULE(name, condition) (COORD_RULE_IS_REMOVED(name) || (condition))
#define COORD_RULE_OR(name, right, mistake) (COORD_RULE_IS_REMOVED(name) ? (mistake) : (right))
