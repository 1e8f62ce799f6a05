// SPDX-License-Identifier: MIT
// The trace as a space-time diagram. A message leaves the event of its sender at the time when it was sent;
// where the trace says nothing of the sender at that time, it gets an event of its own.
#include <algorithm>
#include <tuple>

#include "base/format.hpp"
#include "catalogue/picture.hpp"

namespace coord::catalogue {

namespace {

using Kind = sim::TraceRecord::Kind;

struct Row {
  Instant time;
  NodeId node;
  const sim::TraceRecord* record = nullptr;  // nullptr: it sends something here, and no more is known
  std::size_t order = 0;
};

std::string milliseconds(Instant time) {
  return fmt::format("{:.1f}", static_cast<double>(time.time_since_epoch().count()) / 1e6);
}

bool is_shown(const sim::TraceRecord& record) {
  return record.node.value != 0 && !(record.kind == Kind::note && record.text == "starts");
}

}  // namespace

clock::Diagram space_time_of(const sim::Trace& trace, std::size_t nodes) {
  std::vector<Row> rows;
  std::set<std::pair<NodeId, Instant>> known;
  for (const auto& record : trace.records()) {
    if (!is_shown(record) || rows.size() >= most_drawn_events) continue;
    rows.push_back({record.time, record.node, &record, rows.size()});
    known.emplace(record.node, record.time);
  }
  const std::size_t told = rows.size();
  for (std::size_t i = 0; i < told; ++i) {
    const auto& record = *rows[i].record;
    if (record.kind == Kind::note || !known.emplace(record.from, record.sent).second) continue;
    rows.push_back({record.sent, record.from, nullptr, rows[i].order});
  }
  // What sends something comes before what others do at the same instant.
  std::ranges::stable_sort(
      rows, {}, [](const Row& row) { return std::tuple(row.time, row.record != nullptr, row.order); });

  clock::Diagram diagram;
  for (std::size_t i = 1; i <= nodes; ++i) diagram.lanes.push_back(std::to_string(i));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    clock::Diagram::Event event;
    event.lane = static_cast<std::size_t>(row.node.value - 1);
    event.name = milliseconds(row.time);
    if (row.record == nullptr) {
      event.text = "sends";
    } else {
      if (row.record->kind == Kind::lost) event.text = fmt::format("lost, from {}: ", row.record->from.value);
      event.text += row.record->text;
      if (row.record->kind != Kind::note) {
        clock::Diagram::Arrow arrow;
        arrow.name = std::to_string(row.record->from.value);
        // The last that its sender did at that instant: it may have done several things.
        for (std::size_t before = i; before-- > 0 && rows[before].time >= row.record->sent;) {
          if (rows[before].node != row.record->from || rows[before].time != row.record->sent) continue;
          arrow.from = before;
          break;
        }
        if (row.record->kind == Kind::received) event.arrows.push_back(std::move(arrow));
      }
    }
    event.detail = fmt::format("{} ms: {}", event.name, event.text);
    diagram.events.push_back(std::move(event));
  }
  return diagram;
}

}  // namespace coord::catalogue
