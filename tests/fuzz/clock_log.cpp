// SPDX-License-Identifier: MIT
// Whatever a log or a token says, reading, checking, merging and drawing it ends in a value or an error; and
// what is a stamp reads back as the same stamp.
#include <cstring>
#include <vector>

#include "base/check.hpp"
#include "clock/diagram.hpp"
#include "clock/log_cut.hpp"
#include "clock/log_discard.hpp"
#include "clock/log_merge.hpp"
#include "clock/log_order.hpp"
#include "clock/log_skew.hpp"
#include "clock/log_validate.hpp"
#include "clock/stamp.hpp"

using namespace coord;
using namespace coord::clock;

namespace {

class Piece : public ByteSource {
 public:
  explicit Piece(std::string_view text) : text_(text), rest_(text) {}
  Result<std::size_t> read(char* out, std::size_t size) override {
    const std::size_t count = std::min(size, rest_.size());
    if (count > 0) std::memcpy(out, rest_.data(), count);
    rest_.remove_prefix(count);
    return count;
  }
  std::unique_ptr<ByteSource> again() override { return std::make_unique<Piece>(text_); }

 private:
  std::string_view text_, rest_;
};

std::unique_ptr<LogReader> reader(std::string_view text, HostTable& hosts,
                                  BadLines bad_lines = BadLines::skip) {
  return std::make_unique<LogReader>("log", std::make_unique<Piece>(text), hosts, bad_lines);
}

void check_stamp(std::string_view text) {
  StampReader stamps;
  std::string_view rest;
  const auto stamp = stamps.read(text.substr(0, text.find('\n')), rest);
  if (!stamp || stamp->host.empty()) return;
  const auto again = stamps.read(token(*stamp), rest);
  COORD_CHECK(again.ok() && token(*again) == token(*stamp) &&
              compare(*stamp, *again).value() == Relation::equal);
}

void ask(const EventLog& log) {
  if (const auto skew = measure_skew(log); skew) COORD_CHECK(skew->bounds.size() <= log.size() * log.size());
  COORD_CHECK(judge_cut(log, Cut(log.hosts().size(), 0)).consistent());
  const TextMeasure measure{
      [](std::string_view text) { return text.size(); },
      [](std::string_view text, std::size_t columns) { return text.substr(0, columns); }};
  const Diagram diagram = diagram_of(log, [](std::string_view text) { return std::string(text); });
  COORD_CHECK(draw_text(diagram, measure, {80, true}).empty() == (log.size() == 0));
  COORD_CHECK(!draw_svg(diagram, measure).empty() && !draw_dot(diagram).empty() &&
              !draw_mermaid(diagram).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_stamp(text);
  HostTable hosts;
  std::vector<LogReader> logs;
  logs.push_back(std::move(*reader(text.substr(0, size / 2), hosts)));
  logs.push_back(std::move(*reader(text.substr(size / 2), hosts)));
  const auto validation = validate(logs, hosts, 100);
  COORD_CHECK(validation.ok());

  LogMerge merge(hosts, MergeOrder::clock);
  merge.add(reader(text.substr(0, size / 2), hosts));
  merge.add(reader(text.substr(size / 2), hosts));
  EventLog events(hosts, true);
  bool scalar = false;
  std::size_t merged = 0;
  for (;;) {
    const auto event = merge.next();
    if (!event) return 0;  // a cycle
    if (*event == nullptr) break;
    scalar = is_scalar((*event)->line.clock.kind);
    events.add((*event)->line, (*event)->log, (*event)->line_number);
    ++merged;
  }
  COORD_CHECK(merged == events.size());
  events.index();
  if (!scalar) ask(events);
  return 0;
}
