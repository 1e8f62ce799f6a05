// SPDX-License-Identifier: MIT
// A command that is killed and does not end at once: the guard of one that nothing may begin before goes on.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "base/rule.hpp"
#include "daemon/command_guard.hpp"

using namespace coord;
using namespace coord::daemon;
using namespace std::chrono_literals;

namespace {

// Of this test program alone.
std::string guarded_word() {
  return "of-" + std::to_string(::getpid());
}

process::Family guarded_family() {
  process::Family family;
  family.variable = "COORD_GUARD_TEST";
  family.word = guarded_word();
  return family;
}

// It sleeps for longer than the test; its environment has the mark when this returns.
pid_t begin_guarded() {
  std::string name = "sleep", seconds = "600", mark = "COORD_GUARD_TEST=" + guarded_word();
  std::string path = "PATH=/usr/bin:/bin";
  std::array<char*, 3> words{name.data(), seconds.data(), nullptr};
  std::array<char*, 3> environment{path.data(), mark.data(), nullptr};
  pid_t pid = 0;
  return ::posix_spawnp(&pid, "sleep", nullptr, nullptr, words.data(), environment.data()) == 0 ? pid : -1;
}

bool was_killed(pid_t pid) {
  int status = 0;
  return pid > 0 && ::waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

bool comes_true(const std::atomic<bool>& flag) {
  for (int i = 0; i < 4000 && !flag; ++i) std::this_thread::sleep_for(5ms);
  return flag;
}

}  // namespace

TEST_CASE("killed_to_the_end: what remains is said, killed again, and its end told, not earlier") {
  const auto remains_before_it_is_gone = [] {
    std::atomic<bool> gone = false, gone_first = false;
    std::atomic<int> remains = 0;
    std::atomic<pid_t> late = 0;
    const pid_t command = begin_guarded();
    REQUIRE(command > 0);
    {
      CommandGuard guard(CommandGuard::Patience{1, 20ms});  // what one round does not end remains
      guard.stop_to_the_end(
          guarded_family(), [&] { gone = true; },
          [&] {
            gone_first = gone.load();
            ++remains;
            late = begin_guarded();  // it has forked meanwhile
          });
      CHECK(comes_true(gone));
    }
    CHECK_FALSE(gone_first);
    CHECK(was_killed(command));
    if (remains > 0) CHECK(was_killed(late));
    return remains.load();
  };
  CHECK(remains_before_it_is_gone() == 1);
  mutants::removed = "killed_to_the_end";
  const int remains = remains_before_it_is_gone();
  mutants::removed.clear();
  CHECK(remains == 0);
}

TEST_CASE("a guard of a plain hold leaves what does not end to its wrapper, after so many rounds") {
  std::atomic<bool> gone = false;
  const pid_t command = begin_guarded();
  REQUIRE(command > 0);
  CommandGuard guard(CommandGuard::Patience{1, 1h});
  guard.stop(guarded_family(), true, [&] { gone = true; });
  CHECK(comes_true(gone));
  CHECK(was_killed(command));
}

TEST_CASE("a guard to the end that rests does not hold up the end of its peer") {
  std::atomic<bool> remains = false;
  const pid_t command = begin_guarded();
  REQUIRE(command > 0);
  const auto began = std::chrono::steady_clock::now();
  {
    CommandGuard guard(CommandGuard::Patience{1, 1h});
    guard.stop_to_the_end(
        guarded_family(), [] {}, [&] { remains = true; });
    CHECK(comes_true(remains));
  }
  CHECK(std::chrono::steady_clock::now() - began < 10min);
  CHECK(was_killed(command));
}
