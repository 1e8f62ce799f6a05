// SPDX-License-Identifier: MIT
#include "cli/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/rule.hpp"
#include "process/boot_time.hpp"

#ifdef __SANITIZE_ADDRESS__
// The leak checker looks at the end by a process of its own, a child of this one: whoever guards the command
// takes it for what the command has left, and ends it; then the checker waits for ever.
extern "C" int __lsan_is_turned_off();
extern "C" int __lsan_is_turned_off() {
  return 1;
}
#endif

namespace coord::cli {
namespace {

using namespace std::chrono_literals;
using process::boot_now;

constexpr int forwarded[] = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGINT, SIGQUIT};
constexpr Duration poll_while_stopping = 10ms;  // how soon after the last one's end we notice it
constexpr Duration held_for = 20ms;  // a caught signal, while its sender may be sending it to others
// When the command has a sentinel: one costs as much as a short command does, which is over by then.
constexpr Duration posted_after = 2ms;
constexpr Duration seen_late = 200ms;  // how late on a busy machine we see what others saw at once
constexpr Duration shortest_kill_pause = 1ms, longest_kill_pause = 50ms;

process::Family family_of(const std::optional<process::Cgroup>& group) {
  process::Family family;
  family.descendants_of = ::getpid();
  if (group) family.cgroup = group->path();
  return family;
}

// Children that this process image took over from the one before it (a shell that
// said exec): not the command's.
std::vector<process::ProcessId> earlier_children() {
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return {};  // ECHILD, nearly always
  process::Family ours;
  ours.descendants_of = ::getpid();
  return process::ProcessTree(ours).members();
}

}  // namespace

Exit Outcome::exit() const {
  if (stopped == StopCause::lost || stopped == StopCause::ordered) return Exit::lost;
  if (stopped == StopCause::max_run) return Exit::max_run;
  return signal != 0 ? Exit{128 + signal} : Exit{code};
}

bool Outcome::may_be_stopped_by_another() const {
  return !stopped && (signal == SIGTERM || signal == SIGKILL);
}

Child::Child(std::optional<process::Cgroup> group) : group_(std::move(group)), tree_(family_of(group_)) {}

std::variant<std::unique_ptr<Child>, SpawnError> Child::start(const Program& program, bool use_cgroup) {
  return start(program, use_cgroup ? process::Cgroup::create() : std::nullopt);
}

std::variant<std::unique_ptr<Child>, SpawnError> Child::start(const Program& program,
                                                              std::optional<process::Cgroup> group,
                                                              const Gate* gate) {
  COORD_CHECK(!program.argv.empty());
  std::unique_ptr<Child> child(new Child(std::move(group)));
  for (const process::ProcessId& id : earlier_children()) child->spare(id);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  child->hear_of_ends();
  const int group_fd = child->group_ ? child->group_->fd() : -1;
  auto forked = Suspended::fork(program, group_fd, child->heritage_.child);
  if (const SpawnError* error = std::get_if<SpawnError>(&forked)) return *error;
  auto& suspended = std::get<Suspended>(forked);
  if (gate != nullptr) gate->ask(suspended);
  if (!suspended.in_cgroup()) child->group_.reset();
  child->timer_fd_ = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  const auto state = process::read_process(suspended.pid());  // at the least a zombie until it is reaped
  child->id_ = state ? state->id : process::ProcessId{suspended.pid(), 0};
  child->tree_.adopt(child->id_);
  if (gate != nullptr && !COORD_RULE(exec_after_still_yours, gate->opens())) return nullptr;
  child->block_signals();
  if (child->signal_fd_ < 0 || child->timer_fd_ < 0)
    return SpawnError{Exit::internal,
                      {ErrorKind::internal, "descriptors", "exhausted", "raise the limit (ulimit -n)"}};
  const auto failed = suspended.go(gate != nullptr ? gate->until() : Instant::max());
  if (failed) return *failed;
  return child;
}

const std::string& Child::cgroup() const {
  static const std::string none;
  return group_ ? group_->path() : none;
}

void Child::hear_of_ends() {
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;  // where SIGCHLD was ignored no status would be kept for us
  ::sigaction(SIGCHLD, &plain, &heritage_.child);
}

void Child::block_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  for (const int signal : forwarded) ::sigaddset(&set, signal);
  signal_fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  ::sigaddset(&set, SIGPIPE);  // a reader of our stderr that went away must not take the guard along
  ::sigprocmask(SIG_BLOCK, &set, &heritage_.mask.emplace());
}

Child::~Child() {
  for (const int fd : {signal_fd_, timer_fd_})
    if (fd >= 0) ::close(fd);
  ::sigaction(SIGCHLD, &heritage_.child, nullptr);
  if (!heritage_.mask) return;
  // What is still pending was meant for the command, which is gone; it must not hit
  // us when the mask is lifted.
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGPIPE);
  for (const int signal : forwarded) ::sigaddset(&set, signal);
  const timespec at_once{};
  while (::sigtimedwait(&set, nullptr, &at_once) > 0) continue;
  ::sigprocmask(SIG_SETMASK, &*heritage_.mask, nullptr);
}

void Child::spare(const process::ProcessId& id) {
  tree_.spare(id);
  has_spared_ = true;
}

void Child::limit(StopCause cause, Deadline deadline) {
  if (stage_ == Stage::running) {
    deadlines_[cause] = deadline;
  } else {
    kill_at_ = std::min(kill_at_, deadline.kill_at);
  }
}

void Child::unlimit(StopCause cause) {
  if (stage_ == Stage::running) deadlines_.erase(cause);
}

Outcome Child::run() {
  post_at_ = boot_now() + posted_after;
  while (true) {
    reap();
    const Instant now = boot_now();
    advance(now);
    if (finished()) break;
    wait_for_event(now);
    read_signals();
  }
  if (sentinel_) sentinel_->dismiss();
  read_signals();  // a Ctrl-C that the command died of may have come before we waited for anything
  return outcome_;
}

bool Child::finished() {
  return stage_ == Stage::running ? ended_ : ended_ && emptied_;
}

void Child::begin_stop(Instant now) {
  const auto first = std::min_element(deadlines_.begin(), deadlines_.end(), [](const auto& a, const auto& b) {
    return a.second.term_at < b.second.term_at;
  });
  if (first == deadlines_.end()) return;
  Instant kill_at = first->second.kill_at;
  for (const auto& [cause, deadline] : deadlines_) kill_at = std::min(kill_at, deadline.kill_at);
  if (now < first->second.term_at && now < kill_at) return;
  outcome_.stopped = first->first;
  kill_at_ = kill_at;
  stage_ = Stage::terminating;
  pass_on(Instant::max());
  if (sentinel_) {
    // From here on our only children are what is left of the command.
    if (const auto sentinel = process::read_process(sentinel_->pid())) tree_.spare(sentinel->id);
    sentinel_->dismiss();
  }
  if (now < kill_at_) outcome_.refused = tree_.signal_all(SIGTERM).refused;
  if (told_) told_(*outcome_.stopped);
}

// Whether nothing of the command runs any more. `seen`: the last walk saw something. Every descendant is
// below some child of ours, since orphans come to us; without children there is none, whatever a walk missed.
// Where other children are expected (spared ones, other users') several walks that see nothing must do.
bool Child::nobody_left(bool seen) const {
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD) return true;
  return !seen && quiet_rounds_ >= 3 && (has_spared_ || outcome_.refused > 0);
}

void Child::kill_round(Instant now) {
  const process::ProcessTree::Report report = tree_.kill_all();
  outcome_.killed = outcome_.killed || report.reached > 0;
  outcome_.refused = report.refused;
  quiet_rounds_ = report.reached == 0 ? quiet_rounds_ + 1 : 0;
  reap();
  emptied_ = nobody_left(report.reached > 0);
  // Who was reached needs a moment to die; a child that no walk sees is forking and exiting: look again soon.
  kill_pause_ = report.reached == 0 && report.refused == 0 ? shortest_kill_pause
                                                           : std::min(kill_pause_ * 2, longest_kill_pause);
  next_round_ = now + kill_pause_;
}

// Goes through the stages as far as `now` asks for.
void Child::advance(Instant now) {
  // Also when the command has ended meanwhile: we may have been stopped ourselves, its time ran out, and
  // whether it ended by itself nobody can tell.
  if (stage_ == Stage::running) begin_stop(now);
  if (stage_ == Stage::running) {
    if (post_at_ && now >= *post_at_) post_sentinel();
    pass_on(now);
  }
  if (stage_ == Stage::terminating && now >= kill_at_) {
    stage_ = Stage::killing;
    next_round_ = now;
    kill_pause_ = shortest_kill_pause;
  }
  if (stage_ == Stage::terminating) emptied_ = ended_ && nobody_left(true);
  if (stage_ == Stage::killing && now >= next_round_) kill_round(now);
}

std::optional<Instant> Child::next_wake(Instant now) const {
  std::optional<Instant> wake = watch_.at;
  const auto earlier = [&wake](Instant instant) { wake = wake ? std::min(*wake, instant) : instant; };
  switch (stage_) {
    case Stage::running:
      for (const auto& [cause, deadline] : deadlines_) earlier(std::min(deadline.term_at, deadline.kill_at));
      for (const auto& [signal, since] : held_back_) earlier(since + held_for);
      if (post_at_) earlier(*post_at_);
      break;
    case Stage::terminating:
      earlier(std::min(kill_at_, now + poll_while_stopping));
      break;
    case Stage::killing:
      earlier(next_round_);
      break;
  }
  return wake;
}

void Child::wait_for_event(Instant now) {
  itimerspec timer{};  // zero: not armed
  if (const std::optional<Instant> wake = next_wake(now)) {
    const std::int64_t ns = std::max<std::int64_t>(wake->time_since_epoch().count(), 1);
    timer.it_value.tv_sec = ns / 1'000'000'000;
    timer.it_value.tv_nsec = ns % 1'000'000'000;
  }
  ::timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &timer, nullptr);
  std::array<pollfd, 3> fds{{{signal_fd_, POLLIN, 0}, {timer_fd_, POLLIN, 0}, {watch_.fd, watch_.events, 0}}};
  if (::poll(fds.data(), fds.size(), -1) < 0) return;
  std::uint64_t expirations = 0;
  [[maybe_unused]] const ssize_t n = ::read(timer_fd_, &expirations, sizeof expirations);
  if (watch_.at && boot_now() >= *watch_.at) {
    watch_.at.reset();
    if (const auto due = watch_.due) due();
  }
  if (fds[2].revents != 0 && fds[2].fd == watch_.fd)
    if (const auto ready = watch_.ready) ready(fds[2].revents);
}

void Child::read_signals() {
  signalfd_siginfo info{};
  while (::read(signal_fd_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal != SIGCHLD) caught(signal, info.ssi_code == SI_KERNEL);
  }
}

// More of the same signal while it is held back are the same one, as they are to a process that is slow to
// take the first: timeout(1) signals us, then our group.
void Child::caught(int signal, bool from_terminal) {
  if (from_terminal && (signal == SIGINT || signal == SIGQUIT)) {
    outcome_.interrupted_by_terminal = true;
    return;
  }
  held_back_.try_emplace(signal, boot_now());
  if (stage_ != Stage::running) pass_on(Instant::max());
}

void Child::post_sentinel() {
  post_at_.reset();
  if (!ended_) sentinel_ = Sentinel::post(group_ ? group_->fd() : -1);
}

void Child::pass_on(Instant now) {
  for (auto it = held_back_.begin(); it != held_back_.end();) {
    const auto [signal, since] = *it;
    if (now - held_for < since) {
      ++it;
      continue;
    }
    it = held_back_.erase(it);
    if (ended_ || (sentinel_ && sentinel_->shares(signal, since - seen_late, id_))) continue;
    ::kill(id_.pid, signal);  // not reaped yet, so the pid is still its own
  }
}

// Takes in every child that has ended: the command, and the orphans that came to us as their subreaper.
void Child::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    if (sentinel_ && pid == sentinel_->pid()) {
      sentinel_->reaped();
      sentinel_.reset();
    }
    if (pid != id_.pid || ended_) continue;
    ended_ = true;
    if (WIFSIGNALED(status)) {
      outcome_.signal = WTERMSIG(status);
    } else {
      outcome_.code = WEXITSTATUS(status);
    }
  }
}

void die_as_interrupted(const Outcome& outcome) {
  if (!outcome.interrupted_by_terminal || (outcome.signal != SIGINT && outcome.signal != SIGQUIT)) return;
  const rlimit no_core{};  // the command has left its own
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(outcome.signal, SIG_DFL);
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, outcome.signal);
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(outcome.signal);
}

}  // namespace coord::cli
