// The thread on which the store's calls block. A stalled disk stops neither heartbeats nor time: the pump
// hands work over and hears of its end as an event.
//
// Writes that wait while one is being synced go together into the next sync. After a failure nothing more is
// done. Threading: submit() and the handlers on the io_context's thread; the store belongs to the other one
// from start to stop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "replica/events.hpp"
#include "store/store.hpp"

namespace coord::peer {

class StoreThread {
 public:
  struct Handlers {
    std::function<void(std::uint64_t job, bool skipped)> done;
    std::function<void(std::string why)> failed;
    std::function<void(bool nearly_full)> space;
  };

  StoreThread(boost::asio::io_context& io, store::Store store, Handlers handlers);
  ~StoreThread();  // finishes the work that is being done, drops the rest
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  void submit(replica::DiskJob job);

 private:
  void look_at_space();
  void run();
  std::vector<replica::DiskJob> next_batch(std::unique_lock<std::mutex>& lock);
  Status perform(std::vector<replica::DiskJob>& batch, bool& skipped);

  boost::asio::io_context& io_;
  store::Store store_;
  Handlers handlers_;
  bool nearly_full_ = false;  // of the thread

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<replica::DiskJob> queue_;  // bounded by Raft's limit of uncommitted bytes
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace coord::peer
