// SPDX-License-Identifier: MIT
// The options of a tool, declared once in man-page words: from this one table come parsing, --help, usage
// errors and (through the hidden --dump-options) the completions of three shells.
//
//   Settings s;
//   cli::Options o("ntpprobe", "measure clock offset against NTP servers");
//   o.synopsis("[options] SERVER[:PORT]...");
//   o.value("-n,--samples", "COUNT", s.samples, "requests for each server").between(1, 100);
//   o.value("-w,--timeout", "SECONDS", s.timeout, "wait this long for a reply").env("NTP_TIMEOUT");
//   o.flag("-4", s.ipv4_only, "IPv4 only").excludes("-6");
//   o.operands("SERVER", s.servers, 0, cli::any_number, "host or address");
//   o.example("ntpprobe pool.ntp.org", "one server");
//   o.does([&] { return probe(s); });
//   return cli::run(argc, argv, o, cli::read_by_app);     // run.hpp, cli_app/read_by_app.hpp
//
// Rules, the same in every tool: a tool that takes a command stops reading options at the first operand
// (POSIX order; a verb that takes one: after its operands), drops one `--` directly after it, and takes `-c
// TEXT` there as a shell command; other tools take options anywhere before `--`. The command line wins over
// the environment, which wins over configuration, which wins over the variable's first value. Values are
// written straight into the tool's variables, which must outlive the Options. Usage errors are
// ErrorKind::usage.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/exit_status.hpp"
#include "cli/values.hpp"

namespace coord::cli {

inline constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

// Who stores the values of a command line: options_read.hpp.
struct LineOptions;
using OptionReader = Status(const LineOptions&);
OptionReader read_by_table;

// What a shell may offer when the user asks to complete a value.
enum class Completion { nothing, file, directory, host, command, from_command };

// One option. The setters return the option itself, so that a declaration reads as one sentence.
class Option {
 public:
  Option& env(std::string variable);  // where the value comes from if the option is not given
  Option& env(std::string variable,
              std::string value_that_sets);  // a flag: set by this value, unset by an opposite (yes/no) or ""
  Option& between(std::int64_t least, std::int64_t most);        // integers, both ends included
  Option& between(Duration least, Duration most);                // seconds, both ends included
  Option& one_of(std::vector<std::string> choices);              // texts
  Option& excludes(std::string name);                            // may not be given together with that option
  Option& needs(std::string name);                               // makes sense only with that option
  Option& only_with(std::vector<std::string> names);             // makes sense only with one of those options
  Option& without_mode(std::vector<std::string> but_with = {});  // makes no sense with a mode, but with these
  Option& without_verb();  // of the tool itself: not with any of its verbs
  Option& operands(
      std::size_t least,
      std::size_t most);  // how many operands the tool takes with it, instead of its usual number
  Option& implied(std::string value);  // what it is without a value, which is given as --name=VALUE only
  Option& minor();                     // left to the man page where --help would not fit a screen
  Option& hidden();                    // neither in --help nor in completions
  Option& completes(Completion kind);
  Option& completes_from(std::string shell_command);  // one candidate a line, e.g. live lock names

  bool given() const {
    return source_ != Source::nowhere;
  }  // on the command line, in the environment or configured
  bool on_command_line() const { return source_ == Source::command_line; }
  bool in_environment() const { return source_ == Source::environment; }
  const std::string& name() const { return names_.back(); }  // the shown long name, or the only short one

  // Read by the parser, the help and the dump; not for tools.
  enum class Kind { flag, value, list, mode };
  enum class Source { nowhere, configured, environment, command_line };
  std::vector<std::string>
      names_;  // with their dashes: the short one and the shown long one, as far as there are any
  std::vector<std::string> aliases_;  // further long names
  std::string metavar_, help_, env_, env_value_, candidates_;
  std::optional<std::string> implied_;
  std::vector<std::string> choices_, excludes_, needs_, only_with_;
  std::optional<std::vector<std::string>> modes_;  // with which alone it makes sense; none: with all
  ValueBounds bounds_;
  std::function<Status(std::string_view)> take_;  // stores one value; a flag gets ""
  std::optional<std::pair<std::size_t, std::size_t>> operands_;
  Kind kind_ = Kind::flag;
  Completion completion_ = Completion::nothing;
  Source source_ = Source::nowhere;
  bool minor_ = false, hidden_ = false, without_verb_ = false;
};

// A command that a tool runs: `NAME [--] COMMAND [ARG...]` or `NAME -c 'TEXT'` ($SHELL, else /bin/sh).
struct Command {
  std::vector<std::string> argv;  // empty: none was given
  bool shell = false;
};

class Options {
 public:
  using Action = std::function<Result<Exit>()>;

  Options(std::string tool, std::string summary);
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  // `names`: "-w,--wait,--timeout": a short one, the long one that is shown, further long ones that work too.
  Option& flag(std::string_view names, bool& target, std::string help);
  Option& count(std::string_view names, int& target, std::string help);  // -v, -vv

  // T: std::string, any integer, Duration (seconds with fractions), double; or std::optional, std::vector
  // (repeatable) of these.
  template <class T>
  Option& value(std::string_view names, std::string metavar, T& target, std::string help) {
    const bool repeated = !std::is_same_v<T, typename Holder<T>::Element> && Holder<T>::repeats;
    Option& option =
        add(names, std::move(metavar), std::move(help), repeated ? Option::Kind::list : Option::Kind::value);
    option.take_ = [&option, &target](std::string_view text) -> Status {
      auto read = read_value<typename Holder<T>::Element>(text, option.bounds_);
      if (!read) return read.error();
      Holder<T>::store(target, std::move(*read));
      return done();
    };
    return option;
  }

  // One of several words, each a value of an enumeration.
  template <class Enum>
  Option& choice(std::string_view names, std::string metavar, Enum& target,
                 std::vector<std::pair<std::string, typename Holder<Enum>::Element>> words,
                 std::string help) {
    Option& option = add(names, std::move(metavar), std::move(help), Option::Kind::value);
    for (const auto& [word, value] : words) option.choices_.push_back(word);
    option.take_ = [&target, words = std::move(words)](std::string_view text) -> Status {
      for (const auto& [word, value] : words)
        if (word == text) Holder<Enum>::store(target, typename Holder<Enum>::Element(value));
      return done();  // words outside the list were refused before, by choices_
    };
    return option;
  }

  // A value with a grammar of its own: `take` stores it or answers with an Error whose
  // `what` and `remedy` are shown.
  Option& custom(std::string_view names, std::string metavar, std::function<Status(std::string_view)> take,
                 std::string help);

  // One of the things that the tool does instead of its main one: `target` becomes `value`. At most one mode
  // may be given; a mode takes no command, so its options may also follow its operands.
  template <class Enum>
  Option& mode(std::string_view names, Enum& target, Enum value, std::string help) {
    Option& option = add(names, "", std::move(help), Option::Kind::mode);
    option.take_ = [&target, value](std::string_view) -> Status {
      target = value;
      return done();
    };
    return option;
  }

  // Operands in their order; only the last declaration may take a varying number.
  Options& operand(std::string metavar, std::string& target, std::string help);
  Options& operands(std::string metavar, std::vector<std::string>& target, std::size_t least,
                    std::size_t most, std::string help);
  Options& operand_completes(Completion kind);  // of the last declared
  Options& operand_completes_from(std::string shell_command);
  // After the operands: a command to run. `required`: its absence is a usage error (modes never take one).
  Options& command(Command& target, bool required = true);
  // A command that may follow, after `--` and nowhere else: so options may stand after operands.
  Options& command_after_dashes(Command& target);

  Options& synopsis(std::string form, std::string meaning = "");  // without the tool's name; one line each
  Options& example(std::string line,
                   std::string meaning);  // --help shows the first few, the man page has more
  Options& manual_section(int section);   // where it is not 1
  Options& does(Action action);
  // Called when the command line is refused, with all stored that could be read of it: where a report is to
  // be written that says so.
  Options& refused(std::function<void()> told);

  // A verb of the tool with options, operands, examples and action of its own (`dclock merge ...`);
  // the tool's options work before and after the verb, but for those that say otherwise. A tool with
  // verbs and an action of its own may be called without a verb. `.synopsis()` of a verb is without
  // the tool's and the verb's name.
  Options& verb(std::string name, std::string summary);

  // For configuration files: gives the option called `key` (its long name with _ for -) a value unless the
  // command line or the environment did. `where` (file:line) begins the message; an unknown key is an error.
  Status configure(std::string_view key, std::string_view value, const std::string& where);

  // What a parsed command line asks for.
  enum class Request { act, help, version, dump };
  Result<Request> parse(const std::vector<std::string>& arguments,  // without argv[0]
                        OptionReader* reader = &read_by_table);
  const Options& chosen() const {
    return chosen_ == nullptr ? *this : *chosen_;
  }  // the verb, or the tool itself

  std::string help() const;  // at most 24 lines of 80 columns, closed by EXAMPLES
  std::string version() const;
  std::string dump() const;  // JSON lines
  const std::string& tool() const { return tool_; }
  std::string title() const { return verb_.empty() ? tool_ : tool_ + " " + verb_; }
  const Action& action() const { return action_; }
  void tell_refused() const {
    if (refused_) refused_();
  }

 private:
  friend class Parser;
  friend class TableReader;
  friend class AppReader;
  friend class HelpPage;
  friend class OptionDump;
  struct Operand {
    std::string metavar, help, candidates;
    std::size_t least = 1, most = 1;
    Completion completion = Completion::nothing;
    std::function<void(std::vector<std::string>)> store;
  };
  struct Line {
    std::string text, meaning;
  };

  Option& add(std::string_view names, std::string metavar, std::string help, Option::Kind kind);
  Option* find(std::string_view name);  // with its dashes; here, then in the tool that this is a verb of
  std::vector<std::string> long_names() const;  // that find() knows and people are told of
  std::vector<std::string> keys() const;        // that configure() knows

  std::string tool_, verb_, summary_;
  Options* parent_ = nullptr;
  const Options* chosen_ = nullptr;
  std::deque<Option> options_;
  std::vector<Operand> operands_;
  std::deque<Options> verbs_;
  std::vector<Line> synopses_, examples_;
  Command* command_ = nullptr;
  bool command_required_ = false, command_after_dashes_ = false;
  int section_ = 1;
  Action action_;
  std::function<void()> refused_;
};

}  // namespace coord::cli
