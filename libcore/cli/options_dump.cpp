// SPDX-License-Identifier: MIT
// --dump-options: the option table as JSON lines, one a verb ("command"), option and operand.
// completions/generate reads it.
#include <algorithm>

#include "cli/json.hpp"
#include "cli/options.hpp"

namespace coord::cli {

class OptionDump {
 public:
  std::string of(const Options& tool) {
    add(tool);
    return std::move(out_);
  }

 private:
  static const char* word(Completion completion) {
    switch (completion) {
      case Completion::nothing:
        return "nothing";
      case Completion::file:
        return "file";
      case Completion::directory:
        return "directory";
      case Completion::host:
        return "host";
      case Completion::command:
        return "command";
      case Completion::from_command:
        return "from_command";
    }
    return "nothing";
  }

  static JsonArray texts(const std::vector<std::string>& list) {
    JsonArray array;
    for (const std::string& text : list) array.text(text);
    return array;
  }

  void add(const Options& o) {
    JsonObject head;
    head.text("record", "command").text("tool", o.tool_).text("verb", o.verb_).text("summary", o.summary_);
    head.boolean("takes_command", o.command_ != nullptr);
    out_ += head.line();
    for (const Option& option : o.options_)
      if (!option.hidden_) add(o, option);
    add_builtin(o, "-h", "--help", "show help and examples");
    // A verb may have an option of that name.
    const auto is_version = [](const Option& option) { return option.name() == "--version"; };
    if (std::none_of(o.options_.begin(), o.options_.end(), is_version))
      add_builtin(o, "-V", "--version", "show the version");
    for (const auto& operand : o.operands_) {
      JsonObject line;
      line.text("record", "operand")
          .text("tool", o.tool_)
          .text("verb", o.verb_)
          .text("value", operand.metavar)
          .text("help", operand.help);
      line.boolean("repeat", operand.most > 1)
          .text("completes", word(operand.completion))
          .text("candidates", operand.candidates);
      out_ += line.line();
    }
    for (const Options& verb : o.verbs_) add(verb);
  }

  void add(const Options& o, const Option& option) {
    std::vector<std::string> names = option.names_;
    names.insert(names.end(), option.aliases_.begin(), option.aliases_.end());
    std::vector<std::string> excludes = option.excludes_;
    if (option.kind_ == Option::Kind::mode) {
      for (const Option& other : o.options_)
        if (&other != &option && other.kind_ == Option::Kind::mode) excludes.push_back(other.name());
    }
    JsonObject line;
    line.text("record", "option").text("tool", o.tool_).text("verb", o.verb_).array("names", texts(names));
    line.text("value", option.metavar_)
        .text("help", option.help_)
        .boolean("repeat", option.kind_ == Option::Kind::list);
    line.boolean("without_verb", option.without_verb_).boolean("optional", option.implied_.has_value());
    line.boolean("mode", option.kind_ == Option::Kind::mode)
        .text("env", option.env_)
        .array("choices", texts(option.choices_));
    line.array("excludes", texts(excludes))
        .text("completes", word(option.completion_))
        .text("candidates", option.candidates_);
    out_ += line.line();
  }

  void add_builtin(const Options& o, const std::string& short_name, const std::string& long_name,
                   const std::string& help) {
    bool taken = false;
    for (const Option& option : o.options_)
      for (const std::string& name : option.names_) taken = taken || name == short_name;
    JsonObject line;
    line.text("record", "option").text("tool", o.tool_).text("verb", o.verb_);
    line.array("names", taken ? texts({long_name}) : texts({short_name, long_name}))
        .text("value", "")
        .text("help", help);
    line.boolean("repeat", false)
        .boolean("mode", false)
        .text("env", "")
        .array("choices", {})
        .array("excludes", {});
    line.text("completes", "nothing").text("candidates", "");
    out_ += line.line();
  }

  std::string out_;
};

std::string Options::dump() const {
  return OptionDump().of(parent_ == nullptr ? *this : *parent_);
}

}  // namespace coord::cli
