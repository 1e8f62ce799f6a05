// SPDX-License-Identifier: MIT
#include "sim/trace.hpp"

#include <utility>

#include "base/format.hpp"

namespace coord::sim {

void Trace::add(TraceRecord record) {
  if (records_.size() == limit_) {
    records_.pop_front();
    ++forgotten_;
  }
  records_.push_back(std::move(record));
}

std::string Trace::line(const TraceRecord& record) const {
  const auto units = record.time.time_since_epoch() / unit_;
  switch (record.kind) {
    case TraceRecord::Kind::received:
      return fmt::format("[{:5}] {} > {} {}", units, record.from.value, record.node.value, record.text);
    case TraceRecord::Kind::lost:
      return fmt::format("[{:5}] {} x {} {}", units, record.from.value, record.node.value, record.text);
    case TraceRecord::Kind::note:
      return fmt::format("[{:5}] {} - {}", units, record.node.value, record.text);
    case TraceRecord::Kind::world:
      break;
  }
  return fmt::format("[{:5}] * {}", units, record.text);
}

std::string Trace::text() const {
  std::string all;
  if (forgotten_ > 0) all = fmt::format("({} earlier lines are not kept)\n", forgotten_);
  for (const TraceRecord& record : records_) all += fmt::format("{}\n", line(record));
  return all;
}

}  // namespace coord::sim
