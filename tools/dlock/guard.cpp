#include "dlock/guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>

#include "cli/held_session.hpp"
#include "process/boot_time.hpp"
#include "process/process_tree.hpp"

namespace coord::dlock {

namespace {

using process::boot_now;

constexpr int between_kills_ms = 10;
constexpr int quiet_kills_needed = 3;

class Guard {
 public:
  Guard(const Settings& settings, engine::PeerConnection& peer, const local::Resume& resume,
        process::Family family, int pidfd, Instant sent)
      : settings_(settings), peer_(peer), resume_(resume), tree_(std::move(family)), pidfd_(pidfd) {
    renewed(sent);
  }

  // Until the command has ended, or nothing is left of it.
  void run() {
    for (;;) {
      const Instant now = boot_now();
      if (now >= kill_at_) return kill();
      if (now >= term_at_ && !terminated_) {
        terminated_ = true;
        tree_.signal_all(SIGTERM);
      }
      if (away_ && now >= try_at_) come_back();
      if (!wait(boot_now())) return let_go();
    }
  }

 private:
  void renewed(Instant sent) {
    kill_at_ = cli::kill_at(sent, settings_.ttl);
    term_at_ = kill_at_ - settings_.grace_or_default();
  }

  // False: the command has ended.
  bool wait(Instant now) {
    Instant wake = terminated_ ? kill_at_ : std::min(term_at_, kill_at_);
    if (away_) wake = std::min(wake, try_at_);
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max<Duration>(wake - now, Duration{}));
    std::array<pollfd, 2> fds{{{pidfd_, POLLIN, 0}, {away_ ? -1 : peer_.fd(), POLLIN, 0}}};
    (void)::poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(ms.count(), 1'000'000)));
    if (fds[0].revents != 0) return false;
    if (fds[1].revents != 0) hear();
    return true;
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
        if (!terminated_) renewed(renewal->sent);
      } else if (const auto* lost = std::get_if<local::Lost>(&**answer)) {
        term_at_ = boot_now();
        kill_at_ = std::min(kill_at_, std::max(term_at_, lost->kill_at));
      }
    }
  }

  void come_back() {
    cli::PeerOptions running = settings_.peer;
    running.no_autostart = true;
    auto again = cli::connect_again(running, "dlock");
    if (again) {
      peer_ = std::move(again->peer);
      away_ = !peer_.send(resume_).ok();
    }
    if (away_) try_at_ = boot_now() + pause_.next();
  }

  // Background descendants of the command may go on holding: the peer sees.
  void let_go() {
    if (away_ || !peer_.send(local::Release{resume_.request}).ok()) return;
    const Instant patience = boot_now() + std::chrono::seconds(2);
    for (;;) {
      auto answer = peer_.wait(patience);
      if (!answer || !answer->has_value() || std::holds_alternative<local::Released>(**answer)) return;
    }
  }

  void kill() {
    for (int quiet = 0; quiet < quiet_kills_needed;) {
      quiet = tree_.kill_all().reached == 0 ? quiet + 1 : 0;
      ::poll(nullptr, 0, between_kills_ms);
    }
  }

  const Settings& settings_;
  engine::PeerConnection& peer_;
  const local::Resume& resume_;
  process::ProcessTree tree_;
  int pidfd_;
  Instant term_at_, kill_at_;
  bool terminated_ = false;
  bool away_ = false;
  Instant try_at_;
  cli::BackOff pause_;
};

// Nothing of the caller's is kept but what the guard works with; the hold least of all.
void detach(std::array<int, 3> needed) {
  ::setsid();
  (void)!::chdir("/");
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; ++fd) ::dup2(null, fd);
  std::sort(needed.begin(), needed.end());
  int first = 3;
  for (const int fd : needed) {
    if (fd > first) (void)::close_range(static_cast<unsigned>(first), static_cast<unsigned>(fd - 1), 0);
    first = std::max(first, fd + 1);
  }
  (void)::close_range(static_cast<unsigned>(first), ~0U, 0);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE}) ::signal(signal, SIG_IGN);
}

}  // namespace

Status start_guard(const Settings& settings, engine::PeerConnection& peer, const local::Resume& resume,
                   int hold, Instant sent) {
  const auto failed = [] {
    return Error{ErrorKind::internal, "guard", "no process for it can be had",
                 "free processes or raise the limit (ulimit -u)"};
  };
  process::Family family;
  const auto self = process::read_process(::getpid());
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0));
  struct stat file {};
  if (!self || pidfd < 0 || ::fstat(hold, &file) != 0) return failed();
  family.roots.push_back(self->id);
  // As a place in the file system only: that keeps the file, and holds nothing.
  const std::string path = "/proc/self/fd/" + std::to_string(hold);
  const auto kept = std::make_shared<const Descriptor>(::open(path.c_str(), O_PATH | O_CLOEXEC));
  family.holding = process::Family::File{file.st_dev, file.st_ino, kept};
  const pid_t child = ::fork();
  if (child < 0) return failed();
  if (child == 0) {
    if (::fork() != 0) ::_exit(0);
    detach({peer.fd(), pidfd, kept->get()});
    Guard(settings, peer, resume, std::move(family), pidfd, sent).run();
    ::_exit(0);
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::close(pidfd);
  return done();
}

}  // namespace coord::dlock
