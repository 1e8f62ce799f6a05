// SPDX-License-Identifier: MIT
// What is on the other side of a descriptor: a terminal or a pipe, how wide, in colour or not; and progress
// that only a person sees. Threading: one thread.
#pragma once

#include <string>
#include <string_view>

namespace coord::cli {

bool is_terminal(int fd);
// Columns of the terminal behind fd; of COLUMNS, else 80, where it is none. Between 20 and 1000.
std::size_t terminal_width(int fd);
// Rows of the terminal behind fd; 24 where it is none or does not say.
std::size_t terminal_height(int fd);
// Does the user's locale (LC_ALL, else LC_CTYPE, else LANG) have more than ASCII to draw with?
bool has_unicode();
// Colour is for terminals that have it and users that did not set NO_COLOR (no-color.org).
bool wants_color(int fd);
// Columns that printable text takes on a terminal: wide characters count two, combining ones none.
std::size_t display_width(std::string_view text);
// The longest beginning of text that takes at most `columns`.
std::string_view clipped(std::string_view text, std::size_t columns);
// text, or as much of it as fits `columns` with an ellipsis.
std::string shortened(std::string_view text, std::size_t columns);

enum class Tone { plain, good, warning, bad, faint, strong };
// text in its tone, or text itself where `color` is false.
std::string toned(std::string_view text, Tone tone, bool color);

// One line on a terminal's stderr, overwritten at every update and gone at the end; nothing at all elsewhere.
class Progress {
 public:
  explicit Progress(bool enabled = true);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }
  void show(std::string_view text);  // one line of printable text (see shown() in names.hpp)
  void clear();
  bool active() const { return active_; }

 private:
  bool active_;
  bool drawn_ = false;
};

}  // namespace coord::cli
