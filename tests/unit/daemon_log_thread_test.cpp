// SPDX-License-Identifier: MIT
// coordd's log: who does not read it holds up nobody.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "base/descriptor.hpp"
#include "daemon/log_thread.hpp"

using namespace coord;
using namespace std::chrono_literals;
using daemon::LogThread;
using net::LogLevel;

namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    in = Descriptor(ends[0]);
    out = Descriptor(ends[1]);
  }
  // All until the other end is closed.
  std::string rest() {
    out.reset();
    std::string text;
    char buffer[65536];
    for (ssize_t n = 0; (n = ::read(in.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    return text;
  }
  Descriptor in, out;
};

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("a line has its time and level, and what matters less than the level is left out") {
  Pipe pipe;
  LogThread log(pipe.out.get(), LogLevel::warning);
  log.log(LogLevel::error, "one");
  log.log(LogLevel::info, "two");
  log.set_level(LogLevel::info);
  log.log(LogLevel::info, "three");
  CHECK(log.finish(10s));
  log.log(LogLevel::error, "too late");
  const std::string text = pipe.rest();
  CHECK(lines_in(text) == 2);
  CHECK(text.find("Z error one\n") == std::string("2026-01-01T00:00:00.000").size());
  CHECK(text.find("Z info three\n") != std::string::npos);
}

TEST_CASE("a reader that hangs: lines are dropped and counted, and none waits") {
  Pipe pipe;
  LogThread log(pipe.out.get(), LogLevel::info);
  const std::string line(1000, 'x');
  constexpr std::size_t lines = 5000;  // 5 MB, into a pipe of 64 KiB
  for (std::size_t i = 0; i < lines; ++i) log.log(LogLevel::info, line);
  CHECK_FALSE(log.finish(10ms));

  std::string text;
  std::thread reader([&] {
    char buffer[65536];
    for (ssize_t n = 0; (n = ::read(pipe.in.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
  });
  CHECK(log.finish(20s));
  pipe.out.reset();
  reader.join();
  const std::size_t told = text.find(" log lines were dropped");
  REQUIRE(told != std::string::npos);
  const std::size_t number = text.rfind(' ', told - 1) + 1;
  const std::size_t dropped = std::stoul(text.substr(number, told - number));
  CHECK(dropped > lines / 2);
  CHECK(lines_in(text) - 1 + dropped == lines);
}

TEST_CASE("a reader that is gone is no reason to wait or to end") {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.in.reset();
  LogThread log(pipe.out.get(), LogLevel::info);
  for (int i = 0; i < 100; ++i) log.log(LogLevel::info, "nobody hears it");
  CHECK(log.finish(20s));
}
