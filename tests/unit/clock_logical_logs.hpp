// SPDX-License-Identifier: MIT
// Logs as strings, and runs of a made-up system whose logs are right by construction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/rfc3339.hpp"
#include "clock/event_log.hpp"
#include "clock/log_merge.hpp"
#include "clock/log_reader.hpp"
#include "clock/stamp.hpp"

namespace coord::clock::test {

// Hands out a string a few bytes at a time.
class StringSource : public ByteSource {
 public:
  StringSource(std::string text, std::size_t step, bool rewinds)
      : text_(std::move(text)), step_(step), rewinds_(rewinds) {}
  Result<std::size_t> read(char* out, std::size_t size) override {
    const std::size_t count = std::min({size, step_, text_.size() - at_});
    std::memcpy(out, text_.data() + at_, count);
    at_ += count;
    return count;
  }
  std::unique_ptr<ByteSource> again() override {
    return rewinds_ ? std::make_unique<StringSource>(text_, step_, true) : nullptr;
  }

 private:
  std::string text_;
  std::size_t step_, at_ = 0;
  bool rewinds_;
};

inline std::unique_ptr<LogReader> reader(const std::string& name, const std::string& text, HostTable& hosts,
                                         BadLines bad_lines = BadLines::stop, bool rewinds = true,
                                         std::size_t step = 4096) {
  return std::make_unique<LogReader>(name, std::make_unique<StringSource>(text, step, rewinds), hosts,
                                     bad_lines);
}

// The merged log, or "error: ...".
inline std::string merged(const std::vector<std::string>& logs, MergeOrder order = MergeOrder::clock,
                          bool rewinds = true, std::size_t* most_held = nullptr) {
  HostTable hosts;
  LogMerge merge(hosts, order);
  for (std::size_t i = 0; i < logs.size(); ++i)
    merge.add(reader("log" + std::to_string(i + 1), logs[i], hosts, BadLines::stop, rewinds));
  std::string out;
  for (;;) {
    const auto event = merge.next();
    if (!event) return "error: " + event.error().text();
    if (*event == nullptr) break;
    out += std::string((*event)->line.raw) + "\n";
  }
  if (most_held != nullptr) *most_held = merge.most_held();
  return out;
}

// A whole log in causal order, in memory. `hosts` must outlive it.
inline EventLog loaded(const std::vector<std::string>& logs, HostTable& hosts) {
  LogMerge merge(hosts, MergeOrder::clock);
  for (std::size_t i = 0; i < logs.size(); ++i)
    merge.add(reader("log" + std::to_string(i + 1), logs[i], hosts));
  EventLog log(hosts, true);
  for (auto event = merge.next(); event && *event != nullptr; event = merge.next())
    log.add((*event)->line, (*event)->log, (*event)->line_number);
  log.index();
  return log;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// A run: hosts that act, send and receive at random, with wall clocks that are off by a constant each.
struct Run {
  std::vector<std::string> logs;  // one a host
  std::string all;                // in the order in which it happened
  std::vector<Duration> offsets;  // of each host's wall clock from true time
};

inline Run random_run(std::uint64_t seed, std::size_t hosts, std::size_t events,
                      ClockKind kind = ClockKind::vector) {
  Random random(seed);
  Run run;
  run.logs.resize(hosts);
  std::vector<std::string> names;
  std::vector<MatrixClock> clocks(hosts);
  struct Letter {
    std::size_t to, from;
    MatrixClock clock;
  };
  std::vector<Letter> post;
  for (std::size_t i = 0; i < hosts; ++i) {
    names.push_back("h" + std::to_string(i));
    run.offsets.push_back(random.between(std::chrono::milliseconds(-200), std::chrono::milliseconds(200)));
  }
  std::int64_t now_ns = 1'795'310'835'000'000'000;
  for (std::size_t n = 0; n < events; ++n) {
    now_ns += static_cast<std::int64_t>(random.below(10'000'000)) + 1;
    std::size_t host = random.below(hosts);
    std::string text = "works";
    Status done_well = done();
    if (!post.empty() && random.chance(0.3)) {
      const std::size_t which = random.below(post.size());
      const Letter letter = post[which];
      post.erase(post.begin() + static_cast<std::ptrdiff_t>(which));
      host = letter.to;
      text = "hears from " + names[letter.from];
      done_well = clocks[host].receive(names[host], names[letter.from], letter.clock);
    } else {
      done_well = clocks[host].tick(names[host]);
      if (hosts > 1 && random.chance(0.5)) {
        const std::size_t to = (host + 1 + random.below(hosts - 1)) % hosts;
        post.push_back({to, host, clocks[host]});
        text = "tells " + names[to];
      }
    }
    COORD_CHECK(done_well.ok());
    Stamp stamp{names[host], clocks[host], std::nullopt};
    if (kind == ClockKind::vector) stamp.clock = clocks[host].row(names[host]);
    const std::string line = log_line(stamp, WallTime{now_ns + run.offsets[host].count()}, text) + "\n";
    run.logs[host] += line;
    run.all += line;
  }
  return run;
}

}  // namespace coord::clock::test
