// SPDX-License-Identifier: MIT
// One log from the logs of many hosts, in an order in which no effect precedes its cause.
//
// Problem: the obvious merges are wrong or do not scale. By wall time an answer can precede its question,
// since clocks differ. Reading everything and sorting it topologically takes memory for every line.
//
// The merge is Kahn's topological sort (CACM 1962) over streams. Of each host the earliest unwritten event
// that has been read is its candidate; a candidate is ready once every event that its clock names has been
// written, and of the ready ones the least goes first: by the sum of its clock's entries (which grows along
// every chain of causes), or by wall or hybrid time; then by host name. While the logs are in order and
// complete, one line a log is all that is held.
//
// When no candidate is ready, either its cause is further down in some log, or it is in none of them (a
// log that begins in the middle or was not given). Which of the two it is, a second look at the files
// tells: how many lines of each host they have and whether those ascend. Then the logs that can bring the
// cause are read on, and what nobody can bring is not waited for. Pipes cannot be looked at twice: there
// the answer is known at their end, and lines wait in memory. If still nothing is ready, the clocks are in
// a cycle, and the merge says so.
//
// Scalar clocks name no causes: their merge is by counter, then host. A log of them that is
// not in order is read whole.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "clock/log_reader.hpp"

namespace coord::clock {

enum class MergeOrder { clock, wall, hybrid };

class LogMerge {
 public:
  // A line that has been read and not yet handed out.
  struct Event {
    LogLine line;
    std::size_t log = 0;  // which of the logs, in the order of add()
    std::uint64_t line_number = 0;
    std::uint64_t key = 0;
    std::uint64_t arrival = 0;
    std::size_t settled = 0;  // so many entries of the clock are written, or missing
    std::string bytes;  // the line's, once the reader's buffer goes on; until then its views are the reader's
  };

  LogMerge(HostTable& hosts, MergeOrder order) : hosts_(hosts), order_(order) {}

  void add(std::unique_ptr<LogReader> log);
  // The next event in order, valid until the next call; nullptr after the last.
  Result<const Event*> next();

  const LogReader& log(std::size_t index) const { return *logs_[index].reader; }
  std::size_t logs() const { return logs_.size(); }
  std::uint64_t skipped() const;
  std::size_t most_held() const { return most_held_; }  // lines in memory at once
  std::optional<ClockKind> kind() const { return kind_; }

 private:
  // What is known of one host's lines in one log.
  struct Share {
    std::uint64_t read = 0, last_own = 0;       // so far
    std::uint64_t total = 0, last_counted = 0;  // of the second look
    bool ascends = true;
  };
  struct Log {
    std::unique_ptr<LogReader> reader;
    std::vector<Share> shares;  // by host
    std::size_t held = 0;
    Event* newest = nullptr;  // held, with its views still in the reader's buffer
    bool at_end = false, counted = false, ascends = true;
  };
  struct Later {
    bool operator()(const Event* a, const Event* b) const {
      return a->line.own != b->line.own ? a->line.own > b->line.own : a->arrival > b->arrival;
    }
  };
  struct Host {
    std::priority_queue<Event*, std::vector<Event*>, Later> held;
    std::vector<HostIndex> waiters;         // hosts whose candidate waits for an event of this one
    HostIndex waits_for = HostTable::none;  // whose event the candidate waits for,
    std::uint64_t waits_until = 0;          // and its number
    std::uint32_t version = 0;              // of the candidate: what refers to an older one is void
    bool ready = false;
  };
  struct Ready {
    std::uint64_t key, own;
    HostIndex host;
    std::uint32_t version;
  };
  struct ReadyLater {
    const HostTable* hosts;
    bool operator()(const Ready& a, const Ready& b) const;
  };

  Status start();
  Status read_one(std::size_t index);
  // By what the line is put in order, or why it cannot be.
  Result<std::uint64_t> key_of(const LogLine& line) const;
  void hold(Event* event);
  void examine(HostIndex host);
  bool is_missing(HostIndex host, std::uint64_t own) const;
  std::optional<ClockEntry> blocker(Event& event) const;
  void wake(HostIndex host);
  void examine_all();
  Status count(Log& log);
  Status resolve_stall();
  Result<bool> read_helpful(const std::set<HostIndex>& wanted);
  Error cycle();
  void make_room();
  Share& share(Log& log, HostIndex host);
  bool any_ready();

  HostTable& hosts_;
  MergeOrder order_;
  std::vector<Log> logs_;
  std::vector<Host> by_host_;
  std::vector<HostIndex> woken_;        // by wake(): its memory is kept
  std::vector<std::uint64_t> written_;  // by host: the largest own entry handed out
  std::priority_queue<Ready, std::vector<Ready>, ReadyLater> ready_{ReadyLater{&hosts_}};
  std::vector<std::unique_ptr<Event>> pool_;
  std::vector<Event*> free_;
  Event* handed_out_ = nullptr;
  std::optional<ClockKind> kind_;
  bool started_ = false, counted_ = false;
  std::size_t held_ = 0, most_held_ = 0;
  std::uint64_t arrivals_ = 0;
};

}  // namespace coord::clock
