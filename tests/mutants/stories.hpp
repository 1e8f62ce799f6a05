// SPDX-License-Identifier: MIT
// Stories that hold only while a rule is obeyed (base/rule.hpp).
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/rule.hpp"

namespace coord::mutants {

template <class Story>
auto without(const std::string& rule, const Story& story) {
  removed = rule;
  const auto ended = story();
  removed.clear();
  return ended;
}

// Each story is good, and is not without the rule that it is about.
inline void check_stories(const std::map<std::string, bool (*)()>& by_rule) {
  for (const auto& [rule, story] : by_rule) {
    INFO(rule);
    CHECK(story());
    CHECK_FALSE(without(rule, story));
  }
}

// One story goes another way without any of the rules.
inline void check_story(const std::function<std::string()>& story, const std::vector<std::string>& rules) {
  const std::string right = story();
  for (const std::string& rule : rules) {
    INFO(rule);
    CHECK(without(rule, story) != right);
  }
  CHECK(story() == right);
}

}  // namespace coord::mutants
