// SPDX-License-Identifier: MIT
#include "cli/small_guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <utility>

#include "base/format.hpp"
#include "base/lease.hpp"
#include "cli/held_session.hpp"
#include "cli/speaker.hpp"
#include "process/boot_time.hpp"
#include "process/cgroup.hpp"
#include "process/process_tree.hpp"

namespace coord::cli {

namespace {

using process::boot_now;

constexpr int between_kills_ms = 10;
constexpr int removals = 20;  // who has just let go is out of its control group a moment later

std::string path_of(int descriptor) {
  return fmt::format("/proc/self/fd/{}", descriptor);
}

class SmallGuard {
 public:
  SmallGuard(const GuardTerms& terms, engine::LocalConnection& peer, process::Family family, int command,
             int watch)
      : terms_(terms),
        peer_(peer),
        tree_(std::move(family)),
        command_(command),
        watch_(watch),
        sent_(terms.sent),
        away_(terms.peer_gone),
        speaker_(terms.tool) {}

  // Until nobody holds any more, or nothing is left of the command.
  void run() {
    for (;;) {
      const Instant now = boot_now();
      if (now >= kill_at()) return kill();
      if (now >= term_at() && !terminated_) terminate();
      if (away_ && now >= try_at_) come_back();
      if (!wait(boot_now())) break;
    }
    let_go();
    remove_group();
  }

 private:
  Instant kill_at() const { return std::min(lease::stop_by(sent_, terms_.ttl), stop_by_); }
  Instant term_at() const { return std::min(kill_at() - terms_.grace, term_by_); }

  void terminate() {
    terminated_ = true;
    tree_.signal_all(SIGTERM);
    say(not_renewed(sent_, away_));
  }

  // Its standard error is ours as long as it runs.
  void say(const std::string& why) {
    if (command_ >= 0) speaker_.stopped(terms_.object, why);
  }

  // False: nobody holds, and the command has ended.
  bool wait(Instant now) {
    Instant wake = terminated_ ? kill_at() : std::min(term_at(), kill_at());
    if (away_) wake = std::min(wake, try_at_);
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max<Duration>(wake - now, Duration{}));
    // The command first: it may not have inherited its hold.
    std::array<pollfd, 3> fds{
        {{command_, POLLIN, 0}, {command_ < 0 ? watch_ : -1, 0, 0}, {away_ ? -1 : peer_.fd(), POLLIN, 0}}};
    (void)::poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(ms.count(), 1'000'000)));
    if (fds[0].revents != 0) command_ended();
    if (fds[1].revents != 0) return false;
    if (fds[2].revents != 0) hear();
    return true;
  }

  // Whoever reads its output waits for us no longer.
  void command_ended() {
    speaker_.finish();
    ::close(std::exchange(command_, -1));
    const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    ::dup2(null.get(), STDERR_FILENO);
  }

  void hear() {
    for (;;) {
      auto answer = peer_.receive();
      if (!answer) {
        away_ = true;
        try_at_ = boot_now() + pause_.next();
        return;
      }
      if (!answer->has_value()) return;
      if (const auto* renewal = std::get_if<local::Renewed>(&**answer)) {
        pause_.reset();
        if (!terminated_) sent_ = std::max(sent_, renewal->sent);
      } else if (const auto* lost = std::get_if<local::Lost>(&**answer)) {
        term_by_ = boot_now();
        stop_by_ = std::max(term_by_, lost->kill_at);
        say(fmt::format("lost: {}", lost->why));
      }
    }
  }

  void come_back() {
    ConnectOptions running = terms_.peer;
    running.no_autostart = true;
    auto again = connect_again(running, terms_.tool);
    if (again) {
      peer_ = std::move(again->peer);
      local::Resume resume = terms_.resume;
      if (command_ < 0) resume.pid = 0;  // it has ended, and names no process any more
      away_ = !peer_.send({resume, command_}).ok();
    }
    if (away_) try_at_ = boot_now() + pause_.next();
  }

  void let_go() {
    if (away_ || !peer_.send(local::Release{terms_.resume.request, terms_.status}).ok()) return;
    const Instant patience = boot_now() + answer_patience;
    for (;;) {
      auto answer = peer_.wait(patience);
      if (!answer || !answer->has_value() || std::holds_alternative<local::Released>(**answer)) return;
    }
  }

  void kill() {
    if (!terminated_) say(not_renewed(sent_, away_));
    for (process::Silence silence; !silence.after(tree_.kill_all());) ::poll(nullptr, 0, between_kills_ms);
    remove_group();
    speaker_.finish();
  }

  void remove_group() const {
    if (terms_.cgroup.empty()) return;
    for (int tries = 0; tries < removals && !process::cgroup_remove(terms_.cgroup); ++tries)
      ::poll(nullptr, 0, between_kills_ms);
  }

  const GuardTerms& terms_;
  engine::LocalConnection& peer_;
  process::ProcessTree tree_;
  int command_;  // its pidfd; -1: it has ended
  int watch_;
  Instant sent_;
  Instant term_by_ = Instant::max(), stop_by_ = Instant::max();  // once it is lost
  bool terminated_ = false;
  bool away_;
  Instant try_at_;
  BackOff pause_;
  Speaker speaker_;
};

// Nothing of the caller's is kept but what the guard works with; the hold least of all.
void detach(std::array<int, 4> needed, bool keep_error) {
  ::setsid();
  (void)!::chdir("/");
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= (keep_error ? 1 : 2); ++fd) ::dup2(null, fd);
  std::sort(needed.begin(), needed.end());
  int first = 3;
  for (const int fd : needed) {
    if (fd > first) (void)::close_range(static_cast<unsigned>(first), static_cast<unsigned>(fd - 1), 0);
    first = std::max(first, fd + 1);
  }
  (void)::close_range(static_cast<unsigned>(first), ~0U, 0);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM})
    ::signal(signal, SIG_IGN);
}

Error no_guard() {
  return {ErrorKind::internal, "guard", "no process for it can be had",
          "free processes or raise the limit (ulimit -u)"};
}

}  // namespace

Descriptor watch_of(int hold) {
  return Descriptor(::open(path_of(hold).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

bool is_held(const Descriptor& watch) {
  pollfd state{watch.get(), 0, 0};
  return watch.is_open() && ::poll(&state, 1, 0) == 0;
}

Status start_small_guard(GuardTerms terms, engine::LocalConnection& peer, const Descriptor& watch) {
  process::Family family;
  family.cgroup = terms.cgroup;
  struct stat file {};
  if (::fstat(watch.get(), &file) != 0) return no_guard();
  // As a place in the file system only: that keeps the file, and holds nothing.
  const auto kept =
      std::make_shared<const Descriptor>(::open(path_of(watch.get()).c_str(), O_PATH | O_CLOEXEC));
  family.holding = process::Family::File{file.st_dev, file.st_ino, kept};
  Descriptor command;
  if (terms.is_command) {
    command = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    const auto self = process::read_process(::getpid());
    if (!self || !command.is_open()) return no_guard();
    family.roots.push_back(self->id);
  }
  const pid_t child = ::fork();
  if (child < 0) return no_guard();
  if (child == 0) {
    if (::fork() != 0) ::_exit(0);
    detach({peer.fd(), watch.get(), kept->get(), command.get()}, terms.is_command);
    SmallGuard(terms, peer, std::move(family), command.release(), watch.get()).run();
    ::_exit(0);
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
  return done();
}

}  // namespace coord::cli
