// SPDX-License-Identifier: MIT
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <future>

#include "daemon/user_names.hpp"

namespace coord::daemon {

using namespace std::chrono_literals;

namespace {

struct Asked {
  std::vector<std::string> told;  // names, or the errors' texts
  UserNames::Told here() {
    return [this](const Result<std::string>& name) { told.push_back(name ? *name : name.error().text()); };
  }
};

}  // namespace

TEST_CASE("a user's name comes from the host once, and is then known") {
  boost::asio::io_context io;
  const auto work = boost::asio::make_work_guard(io);
  int lookups = 0;
  UserNames names(io, [&](std::uint32_t uid) -> Result<std::string> {
    ++lookups;
    return "user" + std::to_string(uid);
  });
  Asked asked;
  names.ask(7, asked.here());
  names.ask(7, asked.here());
  CHECK(asked.told.empty());  // never on the caller's thread
  while (asked.told.size() < 2) io.run_one();
  names.ask(7, asked.here());
  CHECK(asked.told == std::vector<std::string>{"user7", "user7", "user7"});
  CHECK(lookups == 1);
}

TEST_CASE("a name service that does not answer is an error in time, and its late answer is used") {
  boost::asio::io_context io;
  const auto work = boost::asio::make_work_guard(io);
  std::promise<void> answer;
  UserNames names(
      io,
      [wait = answer.get_future().share()](std::uint32_t) -> Result<std::string> {
        wait.wait();
        return std::string("late");
      },
      20ms);
  Asked asked;
  names.ask(7, asked.here());
  while (asked.told.empty()) io.run_one();
  CHECK(asked.told.front() ==
        "user 7: the host's name service does not answer: see whether getent passwd 7 answers");
  Asked again;
  names.ask(7, again.here());
  answer.set_value();
  while (again.told.empty()) io.run_one();
  CHECK(asked.told.size() == 1);
}

TEST_CASE("a lookup that fails tells no name, and is tried again") {
  boost::asio::io_context io;
  const auto work = boost::asio::make_work_guard(io);
  bool works = false;
  UserNames names(io, [&](std::uint32_t) -> Result<std::string> {
    if (works) return std::string("alice");
    return Error{ErrorKind::unavailable, "user 7", "the host's name service failed: no", ""};
  });
  Asked asked;
  names.ask(7, asked.here());
  while (asked.told.empty()) io.run_one();
  works = true;
  names.ask(7, asked.here());
  while (asked.told.size() < 2) io.run_one();
  CHECK(asked.told.back() == "alice");
}

TEST_CASE("an owner that goes does not wait for a lookup that hangs") {
  std::promise<void> never;
  std::shared_future<void> wait = never.get_future().share();
  {
    boost::asio::io_context io;
    UserNames names(io, [wait](std::uint32_t) -> Result<std::string> {
      wait.wait();
      return std::string("nobody hears this");
    });
    names.ask(7, [](const Result<std::string>&) {});
  }
  never.set_value();
}

TEST_CASE("the host's own names") {
  CHECK(*UserNames::of_host(0) == "root");
  CHECK(*UserNames::of_host(3999999999) == "3999999999");
}

}  // namespace coord::daemon
