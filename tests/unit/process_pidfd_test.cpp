// SPDX-License-Identifier: MIT
// Which process is meant, by descriptor and by number, across PID namespaces.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/rule.hpp"
#include "process/pidfd.hpp"

using namespace coord;
using namespace coord::process;

namespace {

// A process that does nothing, as long as this lives.
class Idle {
 public:
  Idle() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  Idle(const Idle&) = delete;
  Idle& operator=(const Idle&) = delete;
  ~Idle() { end(); }
  pid_t pid() const { return pid_; }
  std::uint32_t number() const { return static_cast<std::uint32_t>(pid_); }
  void end(bool reaps = true) {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | (reaps ? 0 : WNOWAIT));
    if (reaps) pid_ = 0;
  }

 private:
  pid_t pid_;
};

// The first process of a new PID namespace, as seen from here; 0: the kernel refuses one.
pid_t start_contained() {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t between = ::fork();
  if (between == 0) {
    if (::unshare(CLONE_NEWPID) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) ::_exit(1);
    const pid_t inside = ::fork();
    if (inside == 0) {
      for (;;) ::pause();
    }
    (void)!::write(ends[1], &inside, sizeof inside);
    ::_exit(0);
  }
  ::close(ends[1]);
  pid_t inside = 0;
  if (::read(ends[0], &inside, sizeof inside) != sizeof inside) inside = 0;
  ::close(ends[0]);
  ::waitpid(between, nullptr, 0);
  return inside;
}

}  // namespace

TEST_CASE("pid_is_of_the_kernel: a descriptor says which process is meant, whatever number goes with it") {
  const Idle meant, stranger;
  const Descriptor shown = open_pidfd(meant.pid());
  const Naming naming{true, shown.get(), stranger.number(), ::getpid()};
  CHECK(process_meant(naming)->id.pid == meant.pid());
  mutants::removed = "pid_is_of_the_kernel";
  const pid_t without = process_meant(naming)->id.pid;
  mutants::removed.clear();
  CHECK(without == stranger.pid());
}

TEST_CASE("numbers_count_in_one_namespace: of an asker elsewhere, or who is gone, a number is nobody's") {
  const Idle named;
  CHECK(process_meant({false, -1, named.number(), ::getpid()})->id.pid == named.pid());
  CHECK_FALSE(process_meant({false, -1, named.number(), 0}).ok());
  mutants::removed = "numbers_count_in_one_namespace";
  const bool without = process_meant({false, -1, named.number(), 0}).ok();
  mutants::removed.clear();
  CHECK(without);
}

TEST_CASE("a process that has ended, and what is no process, is nobody") {
  CHECK_FALSE(process_meant({true, -1, 1000, ::getpid()}).ok());
  const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(process_behind(null.get()).error().what == "no process is shown by its descriptor");
  Idle process;
  const Descriptor shown = open_pidfd(process.pid());
  CHECK(process_behind(shown.get()).ok());
  process.end(false);  // a zombie
  CHECK(process_behind(shown.get()).error().what == "it has ended");
  process.end();
  CHECK(process_behind(shown.get()).error().what == "it has ended");
  CHECK_FALSE(process_meant({false, -1, 1, ::getpid()}).ok());
}

TEST_CASE("a process in a namespace below has a number here and another one there") {
  const pid_t inside = start_contained();
  if (inside <= 0) {
    WARN("not tried: the kernel makes no PID namespace here");
    return;
  }
  const Descriptor shown = open_pidfd(inside);
  CHECK(process_behind(shown.get())->id.pid == inside);
  CHECK(own_number(inside) == 1);
  CHECK_FALSE(in_our_namespace(inside));
  CHECK(in_our_namespace(::getpid()));
  CHECK(own_number(::getpid()) == ::getpid());
  CHECK_FALSE(process_meant({false, -1, static_cast<std::uint32_t>(inside), inside}).ok());
  ::kill(inside, SIGKILL);
}

TEST_CASE("who is at the other end of a socket") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const Descriptor here(ends[0]), there(ends[1]);
  const auto process = process_at_other_end(here.get(), ticks_now());
  REQUIRE(process);
  CHECK(process->pid == ::getpid());
}
