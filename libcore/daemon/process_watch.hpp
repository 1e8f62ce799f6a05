// SPDX-License-Identifier: MIT
// The kernel's word that a process has ended, whoever's child it is.
//
// Threading: the io_context's thread.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

#include "process/process_id.hpp"

namespace coord::daemon {

class ProcessWatch {
 public:
  // `gone` is called once, never from open(). Null: it does not run any more.
  static std::unique_ptr<ProcessWatch> open(boost::asio::io_context& io, const process::ProcessId& id,
                                            std::function<void()> gone) {
    const int fd = static_cast<int>(::syscall(SYS_pidfd_open, id.pid, 0));
    if (fd < 0) return nullptr;
    std::unique_ptr<ProcessWatch> watch(new ProcessWatch(io, fd));
    // The descriptor holds whoever has the pid now; only then is it asked who that is.
    if (!process::is_running(id)) return nullptr;
    watch->pidfd_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             [gone = std::move(gone)](const boost::system::error_code& error) {
                               if (!error) gone();
                             });
    return watch;
  }

 private:
  ProcessWatch(boost::asio::io_context& io, int fd) : pidfd_(io, fd) {}
  boost::asio::posix::stream_descriptor pidfd_;
};

}  // namespace coord::daemon
