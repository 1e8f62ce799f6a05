// SPDX-License-Identifier: MIT
#include "clock/log_discard.hpp"

#include "base/format.hpp"

namespace coord::clock {

Status DiscardFinder::add(const LogLine& line) {
  if (is_scalar(line.clock.kind)) {
    return Error{
        ErrorKind::data, "",
        fmt::format("a {} clock does not tell the knowledge of each host", to_string(line.clock.kind)),
        "stamp with --kind matrix"};
  }
  if (!kind_) kind_ = line.clock.kind;
  if (*kind_ != line.clock.kind)
    return Error{ErrorKind::data, "", "matrix and vector clocks are mixed", "give logs of one kind"};
  Last& last = last_[line.host];
  if (line.own <= last.own) return done();
  last.own = line.own;
  if (line.clock.kind == ClockKind::matrix) {
    last.cells = line.clock.cells;
  } else {
    last.cells.clear();
    for (const auto& entry : line.clock.entries) last.cells.push_back({line.host, entry.host, entry.count});
  }
  return done();
}

MatrixClock DiscardFinder::matrix_of(const std::vector<MatrixCell>& cells) const {
  std::map<std::string, VectorClock::Counts, std::less<>> rows;
  for (const auto& cell : cells) rows[hosts_.name(cell.knower)][hosts_.name(cell.host)] = cell.count;
  MatrixClock::Rows matrix;
  for (auto& [knower, counts] : rows) matrix.emplace(knower, VectorClock(std::move(counts)));
  return MatrixClock(std::move(matrix));
}

std::vector<Discardable> DiscardFinder::find(std::vector<std::string> group) const {
  std::map<std::string, MatrixClock> views;  // by holder
  MatrixClock all;
  for (const auto& [host, last] : last_) {
    const MatrixClock view = matrix_of(last.cells);
    all.join(view);
    if (kind_ == ClockKind::matrix) views[hosts_.name(host)] = view;
  }
  if (kind_ != ClockKind::matrix) views[""] = all;
  if (group.empty()) group = all.hosts();
  std::vector<Discardable> found;
  for (const auto& [holder, view] : views) {
    for (const std::string& origin : all.hosts())
      found.push_back({holder, origin, view.discardable(origin, group)});
  }
  return found;
}

}  // namespace coord::clock
