// SPDX-License-Identifier: MIT
// Programs that do not want to be stopped, for the tests of the guard. Each ends by itself after 30 seconds
// at the latest.
//
//   mischief beat FILE           writes a byte to FILE every 2 ms, ignores TERM
//   mischief daemon FILE         the same, forked twice, in a session of its own, all descriptors closed
//   mischief headless FILE       the same in a second thread; the first has ended
//   mischief comet FILE          forks and exits in a loop, never the same pid for long; writes as it goes
//   mischief hydra COUNT FILE    COUNT processes that ignore TERM and replace each other when they are killed
//   mischief bomb COUNT          doubles until COUNT processes exist, then keeps their number
//   mischief stopped FILE        a child that has stopped itself; it writes once it gets TERM and goes on
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

namespace {

constexpr int lifetime_s = 30;

void nap(long microseconds) {
  const timespec time{microseconds / 1'000'000, microseconds % 1'000'000 * 1000};
  ::nanosleep(&time, nullptr);
}

time_t now() {
  return ::time(nullptr);
}

int open_log(const char* path) {
  return ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void mark(int fd) {
  if (::write(fd, ".", 1) != 1) ::_exit(1);
}

int beat(const char* path) {
  ::signal(SIGTERM, SIG_IGN);
  const int fd = open_log(path);
  for (const time_t end = now() + lifetime_s; now() < end; nap(2000)) mark(fd);
  return 0;
}

int become_daemon(const char* path) {
  if (::fork() != 0) {
    nap(50'000);  // the command itself goes on for a moment, then ends
    return 0;
  }
  ::setsid();
  if (::fork() != 0) return 0;
  for (int fd = 0; fd < 1024; ++fd) ::close(fd);
  return beat(path);
}

int headless(const char* path) {
  static const char* where = path;
  pthread_t thread{};
  const auto main = [](void*) -> void* {
    ::_exit(beat(where));
    return nullptr;
  };
  if (::pthread_create(&thread, nullptr, main, nullptr) != 0) return 1;
  ::pthread_exit(nullptr);
}

int comet(const char* path) {
  ::signal(SIGTERM, SIG_IGN);
  const time_t end = now() + lifetime_s;
  const int fd = open_log(path);
  while (now() < end) {
    mark(fd);
    const pid_t pid = ::fork();
    if (pid > 0) ::_exit(0);
  }
  return 0;
}

// Keeps `mine` children alive, each of which does the same below it until the common count is used up.
void hydra(std::atomic<int>* left, int fd, time_t end) {
  ::signal(SIGTERM, SIG_IGN);
  while (now() < end) {
    if (fd >= 0) mark(fd);
    if (left->fetch_sub(1) > 0) {
      if (::fork() == 0) continue;
    } else {
      left->fetch_add(1);
    }
    while (::waitpid(-1, nullptr, WNOHANG) > 0) left->fetch_add(1);
    nap(500);
  }
}

int many(int count, const char* path) {
  void* shared =
      ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  hydra(new (shared) std::atomic<int>(count), path == nullptr ? -1 : open_log(path), now() + lifetime_s);
  return 0;
}

volatile sig_atomic_t terminated = 0;

int stopped(const char* path) {
  if (::fork() != 0) {
    for (const time_t end = now() + lifetime_s; ::waitpid(-1, nullptr, 0) < 0 && now() < end;) continue;
    return 0;
  }
  ::signal(SIGTERM, [](int) { terminated = 1; });
  ::raise(SIGSTOP);
  if (terminated != 0) mark(open_log(path));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  if (what == "beat") return beat(argv[2]);
  if (what == "daemon") return become_daemon(argv[2]);
  if (what == "headless") return headless(argv[2]);
  if (what == "comet") return comet(argv[2]);
  if (what == "hydra" && argc > 3) return many(std::atoi(argv[2]), argv[3]);
  if (what == "bomb") return many(std::atoi(argv[2]), nullptr);
  if (what == "stopped") return stopped(argv[2]);
  return 64;
}
