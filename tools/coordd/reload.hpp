// SPDX-License-Identifier: MIT
// What HUP asks for: the keys and the log level as the files now say, without a restart.
//
// The files may lie on a disk or a server that hangs, and the pump waits for nothing: they are read on a
// thread of its own. All of it counts or nothing: a file that cannot be used changes nothing and is one line.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "coordd/arguments.hpp"
#include "net/key_file.hpp"

namespace coord::coordd {

struct Settings {
  Arguments arguments;
  std::optional<net::KeyRing> keys;
};

// As at the start: the command line, and the configuration that it names or that is found.
Result<Settings> read_settings(const std::vector<std::string>& command_line);

// The settings that differ and need a restart, as in "peers, heartbeat"; empty: none.
std::string need_restart(const Arguments& running, const Arguments& wanted);

class Reloader {
 public:
  // `done` comes on the io_context's thread.
  Reloader(boost::asio::io_context& io, std::vector<std::string> command_line,
           std::function<void(Result<Settings>)> done);
  ~Reloader();

  // Once more afterwards if a reading is on its way: it may have seen the files before they changed.
  void begin();

 private:
  struct Shared {
    std::mutex mutex;
    boost::asio::io_context* io;  // null: nobody waits for the result any more
  };
  void finished(Result<Settings> settings);

  const std::shared_ptr<Shared> shared_;
  const std::vector<std::string> command_line_;
  const std::function<void(Result<Settings>)> done_;
  std::thread reading_;
  bool again_ = false;
};

}  // namespace coord::coordd
