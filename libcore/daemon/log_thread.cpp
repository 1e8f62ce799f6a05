// SPDX-License-Identifier: MIT
#include "daemon/log_thread.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "daemon/journal.hpp"

namespace coord::daemon {

namespace {

constexpr std::size_t most_bytes = std::size_t{256} << 10U;  // that wait: some thousand lines

std::string stamped(net::LogLevel level, const std::string& line) {
  static constexpr const char* names[] = {"error", "warning", "info", "debug"};
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const WallTime time{std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()};
  return fmt::format("{} {} {}\n", rfc3339(time, 3), names[static_cast<int>(level)], line);
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
  auto journal = std::make_shared<Descriptor>(open_journal(fd));
  to_journal_ = journal->is_open();
  // Signals are for the pump's thread.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([shared = shared_, fd, journal] { run(shared, fd, *journal); }).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LogThread::~LogThread() {
  const std::lock_guard lock(shared_->mutex);
  shared_->over = true;
  shared_->work.notify_one();
}

std::size_t LogThread::Line::bytes() const {
  std::size_t size = text.size();
  for (const auto& [key, value] : fields) size += key.size() + value.size();
  return size;
}

LogThread::Line LogThread::make_line(net::LogLevel level, const std::string& line,
                                     net::LogFields fields) const {
  if (to_journal_) return {level, line, std::move(fields)};
  return {level, stamped(level, line)};
}

void LogThread::log(net::LogLevel level, const std::string& line, net::LogFields fields) {
  if (!wants(level)) return;
  Line made = make_line(level, line, std::move(fields));
  const std::lock_guard lock(shared_->mutex);
  if (shared_->over || shared_->bytes + made.bytes() > most_bytes) {
    ++shared_->dropped;
    return;
  }
  shared_->bytes += made.bytes();
  shared_->queue.push_back(std::move(made));
  shared_->work.notify_one();
}

bool LogThread::finish(Duration at_most) {
  std::unique_lock lock(shared_->mutex);
  shared_->over = true;
  shared_->work.notify_one();
  return shared_->rest.wait_for(lock, at_most,
                                [this] { return shared_->queue.empty() && !shared_->writing; });
}

bool LogThread::write(int fd, const Descriptor& journal, const Line& line) {
  if (!journal.is_open()) return write_all(fd, line.text);
  return send_to_journal(journal, line.level, line.text, line.fields) ||
         write_all(fd, with_priority(line.level, line.text));
}

// What was dropped is told of once there is room again, after the lines that came before.
void LogThread::run(const std::shared_ptr<Shared>& shared, int fd, const Descriptor& journal) {
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->work.wait(lock, [&] { return shared->over || !shared->queue.empty(); });
    if (shared->queue.empty()) return;
    const Line line = std::move(shared->queue.front());
    shared->queue.pop_front();
    shared->bytes -= line.bytes();
    const std::uint64_t dropped = shared->bytes < most_bytes / 2 ? std::exchange(shared->dropped, 0) : 0;
    shared->writing = true;
    lock.unlock();
    bool written = write(fd, journal, line);
    if (dropped > 0) {
      const std::string told =
          fmt::format("{} log lines were dropped: nobody took them from standard error", dropped);
      written =
          write(fd, journal,
                {net::LogLevel::warning, journal.is_open() ? told : stamped(net::LogLevel::warning, told)}) &&
          written;
    }
    lock.lock();
    if (!written) shared->dropped += dropped + 1;
    shared->writing = false;
    if (shared->queue.empty()) shared->rest.notify_all();
  }
}

}  // namespace coord::daemon
