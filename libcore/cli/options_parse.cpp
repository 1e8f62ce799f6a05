// SPDX-License-Identifier: MIT
// Parsing in three steps: where do the options end, what do they say, do they go together.
//
// The first step walks the arguments with getopt's rules, so that operands are seen by nothing else (`-q` in
// `dlock x ls -q` is ls's), and writes the options apart (`--name`, `value`), so that an empty value stays
// one. No library does this for us: those that know our rules take ten times as long, and half a megabyte.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "cli/names.hpp"
#include "cli/options.hpp"

namespace coord::cli {
namespace {

using Kind = Option::Kind;
using Source = Option::Source;

Error usage(std::string object, std::string what, std::string remedy) {
  return Error{ErrorKind::usage, std::move(object), std::move(what), std::move(remedy)};
}

bool takes_value(const Option& option) {
  return option.kind_ == Kind::value || option.kind_ == Kind::list;
}

// Directly after the operands: flock's two names of it.
bool is_shell_word(std::string_view word) {
  return word == "-c" || word == "--command";
}

std::string one_of(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return text;
}

// Stores a value where it belongs; the error names `origin`: the option as given, a
// variable, a file and line.
Status take(Option& option, std::string_view value, const std::string& origin, Source source) {
  const auto& choices = option.choices_;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end())
    return usage(origin, "'" + shown(value.substr(0, 64)) + "' is not known", "give " + one_of(choices));
  const bool is_path = option.completion_ == Completion::file || option.completion_ == Completion::directory;
  if (is_path && value.empty()) return usage(origin, "is empty", "give a path, or leave it out");
  Status stored = option.take_(value);
  if (stored) {
    option.source_ = source;
    return done();
  }
  Error error = stored.error();
  error.object = error.object.empty() ? origin : origin + ": " + error.object;
  return error;
}

// Whether the text of a variable or of a configuration key sets a flag; nothing if it says neither.
std::optional<bool> flag_is_set(const Option& option, std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> opposites[] = {
      {"yes", "no"}, {"1", "0"}, {"true", "false"}};
  if (text.empty()) return false;
  for (const auto& [yes, no] : opposites) {
    if (text == yes || text == no) {
      const bool says_yes = text == yes;
      return option.env_value_ == "no" ? !says_yes : says_yes;
    }
  }
  return std::nullopt;
}

}  // namespace

class Parser {
 public:
  explicit Parser(Options& tool) : tool_(tool), scope_(&tool) {}

  Result<Options::Request> parse(const std::vector<std::string>& arguments) {
    Result<Options::Request> request = split(arguments);
    if (!request) read_what_can_be();
    if (!request || *request != Options::Request::act) return request;
    for (const auto& step : {&Parser::read_options, &Parser::read_environment, &Parser::check_combinations,
                             &Parser::store_operands})
      if (Status passed = (this->*step)(); !passed) {
        read_what_can_be();
        return passed.error();
      }
    return Options::Request::act;
  }

  Options& scope() { return *scope_; }

 private:
  // ---- where the options end

  Result<Options::Request> split(const std::vector<std::string>& arguments) {
    std::size_t i = 0;
    for (; i < arguments.size(); ++i) {
      const std::string& word = arguments[i];
      if (word == "--") {
        ++i;
        if (scope_->command_after_dashes_) dashes_ = words_.size();
        break;
      }
      if (is_shell_word(word) && begins_command()) break;
      if (word.size() < 2 || word[0] != '-') {
        if (needs_verb()) {
          if (Status found = choose_verb(word); !found) return found.error();
          continue;
        }
        if (takes_command() && !takes_operand()) break;
        words_.push_back(word);
        continue;
      }
      if (word == "--help" || (word == "-h" && scope_->find("-h") == nullptr)) return Options::Request::help;
      if ((word == "--version" || word == "-V") && scope_->find(word) == nullptr)
        return Options::Request::version;
      if (word == "--dump-options") return Options::Request::dump;
      const std::string* next = i + 1 < arguments.size() ? &arguments[i + 1] : nullptr;
      Result<bool> used_next = word[1] == '-' ? long_option(word, next) : short_options(word, next);
      if (!used_next) return used_next.error();
      if (*used_next) ++i;
    }
    words_.insert(words_.end(),
                  arguments.begin() + static_cast<std::ptrdiff_t>(std::min(i, arguments.size())),
                  arguments.end());
    if (needs_verb() && !(words_.empty() && tool_.action_)) {
      if (words_.empty()) return usage("", "nothing to do", see_help("give one of the commands of"));
      return usage("'" + shown(words_.front()) + "'", "is not a command of " + tool_.tool_, see_help("see"));
    }
    return Options::Request::act;
  }

  // Both answer whether the next argument was used as the value.
  Result<bool> long_option(const std::string& word, const std::string* next) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const Option* option = scope_->find(name);
    if (option == nullptr) return usage(shown(name), "unknown option", see_help("see"));
    note(*option, name);
    option_words_.push_back(name);
    if (equals != std::string::npos) {
      if (!takes_value(*option)) return usage(name, "takes no value", "leave out the part from = on");
      option_words_.push_back(word.substr(equals + 1));
      return false;
    }
    return takes_value(*option) ? value_follows(*option, name, next) : false;
  }

  Result<bool> short_options(const std::string& word, const std::string* next) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const std::string name{'-', word[i]};
      const Option* option = scope_->find(name);
      if (option == nullptr) return usage(shown(name), "unknown option", see_help("see"));
      note(*option, name);
      option_words_.push_back(name);
      if (!takes_value(*option)) continue;
      if (i + 1 == word.size()) return value_follows(*option, name, next);
      option_words_.push_back(word.substr(i + 1));
      break;
    }
    return false;
  }

  Result<bool> value_follows(const Option& option, const std::string& name, const std::string* next) {
    if (next == nullptr)
      return usage(name, "its value is missing", "give it as " + name + " " + option.metavar_);
    option_words_.push_back(*next);
    return true;
  }

  void note(const Option& option, const std::string& name) {
    as_given_[&option] = name;
    if (option.kind_ == Kind::mode) mode_seen_ = true;
    if (option.operands_) operand_count_ = option.operands_;
  }

  bool needs_verb() const { return !scope_->verbs_.empty(); }
  // Where an option takes the operands' place, -c TEXT is directly after it.
  bool begins_command() const {
    return takes_command() && operand_count_ && operand_count_->second == 0 && scope_->find("-c") == nullptr;
  }
  bool takes_command() const {
    return scope_->command_ != nullptr && !scope_->command_after_dashes_ && !mode_seen_;
  }
  // A verb's operands come before its command, with options among them (`dsnapshot run GROUP --id ID
  // COMMAND`); a tool's options end at the first.
  bool takes_operand() const { return scope_ != &tool_ && words_.size() < scope_->operands_.size(); }

  Status choose_verb(const std::string& word) {
    for (Options& verb : scope_->verbs_) {
      if (verb.verb_ != word) continue;
      Options& tool = *std::exchange(scope_, &verb);
      return all_go_with_verb(tool);
    }
    return usage("'" + shown(word.substr(0, 64)) + "'", "is not a command of " + tool_.tool_,
                 see_help("see"));
  }

  // What came before the verb.
  Status all_go_with_verb(Options& tool) {
    for (std::size_t i = 0; i < option_words_.size(); ++i) {
      const std::string& name = option_words_[i];
      if (scope_->find(name) == nullptr) {
        scope_ = &tool;
        return usage(name, "does not go with one of the commands", see_help("see"));
      }
      if (takes_value(*tool.find(name))) ++i;
    }
    return done();
  }

  std::string see_help(const std::string& verb) const { return verb + " " + scope_->title() + " --help"; }

  // ---- what they say

  // Every option was found by its name before, and every value is there.
  Status read_options() {
    for (std::size_t i = 0; i < option_words_.size(); ++i) {
      Option* option = scope_->find(option_words_[i]);
      COORD_CHECK(option != nullptr);
      const std::string_view value = takes_value(*option) ? option_words_.at(++i) : std::string_view();
      if (Status taken = take(*option, value, as_given_[option], Source::command_line); !taken) return taken;
    }
    return done();
  }

  // Of a command line that is refused: the options before what is wrong with it, and those after it if only
  // their values or their company are wrong. Who refuses may have to know where to report to.
  void read_what_can_be() {
    for (std::size_t i = 0; i < option_words_.size(); ++i) {
      Option* option = scope_->find(option_words_[i]);
      const bool has_value = option != nullptr && takes_value(*option);
      if (has_value && i + 1 == option_words_.size()) return;  // it is the value that is missing
      const std::string_view value = has_value ? option_words_[++i] : std::string_view();
      if (option != nullptr) (void)take(*option, value, as_given_[option], Source::command_line);
    }
  }

  Status read_environment() {
    for (Options* table = scope_; table != nullptr; table = table->parent_) {
      for (Option& option : table->options_) {
        const char* value =
            option.env_.empty() || option.given() ? nullptr : std::getenv(option.env_.c_str());
        if (value == nullptr) continue;
        if (Status taken = option.kind_ == Kind::flag ? take_flag(option, value) : take_text(option, value);
            !taken)
          return taken;
      }
    }
    return done();
  }

  static Status take_text(Option& option, const char* value) {
    return *value == '\0' ? done() : take(option, value, option.env_, Source::environment);
  }

  static Status take_flag(Option& option, const char* value) {
    const std::optional<bool> set = flag_is_set(option, value);
    if (!set)
      return usage(option.env_, "'" + shown(std::string_view(value).substr(0, 64)) + "' is not known",
                   "give yes or no");
    return *set ? take(option, "", option.env_, Source::environment) : done();
  }

  // ---- do they go together

  // Only what the command line says can contradict itself; the environment gives defaults.
  Status check_combinations() {
    const Option* mode = nullptr;
    for (Options* table = scope_; table != nullptr; table = table->parent_) {
      for (Option& option : table->options_) {
        if (!option.on_command_line()) continue;
        if (Status good = check_option(option); !good) return good;
        if (option.kind_ != Kind::mode) continue;
        if (mode != nullptr)
          return usage(given_name(option), "cannot be combined with " + given_name(*mode),
                       "give one of them");
        mode = &option;
      }
    }
    return mode != nullptr ? check_mode(*mode) : done();
  }

  Status check_mode(const Option& mode) {
    for (const Option& option : scope_->options_) {
      if (!option.on_command_line() || !option.modes_) continue;
      if (std::ranges::find(*option.modes_, mode.name()) == option.modes_->end())
        return usage(given_name(option), "cannot be combined with " + given_name(mode), "give one of them");
    }
    return done();
  }

  Status check_option(const Option& option) {
    for (const std::string& name : option.excludes_) {
      const Option* other = scope_->find(name);
      if (other != nullptr && other->on_command_line())
        return usage(given_name(option), "cannot be combined with " + given_name(*other), "give one of them");
    }
    for (const std::string& name : option.needs_) {
      const Option* other = scope_->find(name);
      if (other == nullptr || !other->given()) return usage(given_name(option), "needs " + name, "give both");
    }
    const auto is_given = [this](const std::string& name) {
      const Option* other = scope_->find(name);
      return other != nullptr && other->given();
    };
    if (!option.only_with_.empty() &&
        std::none_of(option.only_with_.begin(), option.only_with_.end(), is_given))
      return usage(given_name(option), "works only with " + one_of(option.only_with_), "leave it out");
    return done();
  }

  const std::string& given_name(const Option& option) const {
    const auto found = as_given_.find(&option);
    return found == as_given_.end() ? option.name() : found->second;
  }

  // ---- operands and command

  Status store_operands() {
    std::size_t least = 0, most = 0;
    for (const auto& operand : scope_->operands_) {
      least += operand.least;
      most = operand.most == any_number ? any_number : most + operand.most;
    }
    if (operand_count_) std::tie(least, most) = *operand_count_;
    std::size_t count = words_.size();
    if (takes_command()) {
      count = std::min(count, most);
      if (Status stored = store_command({words_.begin() + static_cast<std::ptrdiff_t>(count), words_.end()});
          !stored)
        return stored;
      words_.resize(count);
    }
    if (dashes_) {
      const auto begin = words_.begin() + static_cast<std::ptrdiff_t>(*dashes_);
      if (Status stored = store_command({begin, words_.end()}); !stored) return stored;
      words_.resize(*dashes_);
      count = words_.size();
    }
    if (count < least) return usage(missing_operand(count), "is missing", see_help("see"));
    if (count > most)
      return usage("'" + shown(words_[most].substr(0, 64)) + "'", "is one operand too many", see_help("see"));
    if (takes_command() && scope_->command_required_ && scope_->command_->argv.empty())
      return usage("COMMAND", "is missing", see_help("see"));
    hand_out();
    return done();
  }

  // The first declared operands take their usual number, the last one takes the rest.
  void hand_out() {
    auto next = words_.begin();
    for (const auto& operand : scope_->operands_) {
      const auto left = static_cast<std::size_t>(words_.end() - next);
      const std::size_t share = &operand == &scope_->operands_.back() ? left : std::min(left, operand.most);
      const auto end = next + static_cast<std::ptrdiff_t>(share);
      operand.store({next, end});
      next = end;
    }
  }

  std::string missing_operand(std::size_t count) const {
    std::size_t seen = 0;
    for (const auto& operand : scope_->operands_) {
      seen += std::max<std::size_t>(operand.least, 1);
      if (count < seen) return operand.metavar;
    }
    return scope_->operands_.empty() ? "operand" : scope_->operands_.back().metavar;
  }

  Status store_command(std::vector<std::string> words) {
    Command& command = *scope_->command_;
    if (!words.empty() && is_shell_word(words.front())) {
      if (words.size() != 2)
        return usage(words.front(), words.size() < 2 ? "its command is missing" : "takes one argument",
                     "quote the command: " + words.front() + " 'TEXT'");
      const char* shell = std::getenv("SHELL");
      command.argv = {shell == nullptr || *shell == '\0' ? "/bin/sh" : shell, "-c", std::move(words[1])};
      command.shell = true;
      return done();
    }
    if (!words.empty() && words.front() == "--") words.erase(words.begin());
    if (!words.empty() && words.front().empty())
      return usage("COMMAND", "is empty", "give the program's name");
    command.argv = std::move(words);
    return done();
  }

  Options& tool_;
  Options* scope_;                         // the tool, then its verb
  std::vector<std::string> words_;         // operands and command
  std::optional<std::size_t> dashes_;      // how many words stood before `--`, where a command follows it
  std::vector<std::string> option_words_;  // options and their values, apart
  std::map<const Option*, std::string> as_given_;
  std::optional<std::pair<std::size_t, std::size_t>> operand_count_;
  bool mode_seen_ = false;
};

Result<Options::Request> Options::parse(const std::vector<std::string>& arguments) {
  Parser parser(*this);
  Result<Request> request = parser.parse(arguments);
  chosen_ = &parser.scope();
  return request;
}

Status Options::configure(std::string_view key, std::string_view value, const std::string& where) {
  std::string name = "--" + std::string(key);
  std::replace(name.begin(), name.end(), '_', '-');
  Option* option = key.find('-') == std::string_view::npos ? find(name) : nullptr;
  if (option == nullptr || option->kind_ == Kind::mode)
    return usage(where + ": " + shown(key), "unknown key",
                 "keys are the long options of " + tool_ + " with _ for -");
  if (option->source_ == Source::command_line || option->source_ == Source::environment) return done();
  const std::string origin = where + ": " + std::string(key);
  if (option->kind_ != Kind::flag) return take(*option, value, origin, Source::configured);
  if (value != "true" && value != "false")
    return usage(origin, "'" + shown(value) + "' is not known", "give true or false");
  return value == "true" ? take(*option, "", origin, Source::configured) : done();
}

}  // namespace coord::cli
