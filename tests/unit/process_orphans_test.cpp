// SPDX-License-Identifier: MIT
// Orphans of a command whose wrapper is stopped: they come to it, and nobody reaps them.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "guard_fixture.hpp"
#include "process/process_tree.hpp"

using namespace coord;
using namespace coord::process;
using namespace coord::guard_test;

namespace {

// A subreaper that starts these commands of the helper program, one after the other, and then does nothing.
class StoppedWrapper {
 public:
  StoppedWrapper(const Scene& scene, const std::vector<std::vector<std::string>>& commands) : pid_(::fork()) {
    if (pid_ != 0) return;
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (const auto& words : commands) start(scene, words);
    for (;;) ::pause();
  }
  StoppedWrapper(const StoppedWrapper&) = delete;
  StoppedWrapper& operator=(const StoppedWrapper&) = delete;
  ~StoppedWrapper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ProcessId id() const { return read_process(pid_)->id; }
  // Its child with the lowest pid of those that are not this one.
  std::optional<ProcessId> child_after(pid_t pid) const {
    for (pid_t next = pid + 1; next < pid + 1000; ++next) {
      const auto process = read_process(next);
      if (process && process->parent == pid_) return process->id;
    }
    return std::nullopt;
  }

 private:
  static void start(const Scene& scene, std::vector<std::string> words) {
    if (::fork() != 0) return;
    ::setenv(scene.mark().first.c_str(), scene.mark().second.c_str(), 1);
    std::vector<char*> argv{const_cast<char*>(mischief.c_str())};
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  pid_t pid_;
};

void kill_until_silent(const Family& family) {
  ProcessTree tree(family);
  for (Silence silence; !silence.after(tree.kill_all());) std::this_thread::sleep_for(1ms);
}

}  // namespace

TEST_CASE("who could not look has not seen that none is left") {
  Silence silence;
  ProcessTree::Report blind;
  blind.blind = true;
  for (int i = 0; i < 100; ++i) CHECK_FALSE(silence.after(blind));
  CHECK_FALSE(silence.after({}));
  CHECK(silence.after({}));
}

TEST_CASE("a wrapper is spared, its command's orphans are not, and what it had before is") {
  Scene scene;
  const StoppedWrapper wrapper(
      scene,
      {{"beat", scene.file("before")}, {"beat", scene.file("command")}, {"daemon", scene.file("orphan")}});
  REQUIRE(eventually(
      [&] { return scene.size("before") > 0 && scene.size("command") > 0 && scene.size("orphan") > 0; }));
  REQUIRE(eventually([&] { return scene.alive() == 3; }));  // the daemon's first process has ended
  const auto before = wrapper.child_after(wrapper.id().pid);
  REQUIRE(before);
  const auto command = wrapper.child_after(before->pid);
  REQUIRE(command);
  Family family;
  family.roots = {*command};
  family.spared = {wrapper.id()};
  kill_until_silent(family);
  CHECK(scene.alive() == 2);  // the orphan is the child of one who is spared
  family.orphans = Family::Orphans{wrapper.id(), *command};
  kill_until_silent(family);
  CHECK(scene.alive() == 1);
  CHECK(is_running(*before));
  CHECK(is_running(wrapper.id()));
}

TEST_CASE("a mark counts below one who is spared") {
  Scene scene;
  const StoppedWrapper wrapper(scene, {{"beat", scene.file("beat")}});
  REQUIRE(eventually([&] { return scene.size("beat") > 0; }));
  Family family = scene.marked();
  family.spared = {wrapper.id()};
  kill_until_silent(family);
  CHECK(scene.alive() == 0);
  CHECK(is_running(wrapper.id()));
}

TEST_CASE("eight chains that fork and exit, and are reaped by nobody, end") {
  Scene scene;
  std::vector<std::vector<std::string>> commands{{"beat", scene.file("command")}};
  for (int i = 0; i < 8; ++i) commands.push_back({"comet", scene.file("comet" + std::to_string(i))});
  const StoppedWrapper wrapper(scene, commands);
  const auto command = [&] { return wrapper.child_after(wrapper.id().pid); };
  REQUIRE(eventually([&] { return scene.size("comet7") > 0 && command(); }));
  Family family;
  family.roots = {*command()};
  family.spared = {wrapper.id()};
  family.orphans = Family::Orphans{wrapper.id(), *command()};
  kill_until_silent(family);
  CHECK(scene.alive() == 0);
}

TEST_CASE("a process whose first thread has ended runs, and is found") {
  Scene scene;
  const StoppedWrapper wrapper(scene, {{"headless", scene.file("beat")}});
  REQUIRE(eventually([&] { return scene.size("beat") > 0; }));
  const auto headless = wrapper.child_after(wrapper.id().pid);
  REQUIRE(headless);
  REQUIRE(eventually([&] { return read_process(headless->pid)->state == 'Z'; }));
  CHECK(is_running(*headless));
  CHECK(life_of(headless->pid) == Life::runs);
  Family family;
  family.roots = {*headless};
  kill_until_silent(family);
  CHECK_FALSE(is_running(*headless));
  CHECK(life_of(headless->pid) == Life::ended);
}
