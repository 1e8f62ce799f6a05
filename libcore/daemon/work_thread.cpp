// SPDX-License-Identifier: MIT
#include "daemon/work_thread.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace coord::daemon {

WorkThread::WorkThread(boost::asio::io_context& io, std::unique_ptr<node::Worker> worker, Done done)
    : io_(io), worker_(std::move(worker)), done_(std::move(done)) {}

WorkThread::~WorkThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void WorkThread::submit(std::shared_ptr<node::Work> work) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  wake_.notify_one();
}

void WorkThread::run() {
  for (;;) {
    std::vector<std::shared_ptr<node::Work>> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      batch.swap(queue_);
    }
    worker_->perform(batch);
    boost::asio::post(io_, [this, batch = std::move(batch)] {
      for (const auto& work : batch) done_(work);
    });
  }
}

}  // namespace coord::daemon
