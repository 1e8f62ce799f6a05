#include "peer/store_thread.hpp"

#include <boost/asio/post.hpp>
#include <chrono>

namespace coord::peer {

namespace {

constexpr std::size_t batch_limit = 256;
constexpr std::chrono::seconds look_again{5};  // whether somebody made room on a disk that was nearly full

bool is_write(const replica::DiskJob& job) {
  return std::holds_alternative<raft::Persist>(job.work);
}

}  // namespace

StoreThread::StoreThread(boost::asio::io_context& io, store::Store store, Handlers handlers)
    : io_(io), store_(std::move(store)), handlers_(std::move(handlers)), thread_([this] { run(); }) {}

StoreThread::~StoreThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void StoreThread::submit(replica::DiskJob job) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

// One job, or several writes in a row.
std::vector<replica::DiskJob> StoreThread::next_batch(std::unique_lock<std::mutex>& lock) {
  const auto ready = [this] { return stopping_ || !queue_.empty(); };
  if (nearly_full_) {
    wake_.wait_for(lock, look_again, ready);
  } else {
    wake_.wait(lock, ready);
  }
  std::vector<replica::DiskJob> batch;
  while (!stopping_ && !queue_.empty() && batch.size() < batch_limit) {
    if (!batch.empty() && !(is_write(batch.back()) && is_write(queue_.front()))) break;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

Status StoreThread::perform(std::vector<replica::DiskJob>& batch, bool& skipped) {
  if (batch.empty()) return done();
  if (const auto* snapshot = std::get_if<raft::Snapshot>(&batch.front().work)) {
    const auto saved = store_.save_snapshot(*snapshot);
    if (!saved) return saved.error();
    skipped = *saved != store::Saved::yes;
    return done();
  }
  if (const auto* reserve = std::get_if<replica::ReserveTokens>(&batch.front().work)) {
    return store_.reserve_tokens(reserve->up_to);
  }
  std::vector<raft::Persist> writes;
  for (replica::DiskJob& job : batch) writes.push_back(std::move(std::get<raft::Persist>(job.work)));
  return store_.persist(writes);
}

void StoreThread::look_at_space() {
  const bool full = store_.nearly_full();
  if (full == nearly_full_) return;
  nearly_full_ = full;
  boost::asio::post(io_, [this, full] { handlers_.space(full); });
}

void StoreThread::run() {
  for (;;) {
    std::vector<replica::DiskJob> batch;
    {
      std::unique_lock lock(mutex_);
      batch = next_batch(lock);
      if (stopping_) return;
    }
    bool skipped = false;
    if (Status status = perform(batch, skipped); !status) {
      boost::asio::post(io_, [this, why = status.error().text()] { handlers_.failed(why); });
      return;
    }
    std::vector<std::uint64_t> jobs;
    for (const replica::DiskJob& job : batch) jobs.push_back(job.job);
    if (!jobs.empty()) {
      boost::asio::post(io_, [this, jobs = std::move(jobs), skipped] {
        for (const std::uint64_t job : jobs) handlers_.done(job, skipped);
      });
    }
    look_at_space();  // after the news that others wait for
    bool idle = false;
    {
      const std::lock_guard lock(mutex_);
      idle = queue_.empty() && !stopping_;
    }
    if (!idle) continue;
    if (Status prepared = store_.prepare(); !prepared) {
      boost::asio::post(io_, [this, why = prepared.error().text()] { handlers_.failed(why); });
      return;
    }
  }
}

}  // namespace coord::peer
