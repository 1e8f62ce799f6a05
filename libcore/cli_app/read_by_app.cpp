// SPDX-License-Identifier: MIT
// A CLI::App made from the table for one command line: the tool's options and environment, its verb as a
// subcommand, what the declaration says of a value as a check. A value is stored as soon as its option is
// parsed, so that the first wrong one is refused, as read_by_table() does. Four things are not left to CLI11,
// because it does them otherwise than our rules say:
// - where the options end, and --name= (it takes the next word for the value): the first step
//   has told them apart
// - the words of a refusal: a check and a callback keep the Error, and the exception only ends the parsing
// - which options go together: it counts what the environment gives as if it had been typed
// - configuration: it prefers the file to the environment, and its errors name no line
#include "cli_app/read_by_app.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord::cli {

class AppReader {
 public:
  explicit AppReader(const LineOptions& line) : line_(line), app_(line.tool.summary_, line.tool.tool_) {
    app_.set_help_flag();  // the table's is shown, before any option is read
    app_.require_subcommand(0, 1);
    declare(app_, line.tool);
    if (&line.scope == &line.tool) return;
    CLI::App& verb = *app_.add_subcommand(line.scope.verb_, line.scope.summary_);
    verb.fallthrough();  // the tool's options work after the verb as well
    declare(verb, line.scope);
  }

  Status read() {
    std::vector<std::string> words = words_backwards();
    try {
      app_.parse(words);
    } catch (const CLI::Error& error) {
      if (refused_) return *refused_;
      return Error{ErrorKind::internal, "CLI11", error.what(), "please report this"};
    }
    return done();
  }

 private:
  void declare(CLI::App& app, Options& table) {
    for (Option& option : table.options_) {
      CLI::Option& made = *app.add_option(
          names_of(option),
          [this, &option](const CLI::results_t& values) { return store(option, values.front()); },
          option.help_);
      made.type_name(option.metavar_)->trigger_on_parse()->envname(option.env_);
      if (takes_value(option))
        made.check(
            CLI::Validator([this, &option](const std::string& value) { return check(option, value); }, ""));
      else
        made.type_size(0)->expected(0);
    }
  }

  // In a verb, -4 of its tool is a negative number to CLI11, but --4 is an option.
  static std::string app_name(const Option& option) {
    return option.name().size() == 2 ? fmt::format("-{}", option.name()) : option.name();
  }

  static std::string names_of(const Option& option) {
    std::string names = app_name(option);
    for (const auto* list : {&option.names_, &option.aliases_})
      for (const std::string& name : *list)
        if (name != option.name() || name.size() == 2) names += fmt::format(",{}", name);
    return names;
  }

  // A verb, then its options and the tool's, the last word first.
  std::vector<std::string> words_backwards() const {
    std::vector<std::string> words;
    if (&line_.scope != &line_.tool) words.push_back(line_.scope.verb_);
    for (const GivenOption& given : line_.given) {
      words.push_back(app_name(*given.option));
      if (takes_value(*given.option)) words.push_back(given.value);
    }
    std::reverse(words.begin(), words.end());
    return words;
  }

  // Empty: it is good.
  std::string check(const Option& option, const std::string& value) {
    Status good = check_value(option, value, typing() ? line_.given[stored_].name : option.env_);
    if (good) return "";
    refused_ = good.error();
    return refused_->text();
  }

  bool store(Option& option, const std::string& value) {
    const Status stored = typing() ? store_typed(option) : store_variable(option, value);
    if (!stored) refused_ = stored.error();
    return stored.ok();
  }

  Status store_typed(Option& option) {
    const GivenOption& given = line_.given[stored_++];
    COORD_CHECK(given.option == &option);
    return store_value(option, given.value, given.name, Option::Source::command_line);
  }

  // The app stores what is on the line in its order, and only then what the environment
  // says of other options.
  bool typing() const { return stored_ < line_.given.size(); }

  const LineOptions& line_;
  CLI::App app_;
  std::size_t stored_ = 0;
  std::optional<Error> refused_;
};

Status read_by_app(const LineOptions& line) {
  return AppReader(line).read();
}

}  // namespace coord::cli
