// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "cli/child.hpp"
#include "guard_fixture.hpp"

using namespace coord;
using namespace coord::cli;
using namespace coord::guard_test;
using process::boot_now;

namespace {

Program program(const Scene& scene, std::vector<std::string> argv) {
  return {std::move(argv), {scene.mark()}, {}};
}
Program shell(const Scene& scene, const std::string& text) {
  return program(scene, {"sh", "-c", text});
}

std::unique_ptr<Child> start(const Program& p, bool use_cgroup = true) {
  auto started = Child::start(p, use_cgroup);
  if (auto* error = std::get_if<SpawnError>(&started)) FAIL(error->error.text());
  return std::move(std::get<0>(started));
}

Exit status_of(const Program& p) {
  auto started = Child::start(p);
  if (auto* error = std::get_if<SpawnError>(&started)) return error->exit;
  return std::get<0>(started)->run().exit();
}

// Calls `act` from within the guard's loop, `delay` from now.
void later(Child& child, Duration delay, std::function<void()> act) {
  child.watch().at = boot_now() + delay;
  child.watch().due = std::move(act);
}

// `ready` within the loop, as soon as the file is there.
void when(Child& child, const Scene& scene, const std::string& file, const std::function<void()>& act) {
  later(child, 2ms, [&child, &scene, file, act] {
    if (scene.size(file) > 0) return act();
    when(child, scene, file, act);
  });
}

}  // namespace

TEST_CASE("the command's status is passed on exactly") {
  Scene scene;
  for (const int code : {0, 1, 7, 64, 75, 124, 255})
    CHECK(status_of(shell(scene, "exit " + std::to_string(code))) == Exit{code});
  for (const int signal : {SIGTERM, SIGKILL, SIGSEGV, SIGUSR1})
    CHECK(status_of(shell(scene, "ulimit -c 0; kill -" + std::to_string(signal) + " $$")) ==
          Exit{128 + signal});
}

TEST_CASE("what cannot be executed is 126, what is not there is 127") {
  Scene scene;
  const auto write = [&](const std::string& name, const std::string& text, mode_t mode) {
    std::ofstream(scene.file(name)) << text;
    ::chmod(scene.file(name).c_str(), mode);
    return scene.file(name);
  };
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/usr/bin:/bin",
           1);  // a directory in it that we may not search would be 126, as everywhere
  CHECK(status_of(program(scene, {"no-such-command-anywhere"})) == Exit::not_found);
  ::setenv("PATH", path.c_str(), 1);
  CHECK(status_of(program(scene, {scene.file("missing")})) == Exit::not_found);
  CHECK(status_of(program(scene, {write("lost", "#!/no/such/interpreter\n", 0755)})) == Exit::not_found);
  CHECK(status_of(program(scene, {write("data", "text", 0644)})) == Exit::not_executable);
  CHECK(status_of(program(scene, {scene.file("")})) == Exit::not_executable);
  CHECK(status_of(program(scene, {write("plain", "exit 5\n", 0755)})) ==
        Exit{5});  // no #!: by sh, as execvp does
  auto failed = Child::start(program(scene, {scene.file("missing")}));
  CHECK(std::get<SpawnError>(failed).error.text() ==
        scene.file("missing") + ": not found: check its name, PATH, and the interpreter it names");
}

TEST_CASE(
    "the command gets our environment but what is set, our descriptors as told, our signals as they were") {
  Scene scene;
  ::setenv("GUARD_KEPT", "kept", 1);
  ::setenv("GUARD_SET", "old", 1);
  const int passed = ::open(scene.file("passed").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int kept_back = ::open(scene.file("kept").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ::signal(SIGUSR2, SIG_IGN);
  Program p = shell(scene, "echo $GUARD_KEPT $GUARD_SET >&" + std::to_string(passed) +
                               "; [ ! -e /proc/self/fd/" + std::to_string(kept_back) +
                               " ] && grep -E 'Sig(Blk|Ign)' /proc/self/status > " + scene.file("signals"));
  p.environment.emplace_back("GUARD_SET", "new");
  p.inherited = {passed};
  CHECK(status_of(p) == Exit::done);
  ::signal(SIGUSR2, SIG_DFL);
  CHECK(scene.text("passed") == "kept new\n");
  CHECK(scene.text("signals").find("SigBlk:\t0000000000000000") != std::string::npos);
  CHECK(scene.text("signals").find("SigIgn:\t0000000000000800") != std::string::npos);
  ::close(passed);
  ::close(kept_back);
}

TEST_CASE("signals from a process reach the command, a caller that ignores SIGCHLD loses no status") {
  for (const int signal : {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGINT, SIGQUIT}) {
    Scene scene;
    ::signal(SIGCHLD, SIG_IGN);
    auto child = start(shell(scene, "trap 'exit 42' " + std::to_string(signal) + "; echo up > " +
                                        scene.file("up") + "; while :; do sleep 0.01; done"));
    when(*child, scene, "up", [signal] { ::kill(::getpid(), signal); });
    const Outcome outcome = child->run();
    CHECK(outcome.exit() == Exit{42});
    CHECK_FALSE(outcome.interrupted_by_terminal);
    child.reset();
    struct sigaction after {};
    ::sigaction(SIGCHLD, nullptr, &after);
    CHECK(after.sa_handler == SIG_IGN);
    ::signal(SIGCHLD, SIG_DFL);
  }
}

TEST_CASE("a terminal's Ctrl-C that ends the command before we look at it for the first time is known") {
  int terminal = -1;
  const pid_t guard = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  REQUIRE(guard >= 0);
  if (guard == 0) {
    auto started = Child::start({{"sleep", "30"}, {}, {}});
    Child& child = *std::get<0>(started);
    if (::write(STDOUT_FILENO, "x", 1) != 1) ::_exit(2);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT);
    const Outcome outcome = child.run();
    ::_exit(outcome.signal == SIGINT && outcome.interrupted_by_terminal ? 0 : 1);
  }
  char ready = 0;
  REQUIRE(::read(terminal, &ready, 1) == 1);
  REQUIRE(::write(terminal, "\x03", 1) == 1);
  int status = -1;
  ::waitpid(guard, &status, 0);
  ::close(terminal);
  CHECK(status == 0);
}

TEST_CASE("a lost command is told, and one that obeys is not killed") {
  Scene scene;
  auto child = start(shell(
      scene, "trap 'echo clean > " + scene.file("log") + "; exit 0' TERM; while :; do sleep 0.01; done"));
  const Instant begin = boot_now();
  child->limit(StopCause::lost, {begin + 200ms, begin + 8s});
  const Outcome outcome = child->run();
  CHECK(outcome.exit() == Exit::lost);
  CHECK_FALSE(outcome.killed);
  CHECK(scene.text("log") == "clean\n");
  CHECK(boot_now() - begin < 6s);
  CHECK(scene.alive() == 0);
}

TEST_CASE("renewals move the deadline, a command that ends in time is left alone") {
  Scene scene;
  auto child = start(shell(scene, "sleep 0.6; exit 3"));
  child->limit(StopCause::lost, {boot_now() + 300ms, boot_now() + 400ms});
  std::function<void()> renew = [&] {
    child->limit(StopCause::lost, {boot_now() + 3s, boot_now() + 4s});
    later(*child, 50ms, renew);
  };
  later(*child, 50ms, renew);
  CHECK(child->run().exit() == Exit{3});
}

TEST_CASE("whatever a command does, at kill_at nothing of it runs") {
  const bool use_cgroup = GENERATE(true, false);
  const std::string what = GENERATE("beat", "daemon", "comet", "hydra", "bomb", "tree");
  CAPTURE(use_cgroup, what);
  Scene scene;
  Program p = program(scene, {mischief, what, scene.file("beat")});
  if (what == "comet") p = shell(scene, mischief + " comet " + scene.file("beat") + "; sleep 30");
  if (what == "hydra") p.argv = {mischief, "hydra", "60", scene.file("beat")};
  if (what == "bomb")
    p = shell(scene, "echo > " + scene.file("beat") + "; " + mischief + " bomb 200; sleep 30");
  if (what == "tree")
    p = shell(scene, "trap '' TERM HUP; (setsid " + mischief + " daemon " + scene.file("beat") + " &); (" +
                         mischief + " beat " + scene.file("beat2") + " & kill -STOP $!); sleep 30");
  auto child = start(p, use_cgroup);
  bool lost = false;
  Instant kill_at{};
  when(*child, scene, "beat", [&] {
    later(*child, 100ms, [&] {
      lost = true;
      kill_at = boot_now() + 200ms;
      child->limit(StopCause::lost, {boot_now() + 50ms, kill_at});
    });
  });
  const Outcome outcome = child->run();
  if (what == "daemon") {  // the command ended before the loss: its daemon is the other guard's
    CHECK(outcome.exit() == Exit::done);
    CHECK(scene.alive() == 1);
    return;
  }
  REQUIRE(lost);
  CHECK(boot_now() - kill_at < 2s);
  CHECK(outcome.exit() == Exit::lost);
  CHECK(outcome.killed);
  CHECK(scene.alive() == 0);
  const auto size = scene.size("beat");
  std::this_thread::sleep_for(30ms);
  CHECK(scene.size("beat") == size);
}

TEST_CASE("a stopped descendant is told and woken") {
  Scene scene;
  auto child = start(program(scene, {mischief, "stopped", scene.file("woken")}));
  later(*child, 200ms, [&] { child->limit(StopCause::lost, {boot_now(), boot_now() + 5s}); });
  const Outcome outcome = child->run();
  CHECK(outcome.exit() == Exit::lost);
  CHECK_FALSE(outcome.killed);
  CHECK(scene.size("woken") == 1);
}

TEST_CASE("after TERM a renewal that comes late gives no more time, an earlier deadline takes some") {
  Scene scene;
  auto child = start(program(scene, {mischief, "beat", scene.file("beat")}));
  const Instant begin = boot_now();
  child->limit(StopCause::lost, {begin + 50ms, begin + 20s});
  later(*child, 150ms, [&] {
    child->limit(StopCause::lost, {begin + 20s, begin + 30s});
    child->unlimit(StopCause::lost);
    child->limit(StopCause::ordered, {begin, begin + 300ms});
  });
  const Outcome outcome = child->run();
  CHECK(outcome.stopped == StopCause::lost);
  CHECK(outcome.killed);
  CHECK(boot_now() - begin < 6s);
}

TEST_CASE("the first cause decides: --max-run is 124") {
  Scene scene;
  auto child = start(shell(scene, "exec sleep 30"));
  const Instant begin = boot_now();
  child->limit(StopCause::lost, {begin + 10s, begin + 11s});
  child->limit(StopCause::max_run, {begin + 50ms, begin + 1s});
  CHECK(child->run().exit() == Exit::max_run);
}

TEST_CASE("our own earlier children and our process group are not touched") {
  Scene scene;
  const pid_t bystander = ::fork();
  if (bystander == 0) {
    ::execlp("sleep", "sleep", "30", nullptr);
    ::_exit(127);
  }
  auto child = start(program(scene, {mischief, "beat", scene.file("beat")}));
  child->limit(StopCause::lost, {boot_now() + 20ms, boot_now() + 60ms});
  CHECK(child->run().exit() == Exit::lost);
  const auto state = process::read_process(bystander);
  CHECK((state && !state->ended() && !state->stopped()));
  ::kill(bystander, SIGKILL);
  ::waitpid(bystander, nullptr, 0);
}

TEST_CASE("a guard that was stopped itself past the deadline stops the command as soon as it goes on") {
  Scene scene;
  const pid_t guard = ::fork();
  if (guard == 0) {
    auto started = Child::start(program(scene, {mischief, "beat", scene.file("beat")}));
    Child& child = *std::get<0>(started);
    child.limit(StopCause::lost, {boot_now() + 150ms, boot_now() + 200ms});
    ::_exit(static_cast<int>(child.run().exit()));
  }
  REQUIRE(eventually([&] { return scene.size("beat") > 0; }));
  ::kill(guard, SIGSTOP);
  std::this_thread::sleep_for(300ms);
  CHECK(scene.alive() >= 1);
  ::kill(guard, SIGCONT);
  int status = 0;
  ::waitpid(guard, &status, 0);
  CHECK(WEXITSTATUS(status) == 75);
  CHECK(scene.alive() == 0);
}

TEST_CASE("the peer's socket is watched beside the command") {
  Scene scene;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  auto child = start(shell(scene, "exec sleep 30"));
  child->watch().fd = ends[0];
  child->watch().events = POLLIN;
  child->watch().ready = [&](short events) {
    CHECK((events & POLLIN) != 0);
    child->watch().fd = -1;
    child->limit(StopCause::ordered, {boot_now(), boot_now() + 5s});
  };
  later(*child, 50ms, [&] { CHECK(::write(ends[1], "x", 1) == 1); });
  CHECK(child->run().stopped == StopCause::ordered);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("whose command's control group it is, is asked of the kernel") {
  Scene scene;
  auto child = start(shell(scene, "sleep 0.2"));
  const pid_t self = ::getpid();
  const std::string group = process::cgroup_made_by(self, child->pid());
  CHECK(group == child->cgroup());  // empty where none can be made
  CHECK(process::cgroup_made_by(self + 1, child->pid()).empty());
  CHECK(process::cgroup_made_by(self / 10, child->pid()).empty());  // a name that is the beginning of ours
  CHECK(process::cgroup_made_by(self, self).empty());
  CHECK(child->run().exit() == Exit::done);
  CHECK(process::cgroup_made_by(self, child->pid()).empty());
}

TEST_CASE("a mark does not lead a guard to another user's processes") {
  if (::geteuid() != 0) return;
  Scene scene;
  auto child = start(shell(scene, "sleep 30"));
  if (child->cgroup().empty()) return;
  process::Family others;
  others.cgroup = child->cgroup();
  others.of_user = 65534;
  CHECK(process::ProcessTree(others).members().empty());
  CHECK(process::ProcessTree(others).kill_all().empty());
  CHECK(process::is_running(child->id()));
  process::Family ours = others;
  ours.of_user = 0;
  CHECK(process::ProcessTree(ours).kill_all().reached >= 1);
  CHECK(child->run().signal == SIGKILL);
}
