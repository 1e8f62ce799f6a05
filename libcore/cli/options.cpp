// SPDX-License-Identifier: MIT
#include "cli/options.hpp"

#include <algorithm>

#include "base/format.hpp"

namespace coord::cli {

Option& Option::env(std::string variable) {
  env_ = std::move(variable);
  return *this;
}
Option& Option::env(std::string variable, std::string value_that_sets) {
  env_ = std::move(variable);
  env_value_ = std::move(value_that_sets);
  return *this;
}
Option& Option::between(std::int64_t least, std::int64_t most) {
  bounds_ = {least, most};
  return *this;
}
Option& Option::between(Duration least, Duration most) {
  return between(least.count(), most.count());
}
Option& Option::one_of(std::vector<std::string> choices) {
  choices_ = std::move(choices);
  return *this;
}
Option& Option::excludes(std::string name) {
  excludes_.push_back(std::move(name));
  return *this;
}
Option& Option::needs(std::string name) {
  needs_.push_back(std::move(name));
  return *this;
}
Option& Option::only_with(std::vector<std::string> names) {
  only_with_ = std::move(names);
  return *this;
}
Option& Option::without_mode(std::vector<std::string> but_with) {
  modes_ = std::move(but_with);
  return *this;
}
Option& Option::without_verb() {
  without_verb_ = true;
  return *this;
}
Option& Option::operands(std::size_t least, std::size_t most) {
  operands_ = {least, most};
  return *this;
}
Option& Option::implied(std::string value) {
  implied_ = std::move(value);
  return *this;
}
Option& Option::minor() {
  minor_ = true;
  return *this;
}
Option& Option::hidden() {
  hidden_ = true;
  return *this;
}
Option& Option::completes(Completion kind) {
  completion_ = kind;
  return *this;
}
Option& Option::completes_from(std::string shell_command) {
  completion_ = Completion::from_command;
  candidates_ = std::move(shell_command);
  return *this;
}

Options::Options(std::string tool, std::string summary)
    : tool_(std::move(tool)), summary_(std::move(summary)) {}

Option& Options::add(std::string_view names, std::string metavar, std::string help, Option::Kind kind) {
  Option& option = options_.emplace_back();
  bool has_long = false;
  while (!names.empty()) {
    const std::size_t comma = std::min(names.find(','), names.size());
    const std::string name(names.substr(0, comma));
    names.remove_prefix(std::min(comma + 1, names.size()));
    COORD_CHECK(name.size() >= 2 && name[0] == '-' &&
                find(name) == nullptr);  // a table that contradicts itself is our bug
    const bool is_long = name.starts_with("--");
    (is_long && has_long ? option.aliases_ : option.names_).push_back(name);
    has_long = has_long || is_long;
  }
  COORD_CHECK(!option.names_.empty());
  option.metavar_ = std::move(metavar);
  option.help_ = std::move(help);
  option.kind_ = kind;
  return option;
}

Option* Options::find(std::string_view name) {
  for (Option& option : options_) {
    for (const auto* list : {&option.names_, &option.aliases_})
      if (std::find(list->begin(), list->end(), name) != list->end()) return &option;
  }
  Option* const of_tool = parent_ == nullptr ? nullptr : parent_->find(name);
  return of_tool != nullptr && of_tool->without_verb_ ? nullptr : of_tool;
}

std::vector<std::string> Options::long_names() const {
  std::vector<std::string> names{"--help", "--version"};
  for (const Options* table = this; table != nullptr; table = table->parent_) {
    for (const Option& option : table->options_) {
      if (option.hidden_ || (table != this && option.without_verb_)) continue;
      for (const auto* list : {&option.names_, &option.aliases_})
        for (const std::string& name : *list)
          if (name.starts_with("--")) names.push_back(name);
    }
  }
  return names;
}

Option& Options::flag(std::string_view names, bool& target, std::string help) {
  Option& option = add(names, "", std::move(help), Option::Kind::flag);
  option.take_ = [&target](std::string_view) -> Status {
    target = true;
    return done();
  };
  return option;
}

Option& Options::count(std::string_view names, int& target, std::string help) {
  Option& option = add(names, "", std::move(help), Option::Kind::flag);
  option.take_ = [&target](std::string_view) -> Status {
    target = std::min(target + 1, 1000);
    return done();
  };
  return option;
}

Option& Options::custom(std::string_view names, std::string metavar,
                        std::function<Status(std::string_view)> take, std::string help) {
  Option& option = add(names, std::move(metavar), std::move(help), Option::Kind::value);
  option.take_ = std::move(take);
  return option;
}

Options& Options::operand(std::string metavar, std::string& target, std::string help) {
  Operand operand;
  operand.metavar = std::move(metavar);
  operand.help = std::move(help);
  operand.store = [&target](std::vector<std::string> values) {
    if (!values.empty()) target = std::move(values.front());
  };
  operands_.push_back(std::move(operand));
  return *this;
}

Options& Options::operands(std::string metavar, std::vector<std::string>& target, std::size_t least,
                           std::size_t most, std::string help) {
  Operand operand;
  operand.metavar = std::move(metavar);
  operand.help = std::move(help);
  operand.least = least;
  operand.most = most;
  operand.store = [&target](std::vector<std::string> values) { target = std::move(values); };
  operands_.push_back(std::move(operand));
  return *this;
}

Options& Options::operand_completes(Completion kind) {
  COORD_CHECK(!operands_.empty());
  operands_.back().completion = kind;
  return *this;
}

Options& Options::operand_completes_from(std::string shell_command) {
  COORD_CHECK(!operands_.empty());
  operands_.back().completion = Completion::from_command;
  operands_.back().candidates = std::move(shell_command);
  return *this;
}

Options& Options::command(Command& target, bool required) {
  command_ = &target;
  command_required_ = required;
  return *this;
}

Options& Options::command_after_dashes(Command& target) {
  command_after_dashes_ = true;
  return command(target, false);
}

Options& Options::synopsis(std::string form, std::string meaning) {
  synopses_.push_back({std::move(form), std::move(meaning)});
  return *this;
}

Options& Options::example(std::string line, std::string meaning) {
  examples_.push_back({std::move(line), std::move(meaning)});
  return *this;
}

Options& Options::does(Action action) {
  action_ = std::move(action);
  return *this;
}

Options& Options::manual_section(int section) {
  section_ = section;
  return *this;
}

Options& Options::refused(std::function<void()> told) {
  refused_ = std::move(told);
  return *this;
}

Options& Options::verb(std::string name, std::string summary) {
  Options& verb = verbs_.emplace_back(tool_, std::move(summary));
  verb.verb_ = std::move(name);
  verb.parent_ = this;
  return verb;
}

std::string Options::version() const {
  return fmt::format("{}{}", tool_, " (coordutils) " COORD_VERSION "\n");
}

}  // namespace coord::cli
