// SPDX-License-Identifier: MIT
// coordd's log: lines go out by a thread of their own, so that who reads them, or does
// not, is no concern of the pump.
//
// The problem: stderr is a pipe to a logger that hangs, a journal that stands still, a file on a stalled
// disk. write(2) waits for it, and a peer that waits there sends no heartbeats and renews nothing: its
// holders are killed. O_NONBLOCK is no answer: it belongs to the open file, which others share, and a disk
// does not know it. So lines wait in a queue of bounded length; what does not fit is dropped, counted, and
// told of when lines go out again.
//
// Under systemd standard error is the journal's. There lines go to it as its own datagrams, with a priority
// and fields, and without a time: it has one. Where that fails they go to standard error with the priority
// before them, which it understands as well (sd-daemon(3)).
//
// Threading: log(), set_level() and wants() from any thread, none of them waits. The thread outlives its
// owner if it hangs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "base/descriptor.hpp"
#include "base/time.hpp"
#include "net/log.hpp"

namespace coord::daemon {

class LogThread {
 public:
  // `fd` stays the caller's, and open.
  LogThread(int fd, net::LogLevel level);
  ~LogThread();
  LogThread(const LogThread&) = delete;
  LogThread& operator=(const LogThread&) = delete;

  // One line: time, level, what happened. Less important ones than the level are left out.
  void log(net::LogLevel level, const std::string& line, net::LogFields fields = {});
  void set_level(net::LogLevel level) { level_ = level; }
  bool wants(net::LogLevel level) const { return level <= level_.load(std::memory_order_relaxed); }

  // Takes no more lines, and waits for those that stand in the queue. False: after so long they still do.
  bool finish(Duration at_most);

 private:
  struct Line {
    net::LogLevel level;
    std::string text;  // stamped, but for the journal
    net::LogFields fields{};

    std::size_t bytes() const;
  };
  struct Shared {
    std::mutex mutex;
    std::condition_variable work, rest;
    std::deque<Line> queue;
    std::size_t bytes = 0;      // of the queue
    std::uint64_t dropped = 0;  // since it was last told
    bool writing = false;
    bool over = false;
  };
  static void run(const std::shared_ptr<Shared>& shared, int fd, const Descriptor& journal);
  static bool write(int fd, const Descriptor& journal, const Line& line);
  Line make_line(net::LogLevel level, const std::string& line, net::LogFields fields) const;

  bool to_journal_ = false;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::atomic<net::LogLevel> level_;
};

}  // namespace coord::daemon
