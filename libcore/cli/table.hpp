// SPDX-License-Identifier: MIT
// Aligned text for people: columns as wide as their widest cell, cells shown escaped,
// trailing space never written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/terminal.hpp"

namespace coord::cli {

class Table {
 public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
    bool may_shrink = false;  // is clipped first (with ...) where the table is wider than the terminal
    bool is_shown = false;    // its cells come escaped already
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Cells beyond the columns are dropped, missing ones are empty. Cells are shown() here: give them as they
  // are, except in a column that says otherwise.
  void row(const std::vector<std::string>& cells, Tone tone = Tone::plain);
  bool empty() const { return rows_.empty(); }
  // A column that says the same in every row: before the last one that holds long text, or at the end.
  Table with(const std::string& title, std::string_view cell) &&;

  // With a title line. `width` is the terminal's (any_width: never clip, for pipes and files).
  std::string text(std::size_t width = any_width, bool color = false) const;
  static constexpr std::size_t any_width = static_cast<std::size_t>(-1);

 private:
  struct Row {
    std::vector<std::string> cells;
    Tone tone;
  };
  std::vector<std::size_t> widths(std::size_t width) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

// The table as it is right for stdout: the terminal's width and colours there, unclipped elsewhere.
std::string for_stdout(const Table& table);

}  // namespace coord::cli
