// SPDX-License-Identifier: MIT
#include "cli/names.hpp"

#include <algorithm>
#include <iterator>

#include "base/format.hpp"
#include "base/utf8.hpp"

namespace coord::cli {
namespace {

Error bad_name(std::string_view name, std::string what, std::string remedy) {
  std::string object = "name";
  if (!name.empty())
    object += fmt::format(" '{}{}'", shown(name.substr(0, 64)), name.size() > 64 ? "..." : "");
  return Error{ErrorKind::usage, std::move(object), std::move(what), std::move(remedy)};
}

void append_hex(std::string& out, std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += {'\\', 'x', digits[byte >> 4U], digits[byte & 0xFU]};
  }
}

}  // namespace

std::string shown(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    if (character == "\\") {
      out += "\\\\";
    } else if (character == "\n") {
      out += "\\n";
    } else if (character == "\t") {
      out += "\\t";
    } else if (length == 0 || is_layout_control(code_point(character))) {
      append_hex(out, character);
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out;
}

Status check_name(std::string_view name) {
  if (name.empty()) return bad_name(name, "is empty", "give 1 to 255 bytes");
  if (name.size() > longest_name) return bad_name(name, "is longer than 255 bytes", "use a shorter name");
  if (name.find('\0') != std::string_view::npos)
    return bad_name(name, "contains a NUL byte", "use a name without it");
  if (name.front() == '-')
    return bad_name(name, "begins with '-'", "options come before the name; rename it otherwise");
  return done();
}

Result<std::vector<std::string>> parse_names(std::string_view list, std::size_t most) {
  std::vector<std::string> names{""};
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '\\' && i + 1 < list.size() && list[i + 1] == ',') {
      names.back() += list[++i];
    } else if (list[i] == ',') {
      names.emplace_back();
    } else {
      names.back() += list[i];
    }
    if (names.size() > most)
      return bad_name({}, fmt::format("more than {} names in one list", most), "ask for fewer at once");
  }
  std::vector<std::string> unique;
  for (std::string& name : names) {
    if (name.empty() && names.size() > 1)
      return bad_name(list, "has an empty element", "write a comma inside a name as \\,");
    if (Status good = check_name(name); !good) return good.error();
    if (std::find(unique.begin(), unique.end(), name) == unique.end()) unique.push_back(std::move(name));
  }
  return unique;
}

Result<std::string> parse_name(std::string_view text) {
  auto names = parse_names(text);
  if (!names) return names.error();
  if (names->size() > 1) return bad_name(text, "is more than one name", "write a comma inside a name as \\,");
  return std::move(names->front());
}

Result<std::vector<std::string>> parse_lists(const std::vector<std::string>& lists) {
  std::vector<std::string> all;
  for (const std::string& list : lists) {
    auto names = parse_names(list);
    if (!names) return names.error();
    std::move(names->begin(), names->end(), std::back_inserter(all));
  }
  return all;
}

std::string join_names(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    if (&name != &names.front()) list += ',';
    for (const char c : name) {
      if (c == ',') list += '\\';
      list += c;
    }
  }
  return list;
}

std::string shown_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + shown(name);
  return text;
}

}  // namespace coord::cli
