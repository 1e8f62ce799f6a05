// SPDX-License-Identifier: MIT
#include "daemon/user_names.hpp"

#include <pwd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/format.hpp"
#include "process/boot_time.hpp"

namespace coord::daemon {

namespace {

constexpr Duration good_for = std::chrono::seconds(10);
constexpr std::size_t most_known = 1024;

Error no_name(std::uint32_t uid, std::string what) {
  return Error{ErrorKind::unavailable, fmt::format("user {}", uid), std::move(what),
               fmt::format("see whether getent passwd {} answers", uid)};
}

}  // namespace

// Shared with the thread, which may outlive its owner while a lookup hangs.
struct UserNames::Thread {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::uint32_t> queue;
  UserNames* owner = nullptr;  // null: it is gone
  bool begun = false;

  static void run(const std::shared_ptr<Thread>& self, const Lookup& lookup) {
    std::unique_lock lock(self->mutex);
    for (;;) {
      self->wake.wait(lock, [&] { return self->owner == nullptr || !self->queue.empty(); });
      if (self->owner == nullptr) return;
      const std::uint32_t uid = self->queue.front();
      self->queue.pop_front();
      lock.unlock();
      Result<std::string> name = lookup(uid);
      lock.lock();
      if (self->owner == nullptr) return;
      // Under the mutex: the owner, and with it the io_context, is still there.
      boost::asio::post(self->owner->io_, [self, uid, name = std::move(name)] {
        if (self->owner != nullptr) self->owner->found(uid, name);
      });
    }
  }
};

UserNames::UserNames(boost::asio::io_context& io, Lookup lookup, Duration patience)
    : io_(io), lookup_(std::move(lookup)), patience_(patience), thread_(std::make_shared<Thread>()) {
  thread_->owner = this;
}

UserNames::~UserNames() {
  const std::lock_guard lock(thread_->mutex);
  thread_->owner = nullptr;
  thread_->wake.notify_one();
}

void UserNames::ask(std::uint32_t uid, Told told) {
  const auto known = known_.find(uid);
  if (known != known_.end() && process::boot_now() < known->second.until)
    return told(Result<std::string>(known->second.name));
  const auto [waiting, is_new] = waiting_.try_emplace(uid);
  waiting->second.told.push_back(std::move(told));
  if (!waiting->second.patience) {
    auto timer = std::make_unique<boost::asio::steady_timer>(io_, patience_);
    timer->async_wait([this, uid](const boost::system::error_code& error) {
      if (!error) tell(uid, no_name(uid, "the host's name service does not answer"));
    });
    waiting->second.patience = std::move(timer);
  }
  if (!is_new) return;
  const std::lock_guard lock(thread_->mutex);
  thread_->queue.push_back(uid);
  if (!std::exchange(thread_->begun, true))
    std::thread([self = thread_, lookup = lookup_] { Thread::run(self, lookup); }).detach();
  thread_->wake.notify_one();
}

void UserNames::found(std::uint32_t uid, Result<std::string> name) {
  if (name) {
    if (known_.size() >= most_known) known_.clear();
    known_.insert_or_assign(uid, Known{*name, process::boot_now() + good_for});
  }
  tell(uid, name);
  waiting_.erase(uid);
}

// Those who ask while they are told wait for what comes next.
void UserNames::tell(std::uint32_t uid, const Result<std::string>& name) {
  const auto waiting = waiting_.find(uid);
  if (waiting == waiting_.end()) return;
  waiting->second.patience.reset();
  for (const Told& told : std::exchange(waiting->second.told, {})) told(name);
}

Result<std::string> UserNames::of_host(std::uint32_t uid) {
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  int failed = 0;
  while ((failed = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < (std::size_t{1} << 20U))
    buffer.resize(buffer.size() * 2);
  if (found != nullptr) return std::string(found->pw_name);
  // What the manual lists as ways to say that nobody has this uid.
  const bool nobody = failed == 0 || failed == ENOENT || failed == ESRCH;
  if (nobody) return std::to_string(uid);
  return no_name(uid, std::string("the host's name service failed: ") + std::strerror(failed));
}

}  // namespace coord::daemon
