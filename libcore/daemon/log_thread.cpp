// SPDX-License-Identifier: MIT
#include "daemon/log_thread.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <thread>
#include <utility>

namespace coord::daemon {

namespace {

constexpr std::size_t most_bytes = std::size_t{256} << 10U;  // that wait: some thousand lines

std::string stamped(net::LogLevel level, const std::string& line) {
  static constexpr const char* names[] = {"error", "warning", "info", "debug"};
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  ::gmtime_r(&now.tv_sec, &utc);
  char stamp[32], rest[32];
  (void)std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
  (void)std::snprintf(rest, sizeof rest, ".%03ldZ %s ", now.tv_nsec / 1'000'000,
                      names[static_cast<int>(level)]);
  return stamp + (rest + line) + "\n";
}

// Whether all of it went out. Waits as long as it takes.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN) {  // somebody who shares it wants it so
      pollfd room{fd, POLLOUT, 0};
      (void)::poll(&room, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

LogThread::LogThread(int fd, net::LogLevel level) : level_(level) {
  // Signals are for the pump's thread.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([shared = shared_, fd] { run(shared, fd); }).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogThread::~LogThread() {
  const std::lock_guard lock(shared_->mutex);
  shared_->over = true;
  shared_->work.notify_one();
}

void LogThread::log(net::LogLevel level, const std::string& line) {
  if (!wants(level)) return;
  std::string text = stamped(level, line);
  const std::lock_guard lock(shared_->mutex);
  if (shared_->over || shared_->bytes + text.size() > most_bytes) {
    ++shared_->dropped;
    return;
  }
  shared_->bytes += text.size();
  shared_->queue.push_back(std::move(text));
  shared_->work.notify_one();
}

bool LogThread::finish(Duration at_most) {
  std::unique_lock lock(shared_->mutex);
  shared_->over = true;
  shared_->work.notify_one();
  return shared_->rest.wait_for(lock, at_most,
                                [this] { return shared_->queue.empty() && !shared_->writing; });
}

// What was dropped is told of once there is room again, after the lines that came before.
void LogThread::run(const std::shared_ptr<Shared>& shared, int fd) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->work.wait(lock, [&] { return shared->over || !shared->queue.empty(); });
    if (shared->queue.empty()) return;
    std::string text = std::move(shared->queue.front());
    shared->queue.pop_front();
    shared->bytes -= text.size();
    const std::uint64_t dropped = shared->bytes < most_bytes / 2 ? std::exchange(shared->dropped, 0) : 0;
    shared->writing = true;
    lock.unlock();
    if (dropped > 0)
      text +=
          stamped(net::LogLevel::warning,
                  std::to_string(dropped) + " log lines were dropped: nobody took them from standard error");
    const bool written = write_all(fd, text);
    lock.lock();
    if (!written) shared->dropped += dropped + 1;
    shared->writing = false;
    if (shared->queue.empty()) shared->rest.notify_all();
  }
}

}  // namespace coord::daemon
