// SPDX-License-Identifier: MIT
#include "sim/trace.hpp"

#include <cstdio>
#include <utility>

namespace coord::sim {

void Trace::add(TraceRecord record) {
  if (records_.size() == limit_) {
    records_.pop_front();
    ++forgotten_;
  }
  records_.push_back(std::move(record));
}

std::string Trace::line(const TraceRecord& record) const {
  char time[32];
  const auto units = static_cast<long long>(record.time.time_since_epoch() / unit_);
  std::snprintf(time, sizeof time, "[%5lld] ", units);
  std::string line = time;
  switch (record.kind) {
    case TraceRecord::Kind::received:
    case TraceRecord::Kind::lost:
      line += std::to_string(record.from.value);
      line += record.kind == TraceRecord::Kind::lost ? " x " : " > ";
      line += std::to_string(record.node.value);
      break;
    case TraceRecord::Kind::note:
      line += std::to_string(record.node.value) + " -";
      break;
    case TraceRecord::Kind::world:
      line += "*";
      break;
  }
  return line + " " + record.text;
}

std::string Trace::text() const {
  std::string all;
  if (forgotten_ > 0) all = "(" + std::to_string(forgotten_) + " earlier lines are not kept)\n";
  for (const TraceRecord& record : records_) all += line(record) + "\n";
  return all;
}

}  // namespace coord::sim
