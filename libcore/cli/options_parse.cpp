// SPDX-License-Identifier: MIT
// Parsing in three steps: where do the options end, what do they say, do they go together.
//
// The first step walks the arguments with getopt's rules, so that operands are seen by nothing else (`-q` in
// `dlock x ls -q` is ls's), and writes the options apart (`--name`, `value`), so that an empty value stays
// one. The second is a reader's: options_read.hpp.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/nearest.hpp"
#include "cli/options_read.hpp"

namespace coord::cli {
namespace {

using Kind = Option::Kind;

// Directly after the operands: flock's two names of it.
bool is_shell_word(std::string_view word) {
  return word == "-c" || word == "--command";
}

// The word at `place` of "NAME VALUE", or the last one.
std::string word_of(const std::string& words, std::size_t place) {
  std::size_t begin = 0;
  for (std::size_t end = 0; place > 0 && (end = words.find(' ', begin)) != std::string::npos; --place)
    begin = end + 1;
  return words.substr(begin, words.find(' ', begin) - begin);
}

// What other programs call it: the verb of this one that means the same.
std::optional<std::string> same_as(std::string_view word, const std::vector<std::string>& verbs) {
  using Words = std::array<std::string_view, 5>;
  static constexpr std::array<Words, 4> meanings{{{"list", "keys", "ls", "dir", "show"},
                                                  {"rm", "remove", "del", "delete", "unset"},
                                                  {"put", "set", "write", "store", "add"},
                                                  {"get", "read", "cat", "fetch", "show"}}};
  for (const Words& words : meanings) {
    if (std::ranges::find(words, word) == words.end()) continue;
    const auto verb = std::ranges::find_if(
        verbs, [&](const auto& one) { return std::ranges::find(words, one) != words.end(); });
    if (verb != verbs.end()) return *verb;
  }
  return std::nullopt;
}

}  // namespace

class Parser {
 public:
  Parser(Options& tool, OptionReader* read) : tool_(tool), scope_(&tool), read_(read) {}

  Result<Options::Request> parse(const std::vector<std::string>& arguments) {
    Result<Options::Request> request = split(arguments);
    if (!request) read_what_can_be();
    if (!request || *request != Options::Request::act) return request;
    for (const auto& step : {&Parser::read_options, &Parser::check_combinations, &Parser::store_operands})
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
      if (words_.empty()) return usage_error("", "nothing to do", see_help("give one of the commands of"));
      return no_such_verb(words_.front());
    }
    return Options::Request::act;
  }

  // Nothing by that name goes here: it may go with a verb, or without this one.
  Error unknown(const std::string& name) {
    std::vector<std::string> with;
    for (Options& verb : scope_->verbs_)
      if (verb.find(name) != nullptr) with.push_back(verb.verb_);
    if (with.size() == 1)
      return usage_error(shown(name), fmt::format("is for `{} {}`", tool_.tool_, with.front()),
                         fmt::format("give {} before it", with.front()));
    if (!with.empty())
      return usage_error(shown(name), "is for commands", see_help("give one before it; see"));
    if (scope_ != &tool_ && tool_.find(name) != nullptr)
      return usage_error(shown(name), fmt::format("is for `{}` without a command", tool_.tool_),
                         fmt::format("leave out {}", scope_->verb_));
    if (!name.starts_with("--")) return usage_error(shown(name), "unknown option", see_help("see"));
    return usage_error(shown(name), "unknown option",
                       did_you_mean(name, scope_->long_names(), see_help("see")));
  }

  // Both answer whether the next argument was used as the value.
  Result<bool> long_option(const std::string& word, const std::string* next) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    Option* option = scope_->find(name);
    if (option == nullptr) return unknown(name);
    note(*option, name);
    if (!takes_value(*option)) {
      given_.push_back({option, name, ""});
      if (equals == std::string::npos) return false;
      return usage_error(name, "takes no value", "leave out the part from = on");
    }
    if (equals == std::string::npos && !option->implied_) return value_follows(*option, name, next);
    given_.push_back(
        {option, name, equals == std::string::npos ? *option->implied_ : word.substr(equals + 1)});
    return false;
  }

  Result<bool> short_options(const std::string& word, const std::string* next) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const std::string name{'-', word[i]};
      Option* option = scope_->find(name);
      if (option == nullptr) return unknown(name);
      note(*option, name);
      if (takes_value(*option) && i + 1 == word.size()) return value_follows(*option, name, next);
      given_.push_back({option, name, takes_value(*option) ? word.substr(i + 1) : ""});
      if (takes_value(*option)) break;
    }
    return false;
  }

  Result<bool> value_follows(Option& option, const std::string& name, const std::string* next) {
    if (next == nullptr)
      return usage_error(name, "its value is missing",
                         fmt::format("give it as {} {}", name, option.metavar_));
    given_.push_back({&option, name, *next});
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
    return no_such_verb(word);
  }

  Error no_such_verb(const std::string& word) const {
    std::vector<std::string> verbs;
    for (const Options& verb : scope_->verbs_) verbs.push_back(verb.verb_);
    const auto meant = same_as(word, verbs);
    return usage_error(
        fmt::format("'{}'", shown(std::string_view(word).substr(0, 64))),
        fmt::format("is not a command of {}", tool_.tool_),
        meant ? fmt::format("did you mean {}?", *meant) : did_you_mean(word, verbs, see_help("see")));
  }

  // What came before the verb; an option of both is the verb's.
  Status all_go_with_verb(Options& tool) {
    for (GivenOption& given : given_) {
      Option* const option = scope_->find(given.name);
      if (option == nullptr) {
        scope_ = &tool;
        return usage_error(given.name, "does not go with one of the commands", see_help("see"));
      }
      given.option = option;
      as_given_[option] = given.name;
    }
    return done();
  }

  std::string see_help(const std::string& verb) const {
    return fmt::format("{} {} --help", verb, scope_->title());
  }

  // ---- what they say

  Status read_options() { return read_({tool_, *scope_, given_}); }

  // Of a command line that is refused: the options before what is wrong with it, and those after it if only
  // their values or their company are wrong. Who refuses may have to know where to report to.
  void read_what_can_be() {
    for (const GivenOption& given : given_)
      (void)store_value(*given.option, given.value, given.name, Option::Source::command_line);
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
          return usage_error(given_name(option), fmt::format("cannot be combined with {}", given_name(*mode)),
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
        return usage_error(given_name(option), fmt::format("cannot be combined with {}", given_name(mode)),
                           "give one of them");
    }
    return done();
  }

  Status check_option(const Option& option) {
    for (const std::string& name : option.excludes_) {
      const Option* other = scope_->find(name);
      if (other != nullptr && other->on_command_line())
        return usage_error(given_name(option), fmt::format("cannot be combined with {}", given_name(*other)),
                           "give one of them");
    }
    for (const std::string& name : option.needs_) {
      const Option* other = scope_->find(name);
      if (other == nullptr || !other->given())
        return usage_error(given_name(option), fmt::format("needs {}", name), "give both");
    }
    const auto is_given = [this](const std::string& name) {
      const Option* other = scope_->find(name);
      return other != nullptr && other->given();
    };
    if (!option.only_with_.empty() &&
        std::none_of(option.only_with_.begin(), option.only_with_.end(), is_given))
      return usage_error(given_name(option), fmt::format("works only with {}", any_of(option.only_with_)),
                         "leave it out");
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
    if (count < least) return usage_error(missing_operand(count), "is missing", see_help("see"));
    if (count > most)
      return usage_error(fmt::format("'{}'", shown(words_[most].substr(0, 64))), "is one operand too many",
                         see_help("see"));
    if (takes_command() && scope_->command_required_ && scope_->command_->argv.empty())
      return usage_error("COMMAND", "is missing", see_help("see"));
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

  // Operands that are declared together ("NAME VALUE") have a word each.
  std::string missing_operand(std::size_t count) const {
    std::size_t seen = 0;
    for (const auto& operand : scope_->operands_) {
      const std::size_t before = seen;
      seen += std::max<std::size_t>(operand.least, 1);
      if (count < seen) return word_of(operand.metavar, count - before);
    }
    return scope_->operands_.empty() ? "operand" : scope_->operands_.back().metavar;
  }

  Status store_command(std::vector<std::string> words) {
    Command& command = *scope_->command_;
    if (!words.empty() && is_shell_word(words.front())) {
      if (words.size() != 2)
        return usage_error(words.front(), words.size() < 2 ? "its command is missing" : "takes one argument",
                           fmt::format("quote the command: {} 'TEXT'", words.front()));
      const char* shell = std::getenv("SHELL");
      command.argv = {shell == nullptr || *shell == '\0' ? "/bin/sh" : shell, "-c", std::move(words[1])};
      command.shell = true;
      return done();
    }
    if (!words.empty() && words.front() == "--") words.erase(words.begin());
    if (!words.empty() && words.front().empty())
      return usage_error("COMMAND", "is empty", "give the program's name");
    command.argv = std::move(words);
    return done();
  }

  Options& tool_;
  Options* scope_;  // the tool, then its verb
  OptionReader* read_;
  std::vector<std::string> words_;     // operands and command
  std::optional<std::size_t> dashes_;  // how many words stood before `--`, where a command follows it
  std::vector<GivenOption> given_;     // options and their values, apart
  std::map<const Option*, std::string> as_given_;
  std::optional<std::pair<std::size_t, std::size_t>> operand_count_;
  bool mode_seen_ = false;
};

Result<Options::Request> Options::parse(const std::vector<std::string>& arguments, OptionReader* reader) {
  Parser parser(*this, reader);
  Result<Request> request = parser.parse(arguments);
  chosen_ = &parser.scope();
  return request;
}

}  // namespace coord::cli
