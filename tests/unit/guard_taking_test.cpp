// SPDX-License-Identifier: MIT
// A command that was forked and waits: it begins by the word alone, and only while that is good.
#include <signal.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "cli/child.hpp"
#include "guard_fixture.hpp"

using namespace coord;
using namespace coord::cli;
using namespace coord::guard_test;
using process::boot_now;

namespace {

Program program(const Scene& scene) {
  return {{"sh", "-c", "echo ran >\"$1\"", "sh", scene.file("ran")}, {scene.mark()}, {}};
}

// Whether the command has run when its gate was so.
bool runs(bool opens, Duration word_is_good_for) {
  const Scene scene;
  const Gate gate{[](Suspended&) {}, [&] { return opens; }, [&] { return boot_now() + word_is_good_for; }};
  auto started = Child::start(program(scene), std::nullopt, &gate);
  if (auto* failed = std::get_if<SpawnError>(&started)) FAIL(failed->error.text());
  if (auto& child = std::get<std::unique_ptr<Child>>(started)) (void)child->run();
  return scene.size("ran") > 0;
}

bool runs_without(const char* rule, bool opens, Duration word_is_good_for) {
  mutants::removed = rule;
  const bool ran = runs(opens, word_is_good_for);
  mutants::removed.clear();
  return ran;
}

}  // namespace

TEST_CASE("exec_after_still_yours: a command begins when its gate has opened") {
  CHECK(runs(true, 10s));
  CHECK_FALSE(runs(false, 10s));
  CHECK(runs_without("exec_after_still_yours", false, 10s));
}

TEST_CASE("exec_while_the_word_is_good: a word that comes too late begins nothing") {
  CHECK_FALSE(runs(true, -1ms));
  CHECK(runs_without("exec_while_the_word_is_good", true, -1ms));
}

TEST_CASE("a command that is stopped before it begins is killed when the word is no longer good") {
  const Scene scene;
  const Gate gate{[](Suspended& child) { ::kill(child.pid(), SIGSTOP); }, [] { return true; },
                  [] { return boot_now() + 50ms; }};
  auto started = Child::start(program(scene), std::nullopt, &gate);
  auto& child = std::get<std::unique_ptr<Child>>(started);
  REQUIRE(child);
  CHECK(child->run().exit() == Exit{128 + SIGKILL});
  CHECK(scene.size("ran") == 0);
}

TEST_CASE("without the word nothing is left of it, stopped or not") {
  for (const bool stopped : {false, true}) {
    const Scene scene;
    struct sigaction plain {};
    plain.sa_handler = SIG_DFL;
    pid_t pid = 0;
    {
      auto forked = Suspended::fork(program(scene), -1, plain);
      REQUIRE(std::holds_alternative<Suspended>(forked));
      pid = std::get<Suspended>(forked).pid();
      CHECK(std::get<Suspended>(forked).take_pidfd().is_open());
      if (stopped) ::kill(pid, SIGSTOP);
    }
    CHECK(::kill(pid, 0) != 0);
    CHECK(scene.size("ran") == 0);
  }
}
