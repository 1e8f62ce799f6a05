// SPDX-License-Identifier: MIT
#include "cli/options_read.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/nearest.hpp"

namespace coord::cli {
namespace {

using Kind = Option::Kind;
using Source = Option::Source;

Error unknown_value(const std::string& origin, std::string_view value, std::string remedy) {
  return usage_error(origin, fmt::format("'{}' is not known", shown(value.substr(0, 64))), std::move(remedy));
}

// Whether the text of a variable sets a flag; nothing if it says neither.
std::optional<bool> flag_is_set(const Option& option, std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> opposites[] = {
      {"yes", "no"}, {"1", "0"}, {"true", "false"}};
  for (const auto& [yes, no] : opposites) {
    if (text == yes || text == no) {
      const bool says_yes = text == yes;
      return option.env_value_ == "no" ? !says_yes : says_yes;
    }
  }
  return std::nullopt;
}

Status store_configured_flag(Option& option, std::string_view value, const std::string& origin) {
  if (value != "true" && value != "false")
    return usage_error(origin, fmt::format("'{}' is not known", shown(value)), "give true or false");
  return value == "true" ? store_value(option, "", origin, Source::configured) : done();
}

}  // namespace

Error usage_error(std::string object, std::string what, std::string remedy) {
  return Error{ErrorKind::usage, std::move(object), std::move(what), std::move(remedy)};
}

std::string any_of(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return text;
}

bool takes_value(const Option& option) {
  return option.kind_ == Kind::value || option.kind_ == Kind::list;
}

Status check_value(const Option& option, std::string_view value, const std::string& origin) {
  const auto& choices = option.choices_;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end())
    return unknown_value(origin, value, fmt::format("give {}", any_of(choices)));
  const bool is_path = option.completion_ == Completion::file || option.completion_ == Completion::directory;
  if (is_path && value.empty()) return usage_error(origin, "is empty", "give a path, or leave it out");
  return done();
}

Status store_value(Option& option, std::string_view value, const std::string& origin, Source source) {
  if (Status good = check_value(option, value, origin); !good) return good;
  Status stored = option.take_(value);
  if (stored) {
    option.source_ = source;
    return done();
  }
  Error error = stored.error();
  error.object = error.object.empty() ? origin : fmt::format("{}: {}", origin, error.object);
  return error;
}

Status store_variable(Option& option, std::string_view text) {
  if (text.empty()) return done();
  if (option.kind_ != Kind::flag) return store_value(option, text, option.env_, Source::environment);
  const std::optional<bool> set = flag_is_set(option, text);
  if (!set) return unknown_value(option.env_, text, "give yes or no");
  return *set ? store_value(option, "", option.env_, Source::environment) : done();
}

// The reader's way into the table.
class TableReader {
 public:
  static Status read(const LineOptions& line) {
    for (const GivenOption& given : line.given)
      if (Status stored = store_value(*given.option, given.value, given.name, Source::command_line); !stored)
        return stored;
    if (Status stored = read_environment(line.tool); !stored || &line.scope == &line.tool) return stored;
    return read_environment(line.scope);
  }

 private:
  static Status read_environment(Options& table) {
    for (Option& option : table.options_) {
      const char* text = option.env_.empty() || option.given() ? nullptr : std::getenv(option.env_.c_str());
      if (text == nullptr) continue;
      if (Status stored = store_variable(option, text); !stored) return stored;
    }
    return done();
  }
};

Status read_by_table(const LineOptions& line) {
  return TableReader::read(line);
}

std::vector<std::string> Options::keys() const {
  std::vector<std::string> keys;
  for (const Option& option : options_) {
    if (option.hidden_ || option.kind_ == Kind::mode || !option.name().starts_with("--")) continue;
    keys.push_back(option.name().substr(2));
    std::replace(keys.back().begin(), keys.back().end(), '-', '_');
  }
  return keys;
}

Status Options::configure(std::string_view key, std::string_view value, const std::string& where) {
  std::string name = fmt::format("--{}", key);
  std::replace(name.begin(), name.end(), '_', '-');
  Option* option = key.find('-') == std::string_view::npos ? find(name) : nullptr;
  if (option == nullptr || option->kind_ == Kind::mode) {
    const std::string rule = fmt::format("keys are the long options of {} with _ for -", tool_);
    return usage_error(fmt::format("{}: {}", where, shown(key)), "unknown key",
                       did_you_mean(key, keys(), rule));
  }
  if (option->source_ == Source::command_line || option->source_ == Source::environment) return done();
  const std::string origin = fmt::format("{}: {}", where, key);
  if (option->kind_ == Kind::flag) return store_configured_flag(*option, value, origin);
  return store_value(*option, value, origin, Source::configured);
}

}  // namespace coord::cli
