// SPDX-License-Identifier: MIT
// A host without a vote that serves by what it knew of its group, for nobody had answered when it began, or
// whose voters are silent: it asks on, beside all that it does, where the group is now and whether it is
// still of it. Voters may have moved, another host may have its name by now, or the group may
// have forgotten it.
//
// Threading: asks on a thread of its own; `told` comes on the io_context's, once. What it is given is copied.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "daemon/joining.hpp"
#include "daemon/settings.hpp"

namespace coord::daemon {

class AskingAgain {
 public:
  // The settings as the group tells them, or why this host is not to go on.
  using Told = std::function<void(Result<Settings>)>;

  // Of `asker` only the asking is used. `disk` must outlive this.
  AskingAgain(boost::asio::io_context& io, Disk& disk, Settings settings, Asker asker, Told told);
  ~AskingAgain();  // waits for a question that is under way, which is bounded
  AskingAgain(const AskingAgain&) = delete;
  AskingAgain& operator=(const AskingAgain&) = delete;

 private:
  void run();
  bool pause();

  boost::asio::io_context& io_;
  Disk& disk_;
  Settings settings_;
  Asker asker_;
  Told told_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  const std::shared_ptr<bool> exists_ = std::make_shared<bool>(true);  // looked at on the io_context's thread
  std::thread thread_;
};

}  // namespace coord::daemon
