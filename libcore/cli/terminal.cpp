// SPDX-License-Identifier: MIT
#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <algorithm>
#include <charconv>
#include <clocale>
#include <cstdlib>
#include <cstring>

#include "base/format.hpp"
#include "base/utf8.hpp"
#include "cli/names.hpp"

namespace coord::cli {
namespace {

// Writes what can be written; a terminal that went away is no error of ours.
void put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Columns of the UTF-8 character of `length` bytes that text begins with, by the C library's Unicode tables.
std::size_t character_width(std::string_view text, std::size_t length) {
  if (length <= 1) return 1;
  static const locale_t unicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (unicode == nullptr) return 1;
  const locale_t before = ::uselocale(unicode);
  wchar_t wide = 0;
  std::mbstate_t state{};
  int width = 1;
  if (std::mbrtowc(&wide, text.data(), length, &state) == length) width = ::wcwidth(wide);
  ::uselocale(before);
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

}  // namespace

bool has_unicode() {
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    return ::strcasestr(value, "utf-8") != nullptr || ::strcasestr(value, "utf8") != nullptr;
  }
  return false;
}

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

std::size_t terminal_width(int fd) {
  winsize size{};
  std::size_t columns = 80;
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
    columns = size.ws_col;
  } else if (const char* text = std::getenv("COLUMNS"); text != nullptr) {
    std::size_t value = 0;
    const char* end = text + std::strlen(text);
    if (const auto read = std::from_chars(text, end, value);
        read.ec == std::errc{} && read.ptr == end && value != 0)
      columns = value;
  }
  return std::clamp<std::size_t>(columns, 20, 1000);
}

std::size_t terminal_height(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row != 0 ? size.ws_row : 24;
}

bool wants_color(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool capable = term != nullptr && *term != '\0' && std::strcmp(term, "dumb") != 0;
  return is_terminal(fd) && capable && (no_color == nullptr || *no_color == '\0');
}

std::string_view clipped(std::string_view text, std::size_t columns) {
  std::size_t end = 0, used = 0;
  while (end < text.size()) {
    const std::size_t length = std::max<std::size_t>(utf8_length(text.substr(end)), 1);
    const std::size_t width = character_width(text.substr(end), length);
    if (used + width > columns) break;
    used += width;
    end += length;
  }
  return text.substr(0, end);
}

std::string shortened(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  return columns <= 3 ? std::string(clipped(text, columns))
                      : fmt::format("{}...", clipped(text, columns - 3));
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
    columns += character_width(text, length);
    text.remove_prefix(length);
  }
  return columns;
}

std::string toned(std::string_view text, Tone tone, bool color) {
  if (!color || tone == Tone::plain) return std::string(text);
  const char* code = "1";
  switch (tone) {
    case Tone::good:
      code = "32";
      break;
    case Tone::warning:
      code = "33";
      break;
    case Tone::bad:
      code = "31";
      break;
    case Tone::faint:
      code = "2";
      break;
    case Tone::strong:
    case Tone::plain:
      break;
  }
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

Progress::Progress(bool enabled) : active_(enabled && is_terminal(STDERR_FILENO)) {}

void Progress::show(std::string_view text) {
  if (!active_) return;
  put(fmt::format("\r{}\033[K", clipped(text, terminal_width(STDERR_FILENO) - 1)));
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) put("\r\033[K");
  drawn_ = false;
}

}  // namespace coord::cli
