// SPDX-License-Identifier: MIT
#include "dpeers/wrap.hpp"

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/terminal.hpp"

namespace coord::dpeers {

namespace {

constexpr std::size_t indent = 8;

// `text` behind `first`, further lines behind as much space.
std::string lines_of(const std::string& first, const std::string& text, std::size_t columns) {
  std::string out = first;
  std::size_t at = cli::display_width(first);
  const std::size_t margin = at;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    const std::size_t width = cli::display_width(word);
    const bool at_margin = at == margin;
    if (!at_margin && at + 1 + width > columns) {
      out += fmt::format("\n{}", std::string(margin, ' '));
      at = margin;
    } else if (!at_margin) {
      out += ' ';
      ++at;
    }
    out += word;
    at += width;
    begin = end + 1;
  }
  return fmt::format("{}\n", out);
}

}  // namespace

std::string wrapped(const std::string& status, const Finding& finding, std::size_t columns) {
  const std::string space(indent - std::min(indent, status.size()), ' ');
  std::string text = lines_of(
      status + space,
      fmt::format("{} {}: {}", finding.check, cli::shown(finding.object), cli::shown(finding.what)), columns);
  if (!finding.remedy.empty())
    text += lines_of(fmt::format("{}-> ", std::string(indent, ' ')), cli::shown(finding.remedy), columns);
  return text;
}

}  // namespace coord::dpeers
