// SPDX-License-Identifier: MIT
// The thread on which the store blocks, and the writes that are made without it.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <memory>

#include "daemon/store_thread.hpp"
#include "store/posix_disk.hpp"
#include "store_fixture.hpp"
#include "temporary_directory.hpp"

using namespace coord;
using namespace coord::store;
using namespace std::chrono_literals;
using daemon::StoreThread;

namespace {

// A store on the real disk behind its thread, and what its handlers were told.
class Bench {
 public:
  Bench() { start(); }
  ~Bench() { stop(); }

  // One entry, at the end of the log. Returns whether its end was told before submit() returned.
  bool appends(bool sync) {
    raft::Persist write = store::append(1, ++last_, 1, 300);
    write.sync = sync;
    return submits(std::move(write));
  }
  bool submits(raft::Persist write) {
    const std::size_t before = done.size();
    thread_->submit({++job_, std::move(write)});
    return done.size() > before;
  }
  // Until everything that was submitted has been done, or something has failed.
  void settle() {
    while (done.size() < job_ && failed.empty()) REQUIRE(io_.run_one_for(20s) == 1);
  }
  // The entries of the log as the next life finds it.
  std::size_t recovered() {
    stop();
    disk_ = PosixDisk::open_directory(directory_.path() + "/state").value();
    return open_ok(*disk_, roomy()).recovered.entries.size();
  }

  std::vector<std::uint64_t> done;
  std::string failed;

 private:
  // Space for some twenty writes before a new segment must be made.
  static Options roomy() {
    Options options = small();
    options.first_segment_bytes = options.segment_bytes = 12288;
    return options;
  }
  void start() {
    disk_ = PosixDisk::open_directory(directory_.path() + "/state").value();
    StoreThread::Handlers handlers;
    handlers.done = [this](std::uint64_t job, bool) { done.push_back(job); };
    handlers.failed = [this](const std::string& why) { failed = why; };
    handlers.space = [](bool, const std::string&) {};
    thread_ = std::make_unique<StoreThread>(io_, open_ok(*disk_, roomy()).store, std::move(handlers));
  }
  void stop() {
    thread_.reset();
    disk_.reset();
  }

  TemporaryDirectory directory_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<PosixDisk> disk_;
  std::unique_ptr<StoreThread> thread_;
  std::uint64_t job_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace

TEST_CASE("a write that is not to be synced is made on the spot, one that is to be is not") {
  Bench bench;
  CHECK_FALSE(bench.appends(true));
  bench.settle();
  bool on_the_spot = false;  // not while the thread still prepares the next segment
  for (int i = 0; i < 100'000 && !on_the_spot; ++i) {
    on_the_spot = bench.appends(false);
    bench.settle();
  }
  CHECK(on_the_spot);
}

TEST_CASE("writes with the thread and without it: each is told once, in order, and is there afterwards") {
  Bench bench;
  const std::uint64_t writes = 400;
  for (std::uint64_t i = 1; i <= writes; ++i) {
    bench.appends(i % 7 == 0);
    if (i % 3 == 0) bench.settle();
  }
  bench.settle();
  CHECK(bench.failed.empty());
  REQUIRE(bench.done.size() == writes);
  for (std::uint64_t i = 0; i < writes; ++i) CHECK(bench.done[i] == i + 1);
  CHECK(bench.recovered() == writes);
}

TEST_CASE("after a write that failed nothing more is done") {
  Bench bench;
  bench.appends(false);
  bench.settle();
  raft::Persist gap = store::append(1, 17, 1);
  gap.sync = false;
  bench.submits(std::move(gap));
  bench.settle();
  CHECK(bench.failed.find("does not follow a log") != std::string::npos);
  CHECK_FALSE(bench.appends(false));
  CHECK(bench.done.size() == 1);
  CHECK(bench.recovered() == 1);
}
