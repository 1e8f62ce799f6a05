// SPDX-License-Identifier: MIT
#include "daemon/store_thread.hpp"

#include <sys/eventfd.h>

#include <boost/asio/post.hpp>
#include <chrono>

#include "base/descriptor.hpp"

namespace coord::daemon {

namespace {

constexpr std::size_t batch_limit = 256;
constexpr std::uint64_t chores_every = 64;     // writes that the thread has not seen
constexpr std::chrono::seconds look_again{1};  // whether somebody made room on a disk that was nearly full
constexpr std::chrono::milliseconds try_again{250};  // what found no room at all

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
  bool written = false, failed = false, wake = true;
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    written = write_here(job);
    failed = failed_;
    wake = !written || chores_;
    if (!written) queue_.push_back(std::move(job));
  }
  if (wake) wake_.notify_one();
  if (failed) {
    boost::asio::post(io_, [this, why = store_.failure()->text()] { handlers_.failed(why); });
  } else if (written) {
    handlers_.done(job.job, false);
  }
}

// With the mutex. False: it is for the thread.
bool StoreThread::write_here(const replica::DiskJob& job) {
  if (busy_ || !queue_.empty() || !is_write(job)) return false;
  const auto& write = std::get<raft::Persist>(job.work);
  if (!store_.is_quick(write)) return false;
  if (!store_.persist(write).ok() && !store_.failure()) return false;  // it waits for room: not here
  failed_ = store_.failure().has_value();
  chores_ = !failed_ && (!store_.is_prepared() || ++written_here_ % chores_every == 0);
  return true;
}

// One job, or several writes in a row.
std::vector<replica::DiskJob> StoreThread::next_batch(std::unique_lock<std::mutex>& lock) {
  const auto ready = [this] { return stopping_ || chores_ || !queue_.empty(); };
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
    return when_there_is_room([&]() -> Status {
      const auto saved = store_.save_snapshot(*snapshot);
      if (!saved) return saved.error();
      skipped = *saved != store::Saved::yes;
      return done();
    });
  }
  if (const auto* reserve = std::get_if<replica::ReserveTokens>(&batch.front().work)) {
    return when_there_is_room([&] { return store_.reserve_tokens(reserve->up_to); });
  }
  std::vector<raft::Persist> writes;
  for (replica::DiskJob& job : batch) writes.push_back(std::move(std::get<raft::Persist>(job.work)));
  return when_there_is_room([&] { return store_.persist(writes); });
}

// However long that takes: a full disk is no reason to end, and nothing may overtake what waits for it.
Status StoreThread::when_there_is_room(const std::function<Status()>& work) {
  for (;;) {
    Status status = work();
    if (status.ok() || store_.failure()) return status;
    tell_space(true, status.error().text());
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, try_again, [this] { return stopping_; })) return status;
  }
}

void StoreThread::tell_space(bool full, std::string why) {
  if (full == nearly_full_) return;
  nearly_full_ = full;
  boost::asio::post(io_, [this, full, why = std::move(why)] { handlers_.space(full, why); });
}

void StoreThread::look_at_space() {
  // The next segment needs one as well.
  const Descriptor probe(::eventfd(0, EFD_CLOEXEC));
  if (!probe.is_open()) return tell_space(true, "no file descriptor is left");
  tell_space(store_.nearly_full(), "the disk is nearly full");
}

// Whether to go on.
bool StoreThread::work(std::vector<replica::DiskJob>& batch) {
  const auto failed = [this](const Error& error) {
    boost::asio::post(io_, [this, why = error.text()] { handlers_.failed(why); });
    return false;
  };
  bool skipped = false;
  const bool writes = !batch.empty() && is_write(batch.front());
  const auto began = std::chrono::steady_clock::now();
  if (Status status = perform(batch, skipped); !status) return store_.failure() && failed(status.error());
  const Duration took = std::chrono::steady_clock::now() - began;
  std::vector<std::uint64_t> jobs;
  for (const replica::DiskJob& job : batch) jobs.push_back(job.job);
  if (!jobs.empty()) {
    boost::asio::post(io_, [this, jobs = std::move(jobs), skipped, writes, took, bytes = store_.log_bytes()] {
      if (writes) handlers_.synced(took, bytes);
      for (const std::uint64_t job : jobs) handlers_.done(job, skipped);
    });
  }
  look_at_space();  // after the news that others wait for
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || !queue_.empty()) return true;
  }
  if (Status prepared = store_.prepare(); !prepared) return failed(prepared.error());
  return true;
}

void StoreThread::run() {
  for (bool good = true;;) {
    std::vector<replica::DiskJob> batch;
    {
      std::unique_lock lock(mutex_);
      busy_ = false;
      failed_ = failed_ || !good;
      if (failed_) return;
      batch = next_batch(lock);
      if (stopping_) return;
      busy_ = true;
      chores_ = false;
    }
    good = work(batch);
  }
}

}  // namespace coord::daemon
