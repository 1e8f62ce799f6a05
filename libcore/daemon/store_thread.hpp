// SPDX-License-Identifier: MIT
// The thread on which the store's calls block. A stalled disk stops neither heartbeats nor time: the pump
// hands work over and hears of its end as an event.
//
// Writes that wait while one is being synced go together into the next sync. After a failure nothing more is
// done. For room on a full disk it waits.
//
// A write that is not to be synced (a peer alone, for most of its commands) only goes into the kernel's
// memory, as the record of each hold does: while the thread has nothing to do submit() makes it on the spot,
// since to wake a thread and to be woken by it takes ten times as long.
//
// Threading: submit() and the handlers on the io_context's thread. The store is the other one's while
// `busy_`, else whose who has the mutex.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "replica/events.hpp"
#include "store/store.hpp"

namespace coord::daemon {

class StoreThread {
 public:
  struct Handlers {
    std::function<void(std::uint64_t job, bool skipped)> done;  // perhaps before submit() has returned
    std::function<void(std::string why)> failed;
    std::function<void(bool nearly_full, const std::string& why)> space;
    // How long the disk has taken for a write and its sync, and the size of the log after it.
    std::function<void(Duration took, std::uint64_t log_bytes)> synced = [](Duration, std::uint64_t) {};
  };

  StoreThread(boost::asio::io_context& io, store::Store store, Handlers handlers);
  ~StoreThread();  // finishes the work that is being done, drops the rest
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  void submit(replica::DiskJob job);

 private:
  bool write_here(const replica::DiskJob& job);
  void look_at_space();
  void tell_space(bool full, std::string why);
  Status when_there_is_room(const std::function<Status()>& work);
  void run();
  bool work(std::vector<replica::DiskJob>& batch);
  std::vector<replica::DiskJob> next_batch(std::unique_lock<std::mutex>& lock);
  Status perform(std::vector<replica::DiskJob>& batch, bool& skipped);

  boost::asio::io_context& io_;
  store::Store store_;
  Handlers handlers_;
  bool nearly_full_ = false;  // known to the thread only

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<replica::DiskJob> queue_;  // bounded by Raft's limit of uncommitted bytes
  bool busy_ = false;                   // the thread is at work
  bool chores_ = false;  // the thread should look at the disk's room and prepare the next segment
  std::uint64_t written_here_ = 0;
  bool failed_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace coord::daemon
