// SPDX-License-Identifier: MIT
// A gateway's side of a real engine, for tests: what it is told, and one that can be paused.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engines/driver.hpp"

namespace coord::engines {

// Ends the program: a test has failed.
[[noreturn]] void failed(const std::string& what);

class TestGateway {
 public:
  TestGateway(const EngineUrl& url, std::uint64_t writer);
  ~TestGateway();
  TestGateway(const TestGateway&) = delete;
  TestGateway& operator=(const TestGateway&) = delete;

  void ask(const engine::Request& request) { driver_->ask(request); }
  void append(std::uint64_t epoch, const std::string& key, const std::string& text);
  // Runs all gateways that are not paused until that holds; fails after some seconds.
  void until(const std::string& what, const std::function<bool()>& holds);
  void run_for(std::chrono::milliseconds time);

  // From the newest state to Reached, or Empty (false).
  bool load();
  // Says it again until it is told: a server that has lost its leader, or the connection, may drop it.
  void append_until_told(std::uint64_t epoch, const std::string& key, const std::string& text);
  void barrier();  // to Reached

  bool paused = false;
  // It reads all anew where something is missing and where its connection broke, as a gateway does.
  bool goes_on = false;
  bool up = false, is_empty = false, gap = false;
  std::string state;  // that was told last
  std::uint64_t epoch = 0;
  std::uint64_t position = 0;
  std::vector<std::string> entries;  // texts, since the last State, a seal as "~EPOCH"
  std::vector<std::uint64_t> positions;
  std::uint64_t foreign = 0;
  std::vector<std::uint64_t> reached;
  std::string down;

  bool has(const std::string& text) const;
  std::size_t count(const std::string& text) const;

 private:
  static void run_all();
  void hear(engine::Told&& told);
  void read_anew();

  boost::asio::io_context io_;
  std::unique_ptr<Driver> driver_;
  std::uint64_t last_ticket_ = 0;
  bool was_read_ = false, reads_anew_ = false;
};

}  // namespace coord::engines
