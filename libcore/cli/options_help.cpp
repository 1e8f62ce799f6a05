// SPDX-License-Identifier: MIT
// --help: usage, what the tool is, its options, EXAMPLES last, all within a screen of 24 lines and 80
// columns. Where the options are too many, the minor ones and then the last declared ones shrink to their
// names in a paragraph that points to the manual.
#include <algorithm>
#include <string_view>

#include "base/format.hpp"
#include "cli/options.hpp"
#include "cli/terminal.hpp"

namespace coord::cli {

class HelpPage {
 public:
  explicit HelpPage(const Options& options) : o_(options) {}

  std::string text() const {
    const std::vector<std::string> head = usage(), tail = examples();
    std::vector<const Option*> full = listed(false), brief;
    const std::vector<const Option*> minor = listed(true);
    full.insert(full.end(), minor.begin(), minor.end());
    const std::vector<std::string> note = units();
    const std::size_t room = lines - std::min(lines, head.size() + note.size() + tail.size() + 1);
    while (!full.empty() && table(full).size() + paragraph(brief).size() > room) {
      brief.insert(brief.begin(), full.back());
      full.pop_back();
    }
    std::string out;
    for (const auto* part : {&head}) append(out, *part);
    append(out, table(full));
    append(out, paragraph(brief));
    append(out, note);
    append(out, tail);
    return out;
  }

 private:
  static constexpr std::size_t lines = 24, columns = 80, indent = 2;

  static void add(std::vector<std::string>& out, const std::vector<std::string>& part) {
    out.insert(out.end(), part.begin(), part.end());
  }

  static void append(std::string& out, const std::vector<std::string>& part) {
    for (const std::string& line : part) out += fmt::format("{}\n", line);
  }

  static std::vector<std::string> wrapped(const std::string& first, const std::vector<std::string>& words) {
    std::vector<std::string> out{first};
    for (const std::string& word : words) {
      if (out.back().size() + 1 + word.size() > columns) out.emplace_back(indent, ' ');
      if (out.back().find_first_not_of(' ') != std::string::npos) out.back() += ' ';
      out.back() += word;
    }
    return out;
  }

  std::vector<std::string> usage() const {
    std::vector<std::string> out;
    const std::string title = o_.title();
    for (const auto& [form, meaning] : o_.synopses_) {
      std::vector<std::string> text =
          entry((out.empty() ? "usage: " : "       ") + title, form, title.size() + 8);
      if (!meaning.empty() && text.back().size() + 2 + meaning.size() <= columns)
        text.back() += fmt::format("  {}", meaning);
      add(out, text);
    }
    if (out.empty())
      out.push_back(
          fmt::format("usage: {}{}", title, o_.verbs_.empty() ? " [options]" : " [options] COMMAND ..."));
    add(out, entry(fmt::format("{}:", title), o_.summary_, title.size() + 2));
    for (const Options& verb : o_.verbs_) add(out, entry(fmt::format("  {}", verb.verb_), verb.summary_, 14));
    return out;
  }

  // Options of the verb first, then the tool's; those of `minor` weight or the others.
  std::vector<const Option*> listed(bool minor) const {
    std::vector<const Option*> out;
    for (const Options* table = &o_; table != nullptr; table = table->parent_) {
      for (const Option& option : table->options_)
        if (!option.hidden_ && (table == &o_ || !option.without_verb_) &&
            (option.minor_ || table != &o_) == minor)
          out.push_back(&option);
    }
    return out;
  }

  // How durations are given, where there are any.
  std::vector<std::string> units() const {
    const auto takes_seconds = [](const Option* option) { return option->metavar_.ends_with("SECONDS"); };
    if (std::ranges::none_of(listed(false), takes_seconds) &&
        std::ranges::none_of(listed(true), takes_seconds))
      return {};
    return {"SECONDS: 2 or 0.25, or with a unit: 250ms, 10s, 5m, 1h, 2d"};
  }

  static std::string form(const Option& option, bool brief) {
    std::string text = option.name();
    if (!brief && option.names_.size() > 1) text = fmt::format("{}, {}", option.names_.front(), text);
    if (!brief && option.names_.size() == 1 && text.starts_with("--")) text = fmt::format("    {}", text);
    if (option.implied_) return fmt::format("{}[={}]", text, option.metavar_);
    if (!option.metavar_.empty()) text += fmt::format(" {}", option.metavar_);
    return text;
  }

  // `left`, and `right` beside it from `column` on, over as many lines as it takes.
  static std::vector<std::string> entry(const std::string& left, std::string_view right, std::size_t column) {
    std::vector<std::string> out{left};
    const std::size_t begin = std::max(column, left.size() + 1);
    while (!right.empty()) {
      const std::size_t width = columns - (out.size() == 1 ? begin : column);
      std::size_t cut = right.size();
      if (display_width(right) > width) {
        const std::string_view fits = clipped(right, width + 1);
        cut = fits.rfind(' ');
        if (cut == std::string_view::npos || cut == 0) cut = clipped(right, width).size();
      }
      out.back().append((out.size() == 1 ? begin : column) - out.back().size(), ' ');
      out.back() += right.substr(0, cut);
      right.remove_prefix(std::min(right.size(), cut));
      while (right.starts_with(' ')) right.remove_prefix(1);
      if (!right.empty()) out.emplace_back();
    }
    return out;
  }

  std::vector<std::string> table(const std::vector<const Option*>& options) const {
    std::size_t widest = 0;
    for (const Option* option : options) widest = std::max(widest, form(*option, false).size());
    const std::size_t column = indent + std::min<std::size_t>(widest, 30) + 2;
    std::vector<std::string> out;
    for (const Option* option : options)
      add(out, entry(fmt::format("  {}", form(*option, false)), option->help_, column));
    return out;
  }

  std::vector<std::string> paragraph(const std::vector<const Option*>& options) const {
    if (options.empty()) return {};
    std::vector<std::string> words;
    std::string word;
    for (const Option* option : options) words.push_back(fmt::format("{},", form(*option, true)));
    words.insert(words.end(), {"see", fmt::format("{}({})", o_.tool_, o_.section_)});
    return wrapped("also:", words);
  }

  std::vector<std::string> examples() const {
    std::vector<std::string> out{"EXAMPLES"};
    std::size_t widest = 0;
    const std::size_t count = std::min<std::size_t>(o_.examples_.size(), 4);
    for (std::size_t i = 0; i < count; ++i) widest = std::max(widest, o_.examples_[i].text.size());
    for (std::size_t i = 0; i < count; ++i) {
      const auto& [line, meaning] = o_.examples_[i];
      const bool fits = indent + widest + 2 + meaning.size() <= columns;
      add(out, entry(fmt::format("  {}", line), fits ? meaning : "", indent + widest + 2));
    }
    return out;
  }

  const Options& o_;
};

std::string Options::help() const {
  return HelpPage(*this).text();
}

}  // namespace coord::cli
