// SPDX-License-Identifier: MIT
#include "process/process_tree.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "guard_fixture.hpp"
#include "process/cgroup.hpp"

using namespace coord;
using namespace coord::process;
using namespace coord::guard_test;

namespace {

// Forks and executes words with the scene's mark; descriptors above 2 stay open there
// unless they are close-on-exec.
pid_t launch(const Scene& scene, std::vector<std::string> words) {
  const auto [name, value] = scene.mark();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

TEST_CASE("a process is known by pid and start time, a signal for another start time reaches nobody") {
  const auto self = read_process(::getpid());
  REQUIRE(self.has_value());
  CHECK(self->id.pid == ::getpid());
  CHECK(self->parent == ::getppid());
  CHECK(self->group == ::getpgrp());
  CHECK(self->state == 'R');
  CHECK(is_running(self->id));
  CHECK_FALSE(is_running({self->id.pid, self->id.start_ticks + 1}));
  CHECK(send_signal({self->id.pid, self->id.start_ticks + 1}, SIGKILL) == Sent::gone);
  CHECK(send_signal(self->id, 0) == Sent::delivered);
  CHECK_FALSE(read_process(1 << 30).has_value());
}

TEST_CASE("a program's name cannot forge what is read of it") {
  ::prctl(PR_SET_NAME, "x) Z 1 1 (", 0, 0, 0);
  const auto self = read_process(::getpid());
  REQUIRE(self.has_value());
  CHECK(self->parent == ::getppid());
  CHECK_FALSE(self->ended());
}

TEST_CASE("a zombie does not run and is no member") {
  Scene scene;
  const pid_t pid = launch(scene, {"true"});
  REQUIRE(eventually([&] { return read_process(pid)->ended(); }));
  CHECK_FALSE(is_running(read_process(pid)->id));
  Family family;
  family.roots = {read_process(pid)->id};
  CHECK(ProcessTree(family).members().empty());
  ::waitpid(pid, nullptr, 0);
}

TEST_CASE("members by ancestry, by an open file, by a word of the environment, spared ones are none") {
  Scene scene;
  const int held = ::open(scene.file("session").c_str(), O_RDWR | O_CREAT, 0600);
  struct stat status {};
  REQUIRE(::fstat(held, &status) == 0);
  const pid_t pid = launch(scene, {"sh", "-c", "sleep 30 & exec sleep 30"});
  ::close(held);
  REQUIRE(eventually([&] { return scene.alive() == 2; }));

  Family by_root, by_file, by_parent;
  by_root.roots = {read_process(pid)->id};
  by_file.holding = Family::File{status.st_dev, status.st_ino};
  by_parent.descendants_of = ::getpid();
  for (const Family& family : {by_root, by_file, by_parent, scene.marked()})
    CHECK(ProcessTree(family).members().size() == 2);
  const int place = ::open(scene.file("session").c_str(), O_PATH);
  const pid_t keeper = launch(scene, {"sleep", "30"});
  ::close(place);
  CHECK(ProcessTree(by_file).members().size() == 2);  // whoever knows only the place has nothing open
  ::kill(keeper, SIGKILL);
  ::waitpid(keeper, nullptr, 0);

  Family other = scene.marked();
  other.word += "x";
  CHECK(ProcessTree(other).members().empty());

  Family spared = by_parent;
  spared.spared = {read_process(pid)->id};
  CHECK(ProcessTree(spared).members().empty());
  ProcessTree(by_root).kill_all();
  ::waitpid(pid, nullptr, 0);
  CHECK(eventually([&] { return scene.alive() == 0; }));
}

TEST_CASE("a second guard kills a daemon that gave up its parent and descriptors, by its environment") {
  Scene scene;
  const pid_t pid = launch(scene, {mischief, "daemon", scene.file("beat")});
  ::waitpid(pid, nullptr, 0);
  REQUIRE(eventually([&] { return scene.size("beat") > 0; }));
  ProcessTree tree(scene.marked());
  REQUIRE(eventually([&] { return tree.kill_all().empty(); }));
  const auto size = scene.size("beat");
  std::this_thread::sleep_for(50ms);
  CHECK(scene.size("beat") == size);
}

TEST_CASE("members stay known when the process that led to them is gone") {
  Scene scene;
  const pid_t pid = launch(scene, {"sh", "-c", "sleep 30 & sleep 30 & wait"});
  REQUIRE(eventually([&] { return scene.alive() == 3; }));
  Family family;
  family.roots = {read_process(pid)->id};
  ProcessTree tree(family);
  CHECK(tree.members().size() == 3);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  CHECK(tree.members().size() == 2);
  CHECK(tree.kill_all().reached == 2);
  CHECK(eventually([&] { return tree.kill_all().empty(); }));
}

TEST_CASE("all who run at one instant get a signal once, what they start in answer is left alone") {
  Scene scene;
  const std::string script = "trap 'sh -c \"sleep 0.05; echo clean >> " + scene.file("log") +
                             "\"; exit 0' TERM; echo up >> " + scene.file("up") +
                             "; while :; do sleep 0.01; done";
  const pid_t pid = launch(scene, {"sh", "-c", script});
  REQUIRE(eventually([&] { return scene.size("up") > 0; }));
  Family family;
  family.roots = {read_process(pid)->id};
  CHECK(ProcessTree(family).signal_all(SIGTERM).reached >= 1);
  ::waitpid(pid, nullptr, 0);
  CHECK(scene.text("log") == "clean\n");
}

TEST_CASE("a control group, where one can be made, finds and kills what is in it") {
  std::optional<Cgroup> group = Cgroup::create();
  if (!group) {
    WARN("no control group can be made here: skipped");
    return;
  }
  Scene scene;
  const std::string path = group->path();
  const pid_t pid =
      launch(scene, {"sh", "-c", "echo $$ > " + path + "/cgroup.procs && setsid sleep 30 & wait"});
  REQUIRE(eventually([&] { return cgroup_members(path).size() >= 1; }));
  Family family;
  family.cgroup = path;
  CHECK_FALSE(ProcessTree(family).members().empty());
  CHECK_FALSE(cgroup_remove(path));
  CHECK(cgroup_kill(path));
  ::waitpid(pid, nullptr, 0);
  CHECK(eventually([&] { return cgroup_remove(path); }));
  CHECK(cgroup_members(path).empty());
}

TEST_CASE("groups that killed makers left behind are swept, those of the living and those in use are not") {
  std::optional<Cgroup> group = Cgroup::create();
  if (!group) {
    WARN("no control group can be made here: skipped");
    return;
  }
  const std::string parent = group->path();  // whatever else runs on this machine stays out of it
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  ::waitpid(gone, nullptr, 0);
  Scene scene;
  const pid_t user = launch(scene, {"sleep", "30"});
  const std::string left = parent + "/coordutils." + std::to_string(gone), used = left + ".1";
  const std::string living = parent + "/coordutils." + std::to_string(::getpid()), other = parent + "/other";
  for (const std::string& path : {left, used, living, other}) REQUIRE(::mkdir(path.c_str(), 0755) == 0);
  std::ofstream(used + "/cgroup.procs") << user << std::flush;
  REQUIRE(cgroup_members(used).size() == 1);
  cgroup_sweep(parent);
  CHECK_FALSE(std::filesystem::exists(left));
  for (const std::string& path : {used, living, other}) CHECK(std::filesystem::exists(path));
  ::kill(user, SIGKILL);
  ::waitpid(user, nullptr, 0);
  CHECK(eventually([&] { return cgroup_remove(parent); }));
}
