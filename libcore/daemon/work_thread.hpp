// SPDX-License-Identifier: MIT
// The thread on which a part's work blocks (node/part.hpp): the pump hands work over and hears of its end as
// an event. Begun with the first work: who uses no such part pays for none. All that waits while some is
// being done is the next batch, so that it shares the disk's writes.
//
// Threading: submit() and `done` on the io_context's thread; the worker's calls on its own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "node/part.hpp"

namespace coord::daemon {

class WorkThread {
 public:
  using Done = std::function<void(std::shared_ptr<node::Work>)>;

  WorkThread(boost::asio::io_context& io, std::unique_ptr<node::Worker> worker, Done done);
  ~WorkThread();  // finishes the batch that is being done, drops the rest
  WorkThread(const WorkThread&) = delete;
  WorkThread& operator=(const WorkThread&) = delete;

  void submit(std::shared_ptr<node::Work> work);

 private:
  void run();

  boost::asio::io_context& io_;
  std::unique_ptr<node::Worker> worker_;
  Done done_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::shared_ptr<node::Work>> queue_;  // bounded by the part
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace coord::daemon
