// SPDX-License-Identifier: MIT
#include "daemon/hold.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord::daemon {

Result<std::unique_ptr<Hold>> Hold::make(boost::asio::io_context& io, const std::string& path) {
  const auto failed = [&](const char* what) {
    return Error{ErrorKind::unavailable, path, fmt::format("{}: {}", what, std::strerror(errno)),
                 "make the state directory writable"};
  };
  if (::mkfifo(path.c_str(), 0600) != 0) return failed("the session's file cannot be made");
  Descriptor reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!reader.is_open()) return failed("the session's file cannot be opened");
  Descriptor writer(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!writer.is_open()) return failed("the session's file cannot be opened");
  if (::flock(writer.get(), LOCK_SH | LOCK_NB) != 0) return failed("the session's file cannot be locked");
  return std::unique_ptr<Hold>(new Hold(io, path, std::move(reader), std::move(writer)));
}

Result<std::unique_ptr<Hold>> Hold::reopen(boost::asio::io_context& io, const std::string& path,
                                           std::function<void()> gone) {
  const auto failed = [&] {
    return Error{ErrorKind::unavailable, path,
                 std::string("the session's file cannot be opened: ") + std::strerror(errno), ""};
  };
  Descriptor reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!reader.is_open()) return failed();
  // A reader sees a hang-up only if there has been a writer in its time: this one, for a moment.
  if (!Descriptor(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)).is_open())
    return failed();
  std::unique_ptr<Hold> hold(new Hold(io, path, std::move(reader), Descriptor()));
  hold->on_gone(std::move(gone));
  hold->watch();
  return hold;
}

Hold::Hold(boost::asio::io_context& io, std::string path, Descriptor reader, Descriptor writer)
    : path_(std::move(path)), reader_(io, reader.release()), writer_(std::move(writer)) {
  struct stat status {};
  if (::fstat(reader_.native_handle(), &status) == 0) file_ = {status.st_dev, status.st_ino};
}

void Hold::remove() {
  ::unlink(path_.c_str());
}

Descriptor Hold::give(std::function<void()> gone) {
  COORD_CHECK(writer_.is_open());
  on_gone(std::move(gone));
  watch();
  return std::move(writer_);
}

bool Hold::held() const {
  pollfd ready{const_cast<Hold*>(this)->reader_.native_handle(), POLLIN, 0};
  return ::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLHUP) == 0;
}

process::Family::File Hold::kept_file() const {
  const int reader = const_cast<Hold*>(this)->reader_.native_handle();
  process::Family::File file = file_;
  file.kept = std::make_shared<const Descriptor>(::fcntl(reader, F_DUPFD_CLOEXEC, 0));
  return file;
}

// Readable means hung up, or that somebody wrote into it: what is written is thrown away.
void Hold::watch() {
  reader_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this](const boost::system::error_code& error) {
                       if (error) return;  // this object is being destroyed
                       std::array<char, 4096> rubbish;
                       const ssize_t count = ::read(reader_.native_handle(), rubbish.data(), rubbish.size());
                       if (count == 0) {
                         gone_();  // may destroy this object
                       } else {
                         watch();
                       }
                     });
}

std::string HoldStock::path_of(std::uint64_t number) const {
  return fmt::format("{}/{}", directory_, number);
}

Result<HoldStock::Numbered> HoldStock::take() {
  if (stock_) return Numbered{next_++, std::move(stock_)};
  auto made = Hold::make(io_, path_of(next_));
  if (!made) return made.error();
  return Numbered{next_++, std::move(*made)};
}

void HoldStock::refill() {
  if (stock_) return;
  if (auto made = Hold::make(io_, path_of(next_))) stock_ = std::move(*made);
}

}  // namespace coord::daemon
