// SPDX-License-Identifier: MIT
#include "process/process_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/format.hpp"
#include "process/boot_time.hpp"
#include "process/cgroup.hpp"
#include "process/nesting.hpp"

namespace coord::process {
namespace {

// Of stopping what is new; a family that still grows is signalled as far as it is known.
constexpr int most_walks = 200, fewest_walks = 3;
constexpr Duration longest_chase_time = std::chrono::milliseconds(100);
constexpr int longest_chase = 4096;                   // pids
constexpr int quiet_chases = 3;                       // after which it is time for a walk
constexpr std::size_t environment_limit = 1U << 20U;  // bytes read of /proc/PID/environ

std::optional<pid_t> as_pid(const char* name) {
  pid_t pid = 0;
  const char* end = name + std::strlen(name);
  const auto read = std::from_chars(name, end, pid);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return pid;
}

// The process id that was given last.
pid_t youngest_pid() {
  std::array<char, 128> text{};
  const int fd = ::open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = ::read(fd, text.data(), text.size() - 1);
  ::close(fd);
  const char* const last = n > 0 ? std::strrchr(text.data(), ' ') : nullptr;
  return last == nullptr ? 0 : static_cast<pid_t>(std::strtol(last, nullptr, 10));
}

// Whether the environment with which pid was executed has `word` among the words of `variable`.
bool has_word(pid_t pid, const std::string& variable, std::string_view word) {
  const int fd = ::open(fmt::format("/proc/{}/environ", pid).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::string text(1, '\0');
  std::array<char, 4096> buffer;
  for (ssize_t n = 0; text.size() < environment_limit && (n = ::read(fd, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  ::close(fd);
  const std::string start = '\0' + variable + '=';
  const std::size_t found = text.find(start);
  if (found == std::string::npos) return false;
  const std::size_t begin = found + start.size();
  const std::string value = ' ' + text.substr(begin, text.find('\0', begin) - begin) + ' ';
  return value.find(' ' + std::string(word) + ' ') != std::string::npos;
}

// While a family that forks without end has the processors, its guard must not wait for its turn. Only root
// may; others try in vain.
class Urgency {
 public:
  Urgency() : before_(::getpriority(PRIO_PROCESS, 0)) { ::setpriority(PRIO_PROCESS, 0, -20); }
  Urgency(const Urgency&) = delete;
  Urgency& operator=(const Urgency&) = delete;
  ~Urgency() { ::setpriority(PRIO_PROCESS, 0, before_); }

 private:
  int before_;
};

}  // namespace

ProcessTree::ProcessTree(Family family)
    : family_(std::move(family)), known_(family_.roots.begin(), family_.roots.end()) {}

bool ProcessTree::carries_mark(pid_t pid) const {
  if (family_.of_user && user_of(pid) != family_.of_user) return false;
  if (in_cgroup_.count(pid) != 0) return true;
  if (family_.holding && has_open(pid, *family_.holding)) return true;
  return !family_.word.empty() && has_word(pid, family_.variable, family_.word);
}

ProcessTree::Verdict ProcessTree::judge(const ProcessState& process, std::size_t depth) {
  if (process.id.pid == ::getpid() || process.id.pid <= 1) return Verdict::stranger;
  if (std::find(family_.spared.begin(), family_.spared.end(), process.id) != family_.spared.end())
    return Verdict::spared;
  if (known_.count(process.id) != 0) return Verdict::member;
  if (const auto found = verdicts_.find(process.id); found != verdicts_.end()) return found->second;
  Verdict verdict = judge_by_parent(process, depth);
  if (verdict != Verdict::member && carries_mark(process.id.pid)) verdict = Verdict::member;
  if (verdict == Verdict::member) known_.insert(process.id);
  verdicts_[process.id] = verdict;
  return verdict;
}

ProcessTree::Verdict ProcessTree::judge_by_parent(const ProcessState& process, std::size_t depth) {
  if (family_.descendants_of != 0 && process.parent == family_.descendants_of) return Verdict::member;
  if (depth >= longest_ancestry || process.parent <= 1) return Verdict::stranger;
  if (is_orphan(process)) return Verdict::member;
  if (const auto parent = read_process(process.parent)) return judge(*parent, depth + 1);
  // A parent that is gone by now has handed this process on: the next look shows to whom.
  const auto again = read_process(process.id.pid);
  const bool moved = again && again->id == process.id && again->parent != process.parent;
  return moved ? judge_by_parent(*again, depth + 1) : Verdict::stranger;
}

// Process ids rise: of two that began within one clock tick the later one has the higher.
bool ProcessTree::is_orphan(const ProcessState& process) const {
  if (!wrapper_runs_ || process.parent != family_.orphans->wrapper.pid) return false;
  const ProcessId& command = family_.orphans->command;
  return std::pair(process.id.start_ticks, process.id.pid) > std::pair(command.start_ticks, command.pid);
}

void ProcessTree::begin_look() {
  verdicts_.clear();
  in_cgroup_.clear();
  wrapper_runs_ = family_.orphans && is_running(family_.orphans->wrapper);
  if (family_.cgroup.empty()) return;
  const std::vector<pid_t> pids = cgroup_members(family_.cgroup);
  in_cgroup_.insert(pids.begin(), pids.end());
}

// False: there is nobody, or nobody to be visited. `fresh`: it has begun a moment ago.
bool ProcessTree::look_at(pid_t pid, const Visit& visit, bool fresh) {
  const Life life = life_of(pid);
  if (life == Life::none || (life == Life::ended && !fresh)) return false;
  const std::optional<ProcessState> process = read_process(pid);
  if (!process) return false;
  if (process->ended()) {
    const bool ours = process->parent == family_.descendants_of || is_orphan(*process);
    if (fresh && ours) ++missed_;
    return false;
  }
  if (judge(*process, 0) != Verdict::member) return false;
  visit(*process);
  return true;
}

// All processes. `settled`, if any: who needs not be looked at, and who needs not be looked at again, since
// he is a stranger or dead, is added.
void ProcessTree::walk(const Visit& visit, std::set<pid_t>* settled) {
  begin_look();
  youngest_seen_ = youngest_pid();
  // readdir gives pids in rising order and finds what was started meanwhile further up.
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), ::closedir);
  is_blind_ = directory == nullptr;
  if (is_blind_) return;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::optional<pid_t> pid = as_pid(entry->d_name);
    if (!pid || (settled != nullptr && settled->contains(*pid))) continue;
    if (!look_at(*pid, visit, false) && settled != nullptr) settled->insert(*pid);
  }
}

// Those who began since the last look, the youngest first. Where pids have begun again from below, or too
// many have passed, the rest is left to the next walk.
void ProcessTree::chase(const Visit& visit, std::set<pid_t>& settled) {
  begin_look();
  const pid_t youngest = youngest_pid(), seen = std::exchange(youngest_seen_, youngest);
  const pid_t oldest = std::max({youngest - longest_chase, seen > youngest ? 0 : seen, 1});
  for (pid_t pid = youngest; pid > oldest; --pid)
    if (!settled.contains(pid) && !look_at(pid, visit, true)) settled.insert(pid);
}

std::vector<ProcessId> ProcessTree::members() {
  std::vector<ProcessId> out;
  walk([&](const ProcessState& process) { out.push_back(process.id); });
  return out;
}

std::set<ProcessId> ProcessTree::hold_still(Report& report) {
  std::set<ProcessId> held, refused;
  std::set<pid_t> settled;
  bool grew = false;
  missed_ = 0;
  const Visit stop = [&](const ProcessState& process) {
    if (held.contains(process.id) || refused.contains(process.id)) return;
    const Sent sent = send_signal(process.id, SIGSTOP);
    if (sent == Sent::delivered) held.insert(process.id);
    if (sent == Sent::refused) refused.insert(process.id);
    if (sent == Sent::gone) ++missed_;
    grew = grew || sent != Sent::refused;
  };
  const Instant end = boot_now() + longest_chase_time;
  for (int walks = 0; walks < most_walks && (walks < fewest_walks || boot_now() < end); ++walks) {
    for (int quiet = 0; quiet < quiet_chases && boot_now() < end;) {
      const std::size_t before = missed_ + held.size();
      chase(stop, settled);
      quiet = missed_ + held.size() == before ? quiet + 1 : 0;
    }
    // The pid of one who is settled may be a member's by now; and the last word is a look at all.
    settled.clear();
    grew = false;
    const std::size_t missed = missed_;
    walk(stop, &settled);
    chase(stop, settled);  // who began meanwhile
    if (!grew && missed_ == missed) break;
  }
  report.refused = refused.size();
  report.missed = missed_;
  return held;
}

ProcessTree::Report ProcessTree::signal_all(int signal) {
  const Urgency urgency;
  Report report;
  const std::set<ProcessId> held = hold_still(report);
  for (const ProcessId& id : held)
    if (send_signal(id, signal) == Sent::delivered) ++report.reached;
  for (const ProcessId& id : held) send_signal(id, SIGCONT);
  return report;
}

ProcessTree::Report ProcessTree::kill_all() {
  const Urgency urgency;
  Report report;
  std::size_t at_once = 0;
  if (!family_.cgroup.empty() && !family_.of_user) {
    at_once = cgroup_members(family_.cgroup).size();
    if (at_once != 0 && !cgroup_kill(family_.cgroup)) at_once = 0;  // an old kernel: the walk below does it
  }
  for (const ProcessId& id : hold_still(report))
    if (send_signal(id, SIGKILL) == Sent::delivered) ++report.reached;
  report.reached = std::max(report.reached, at_once);
  report.blind = is_blind_;
  return report;
}

}  // namespace coord::process
