// SPDX-License-Identifier: MIT
// Logs as operands: files, `-` for standard input, and what most commands do with them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/options.hpp"
#include "clock/event_log.hpp"
#include "clock/log_merge.hpp"
#include "clock/log_reader.hpp"

namespace coord::dclock {

// What every command that reads logs takes.
struct LogChoice {
  std::vector<std::string> names;  // none: standard input
  bool skip_bad = false;

  void declare(cli::Options& verb);  // LOG... and --skip-bad
  void declare_options(cli::Options& verb);
};

// --by: the order of concurrent events.
void declare_order(cli::Options& verb, clock::MergeOrder& order);

// A person at a terminal is told how far a big merge is, by what was read of the logs, as long as their
// readers live. What goes to that terminal meanwhile needs no such line: `quiet`.
using Readers = std::vector<std::unique_ptr<clock::LogReader>>;
Result<Readers> open_logs(const LogChoice& choice, clock::HostTable& hosts, bool quiet = true);

// The logs merged into an order of causes, for commands that look at one event after the other.
Result<std::unique_ptr<clock::LogMerge>> open_merge(const LogChoice& choice, clock::HostTable& hosts,
                                                    clock::MergeOrder order, bool quiet = true);

// The logs in memory, in an order of causes.
struct LoadedLog {
  clock::HostTable hosts;
  clock::EventLog events;
  std::vector<std::string> names;

  explicit LoadedLog(bool keep_texts) : events(hosts, keep_texts) {}
  std::string place(clock::EventIndex event) const {
    return names[events[event].log] + ":" + std::to_string(events[event].line_number);
  }
};
enum class Texts { keep, drop };
// An Error (data) for scalar clocks: they order events but name no causes.
Result<std::unique_ptr<LoadedLog>> load(const LogChoice& choice, Texts texts,
                                        clock::MergeOrder order = clock::MergeOrder::clock);

// Says on stderr how many lines were skipped, if any were.
void tell_skipped(std::uint64_t lines);

}  // namespace coord::dclock
