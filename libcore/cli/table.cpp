// SPDX-License-Identifier: MIT
#include "cli/table.hpp"

#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "base/format.hpp"
#include "cli/names.hpp"

namespace coord::cli {
namespace {

constexpr std::size_t gap = 2;           // spaces between columns
constexpr std::size_t least_shrunk = 8;  // columns that a clipped cell keeps

}  // namespace

void Table::row(const std::vector<std::string>& cells, Tone tone) {
  Row row{{}, tone};
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string cell = i < cells.size() ? cells[i] : std::string();
    row.cells.push_back(columns_[i].is_shown ? cell : shown(cell));
  }
  rows_.push_back(std::move(row));
}

Table Table::with(const std::string& title, std::string_view cell) && {
  const auto shrinks = std::find_if(columns_.rbegin(), columns_.rend(),
                                    [](const Column& column) { return column.may_shrink; });
  const auto place = shrinks == columns_.rend() ? static_cast<std::ptrdiff_t>(columns_.size())
                                                : columns_.rend() - shrinks - 1;
  columns_.insert(columns_.begin() + place, {title});
  for (Row& row : rows_) row.cells.insert(row.cells.begin() + place, shown(cell));
  return std::move(*this);
}

std::vector<std::size_t> Table::widths(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(display_width(column.title));
  for (const Row& row : rows_)
    for (std::size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], display_width(row.cells[i]));
  std::size_t total =
      std::accumulate(widths.begin(), widths.end(), gap * (widths.empty() ? 0 : widths.size() - 1));
  for (std::size_t i = 0; i < widths.size() && total > width; ++i) {
    if (!columns_[i].may_shrink) continue;
    const std::size_t cut = std::min(total - width, widths[i] - std::min(widths[i], least_shrunk));
    widths[i] -= cut;
    total -= cut;
  }
  return widths;
}

std::string Table::text(std::size_t width, bool color) const {
  const std::vector<std::size_t> columns = widths(width);
  std::string out;
  const auto line = [&](const auto& cell_at, Tone tone) {
    std::string text;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string cell = shortened(cell_at(i), columns[i]);
      const std::size_t space = columns[i] - std::min(columns[i], display_width(cell));
      const bool right = columns_[i].align == Align::right;
      text += fmt::format("{:{}}{:{}}{}{:{}}", "", i != 0 ? gap : 0, "", right ? space : 0, cell, "",
                          right ? 0 : space);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += fmt::format("{}\n", toned(shortened(text, width), tone, color));
  };
  line([&](std::size_t i) { return columns_[i].title; }, Tone::strong);
  for (const Row& row : rows_) line([&](std::size_t i) { return row.cells[i]; }, row.tone);
  return out;
}

std::string for_stdout(const Table& table) {
  return table.text(is_terminal(STDOUT_FILENO) ? terminal_width(STDOUT_FILENO) : Table::any_width,
                    wants_color(STDOUT_FILENO));
}

}  // namespace coord::cli
