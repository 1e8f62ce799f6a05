// SPDX-License-Identifier: MIT
#include "cli/held_session.hpp"

#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "cli/small_guard.hpp"
#include "process/boot_time.hpp"
#include "wire/local_version.hpp"

namespace coord::cli {

using process::boot_now;

std::string command_line(const std::vector<std::string>& argv) {
  constexpr std::size_t longest = 4096;
  std::string line;
  for (const std::string& word : argv) line += (line.empty() ? "" : " ") + word;
  line.resize(std::min(line.size(), longest));
  return line;
}

HeldSession::HeldSession(SessionTerms terms, engine::LocalConnection peer, MessageCounts& counts,
                         std::optional<process::Cgroup> group)
    : terms_(std::move(terms)),
      began_(boot_now()),
      line_(
          terms_.peer, terms_.tool, [this] { return opening(); }, std::move(peer)),
      counts_(counts),
      speaker_(terms_.tool),
      group_(std::move(group)),
      in_group_(line_.peer().welcome().scope == local::Scope::cluster ||
                line_.peer().welcome().scope == local::Scope::engine) {}

void HeldSession::note(const std::string& text) {
  if (!terms_.verbose) return;
  if (is_granted_) {
    speaker_.say(text);
  } else {
    notice(terms_.tool, text);
  }
}

// ---- until it is granted

Result<Verdict> HeldSession::wait_for_verdict(const WhileWaiting& meanwhile) {
  constexpr Duration second = std::chrono::seconds(1);
  const local::Cancelled given_up{only_request, false, {}};
  if (is_passed_on_ && !ask_anew()) return Verdict(given_up);
  const Instant answer_by = must_answer_by(line_.peer(), began_);
  std::optional<Instant> end = terms_.request.wait ? terms_.end : answer_by;
  for (bool cancelled = false;;) {
    const std::optional<Instant> until =
        meanwhile.glance ? std::min(end.value_or(Instant::max()), boot_now() + second) : end;
    auto answer = line_.peer().wait(until);
    if (!answer && !terms_.request.wait) return answer.error();
    if (!answer) {
      if (cancelled) return Verdict(given_up);
      note("the peer is gone: asking again when it is back");
      if (!line_.come_back_by(end)) return Verdict(given_up);
    } else if (answer->has_value()) {
      if (ask_older_again(**answer)) continue;
      auto verdict = take_waiting(**answer, meanwhile);
      if (!verdict) return verdict.error();
      if (*verdict) return std::move(**verdict);
    } else if (end && boot_now() >= *end) {
      if (!terms_.request.wait) return no_answer();
      if (cancelled) return Verdict(given_up);
      cancelled = true;
      count("cancel");
      if (!line_.peer().send(local::Cancel{only_request})) return Verdict(given_up);
      end = std::max(boot_now() + answer_patience, answer_by);
    } else if (meanwhile.glance) {
      meanwhile.glance();
    }
  }
}

// A peer of 0.1.0 refuses -n at once while it knows no leader: what a newer one does
// for its tools, this does.
bool HeldSession::ask_older_again(const local::Answer& answer) {
  constexpr Duration pause = std::chrono::milliseconds(20), leader = std::chrono::seconds(1);
  const auto* refusal = std::get_if<local::Refused>(&answer);
  const bool again = refusal != nullptr && refusal->kind == local::RefusedKind::no_quorum &&
                     !terms_.request.wait && line_.peer().speaks() < 2 && boot_now() < began_ + leader;
  if (!again) return false;
  std::this_thread::sleep_for(pause);
  count("acquire");
  return line_.peer().send({terms_.request, terms_.holder}).ok();
}

Verdict HeldSession::no_answer() const {
  const auto& candidacy = terms_.request.candidacy;
  const bool counts = (candidacy && candidacy->slot) || terms_.request.period != Duration{};
  return local::Refused{only_request, counts ? local::RefusedKind::unknown : local::RefusedKind::no_quorum,
                        "the peer does not answer"};
}

Result<std::optional<Verdict>> HeldSession::take_waiting(const local::Answer& answer,
                                                         const WhileWaiting& meanwhile) {
  using Taken = std::optional<Verdict>;
  if (const auto* grant = std::get_if<local::Granted>(&answer)) {
    if (Status whole = granted(*grant); !whole) return whole.error();
    return Taken(*grant);
  }
  if (const auto* refusal = std::get_if<local::Refused>(&answer)) {
    count("refused");
    return Taken(*refusal);
  }
  if (const auto* other = std::get_if<local::Joined>(&answer)) {
    count("joined");
    return Taken(*other);
  }
  if (const auto* over = std::get_if<local::Cancelled>(&answer)) {
    count("cancelled");
    return Taken(*over);
  }
  if (const auto* waiting = std::get_if<local::Waiting>(&answer)) {
    count("waiting");
    group_.reset();  // who waits in line leaves nothing behind, however it ends
    if (meanwhile.news) meanwhile.news(*waiting);
  }
  if (const auto* part = std::get_if<local::FromPart>(&answer); part != nullptr && meanwhile.part)
    meanwhile.part(*part);
  return Taken();
}

Status HeldSession::granted(const local::Granted& grant) {
  count("granted");
  grant_ = grant;
  sent_ = grant.sent;
  resume_ = {only_request, grant.session, grant.secret, 0, terms_.grace};
  is_granted_ = true;
  if (terms_.request.holder != 0) return done();
  auto hold = line_.peer().take_hold();
  if (!hold) {
    let_go();  // nobody would be seen to hold it
    return hold.error();
  }
  hold_ = std::move(*hold);
  return done();
}

// Back to the end of the line, over a connection that has nothing to do with what we
// had. False: the time is over.
bool HeldSession::ask_anew() {
  note("the grant was not taken up in time: asking anew");
  is_passed_on_ = is_granted_ = lost_ = resumes_ = false;
  hold_.reset();
  command_.reset();
  began_ = boot_now();
  return line_.come_back_by(terms_.request.wait ? terms_.end : boot_now() + answer_patience);
}

// What makes us known on a line that was tied again. While we wait that is the request: a new place in line.
engine::Spoken HeldSession::opening() {
  count(is_granted_ ? "resume" : "acquire");
  if (is_granted_) return {resume_, command_.get()};
  return {terms_.request, terms_.holder};
}

// ---- taking it up

void HeldSession::say_started() {
  if (line_.away()) return;
  count("started");
  // A peer that is gone is seen by whoever hears it next.
  (void)line_.peer().send({local::Started{only_request, resume_.pid, resume_.grace}, command_.get()});
}

// Waits for the peer's word that it is still ours, as long as that can be. We may have been stopped: all that
// has come meanwhile is heard before the clock is looked at. Also for the answer of `along`.
Result<bool> HeldSession::hear_taken_up(const Along* along) {
  bool resumed = false, ours = false, answered = along == nullptr, owes = false;
  for (;;) {
    if (line_.away()) {
      if (ours && answered) return !too_late();
      if (too_late()) break;
      resumed = line_.come_back();
      owes = resumed && !answered;
      if (!resumed) line_.pause(deadline().term_at);
      continue;
    }
    // Once it has greeted.
    if (owes && local::knows(line_.peer().speaks(), along->request))
      owes = !line_.peer().send(along->request).ok();
    auto answer = line_.peer().receive();
    if (answer && !answer->has_value()) {
      if (too_late()) break;
      // An older one gives no word on it; what it must guard it hears of when that runs.
      if (answered && (ours || (!resumed && line_.peer().speaks() < 2))) return true;
      answer = line_.peer().wait(deadline().term_at);
    }
    if (!answer) line_.broken();
    if (!answer || !answer->has_value()) continue;
    if (along != nullptr && along->is_answer(**answer)) {
      answered = true;
    } else if (std::holds_alternative<local::TakenUp>(**answer)) {
      count("taken up");
      ours = true;
    } else if (const auto* renewed = std::get_if<local::Renewed>(&**answer)) {
      sent_ = std::max(sent_, renewed->sent);
      ours = ours || resumed;
    } else if (const auto* refusal = std::get_if<local::Refused>(&**answer)) {
      return Error{ErrorKind::unavailable, terms_.object, refusal->why, ""};
    } else if (std::holds_alternative<local::TakenBack>(**answer) ||
               std::holds_alternative<local::Lost>(**answer)) {
      break;
    }
  }
  is_passed_on_ = !has_begun_;
  return false;
}

Result<bool> HeldSession::take_up(std::uint32_t pid, int pidfd, const Along* along) {
  resume_.pid = pid;
  command_ = Descriptor(pidfd >= 0 ? ::fcntl(pidfd, F_DUPFD_CLOEXEC, 0) : -1);
  say_started();
  auto ours = hear_taken_up(along);
  has_begun_ = ours && *ours;
  return ours;
}

void HeldSession::begin_to_take_up() {
  resume_.pid = 0;
  command_ = Descriptor();
  has_begun_ = false;
  say_started();
}

// Its answer is heard with that to the word that takes the grant up; over a line that broke it is
// asked again.
void HeldSession::ask(const Along& along) {
  if (!line_.away()) (void)line_.peer().send(along.request);
}

Result<bool> HeldSession::taken_up() {
  if (has_begun_) return true;
  if (is_passed_on_) return false;
  auto ours = hear_taken_up();
  has_begun_ = ours && *ours;
  return ours;
}

// ---- while it is held

bool HeldSession::too_late() const {
  return boot_now() >= deadline().term_at;
}

Deadline HeldSession::deadline() const {
  const Instant kill = kill_at();
  if (lost_) return {boot_now(), std::min(kill, stop_by_)};
  return {kill - terms_.grace, kill};
}

// `child`: what runs meanwhile, if anything.
void HeldSession::take(const local::Answer& answer, Child* child) {
  if (const auto* renewed = std::get_if<local::Renewed>(&answer)) {
    count("renewed");
    sent_ = std::max(sent_, renewed->sent);
    has_begun_ = has_begun_ || resumes_;
    line_.calm();
  } else if (std::holds_alternative<local::TakenUp>(answer)) {
    count("taken up");
    has_begun_ = true;
    return;
  } else if (std::holds_alternative<local::TakenBack>(answer)) {
    is_passed_on_ = !has_begun_;
    return;
  } else if (const auto* loss = std::get_if<local::Lost>(&answer)) {
    count("lost");
    speaker_.stopped(terms_.object, fmt::format("lost: {}", loss->why));
    lost_ = true;
    stop_by_ = std::max(boot_now(), loss->kill_at);
  } else {
    return;
  }
  if (child != nullptr) child->limit(StopCause::lost, deadline());
}

void HeldSession::stopped(StopCause cause, std::optional<Duration> max_run) {
  if (cause == StopCause::max_run) {
    speaker_.stopped(terms_.object, ran_too_long(*max_run));
  } else {
    speaker_.stopped(terms_.object, not_renewed(sent_, line_.away()));
  }
}

HeldSession::Run HeldSession::run(const Program& program, std::optional<Duration> max_run,
                                  const std::function<Status()>& before) {
  return run_with(nullptr, program, max_run, before);
}

HeldSession::Run HeldSession::run_if(const Along& along, const Program& program,
                                     std::optional<Duration> max_run) {
  return run_with(&along, program, max_run, {});
}

HeldSession::Run HeldSession::run_with(const Along* along, const Program& program,
                                       std::optional<Duration> max_run,
                                       const std::function<Status()>& before) {
  std::optional<Error> refused;
  bool is_told_no = false;
  const auto opens = [&] {
    auto ours = hear_taken_up(along);
    if (!ours) refused = ours.error();
    if (!ours || !*ours) return false;
    has_begun_ = true;
    is_told_no = along != nullptr && !along->says_yes();
    if (is_told_no) return false;
    if (Status ready = before ? before() : done(); !ready) refused = ready.error();
    return !refused;
  };
  const auto ask = [&](Suspended& child) {
    resume_.pid = static_cast<std::uint32_t>(child.pid());
    command_ = child.take_pidfd();
    if (line_.peer().speaks() >= 2) say_started();
  };
  if (!group_) group_ = process::Cgroup::create();
  const Gate gate{ask, opens, [this] { return kill_at(); }};
  auto started = Child::start(program, std::move(group_), &gate);
  const Instant began = boot_now();
  group_.reset();
  if (auto* failed = std::get_if<SpawnError>(&started)) return std::move(*failed);
  auto& child = std::get<std::unique_ptr<Child>>(started);
  if (refused) return std::move(*refused);
  if (child == nullptr && (is_passed_on_ || is_told_no)) return PassedOn{};
  if (child == nullptr) return never_begun();
  if (line_.peer().speaks() < 2) say_started();
  speaker_.next_command();
  child->on_stop([this, max_run](StopCause cause) { stopped(cause, max_run); });
  child->limit(StopCause::lost, deadline());
  if (max_run) child->limit(StopCause::max_run, {began + *max_run, began + *max_run + terms_.grace});
  line_.attend(*child, {[&](const local::Answer& answer) { take(answer, child.get()); },
                        [&](const Error& error) {
                          note(fmt::format("the peer is gone: the command may run until the lease ends: {}",
                                           error.text()));
                        }});
  Outcome outcome = child->run();
  if (outcome.may_be_stopped_by_another()) {
    line_.catch_up(*child);
    if (lost_) outcome.stopped = StopCause::lost;
  }
  if (outcome.stopped == StopCause::lost) lost_ = true;
  group_path_ = child->cgroup();
  group_ = child->take_group();
  sentinel_ = child->take_sentinel();
  return Ended{outcome, std::move(child)};
}

// The session was lost between two programs.
HeldSession::Run HeldSession::never_begun() {
  lost_ = true;
  Outcome outcome;
  outcome.stopped = StopCause::lost;
  return Ended{outcome, nullptr};
}

bool HeldSession::ask(const local::Request& request, const std::function<Instant()>& end, bool insist,
                      const IsAnswer& is_answer) {
  for (bool again = false; !lost_ && !is_passed_on_ && boot_now() < end(); again = true) {
    if (!line_.away() && hear_greeting(request, end()) && line_.peer().send(request)) {
      if (hear_until(is_answer, end())) return true;
      if (!line_.away()) return false;
    }
    line_.broken();
    if (!insist) return false;
    if (again) line_.pause(end());
    resumes_ = line_.come_back() || resumes_;
  }
  return false;
}

// On a line that was tied again the peer's greeting may be on its way: what not every release
// reads waits for it.
bool HeldSession::hear_greeting(const local::Request& request, Instant end) {
  while (!lost_ && !local::knows(line_.peer().speaks(), request)) {
    auto answer = line_.peer().wait(std::min(end, boot_now() + engine::greeting_patience));
    if (!answer || !answer->has_value() || std::holds_alternative<local::Refused>(**answer)) return false;
    take(**answer, nullptr);
  }
  return !lost_;
}

bool HeldSession::hear_until(const IsAnswer& is_answer, Instant end) {
  for (;;) {
    auto answer = line_.peer().wait(end);
    if (!answer) line_.broken();
    if (!answer || !answer->has_value()) return false;
    if (is_answer(**answer)) return true;
    if (std::holds_alternative<local::Refused>(**answer)) return false;
    take(**answer, nullptr);
    if (lost_ || is_passed_on_) return false;
  }
}

bool HeldSession::has_heard(const IsAnswer& is_answer) {
  while (!line_.away() && !lost_ && !is_passed_on_) {
    auto answer = line_.peer().receive();
    if (!answer) line_.broken();
    if (!answer || !answer->has_value()) return false;
    if (is_answer(**answer)) return true;
    take(**answer, nullptr);
  }
  return false;
}

void HeldSession::let_go(std::optional<int> status) {
  const std::optional<std::uint8_t> told =
      status ? std::optional(static_cast<std::uint8_t>(*status)) : std::nullopt;
  Descriptor watch;
  if (hold_.is_open() && !lost_) watch = watch_of(hold_.get());
  release(told);
  if (is_held(watch)) guard_what_is_left(watch, told);
  speaker_.finish();
}

// In a group only: where there is one peer, nobody gets a lock while it is away.
void HeldSession::guard_what_is_left(const Descriptor& watch, std::optional<std::uint8_t> status) {
  if (!in_group_) return;
  GuardTerms terms;
  terms.tool = terms_.tool;
  terms.object = terms_.object;
  terms.peer = terms_.peer;
  terms.resume = resume_;
  terms.resume.pid = 0;
  terms.ttl = terms_.request.ttl;
  terms.grace = terms_.grace;
  terms.sent = sent_;
  terms.peer_gone = line_.away();
  terms.cgroup = group_path_;
  terms.status = status;
  const Status guarded = start_small_guard(std::move(terms), line_.peer(), watch);
  if (!guarded) notice(terms_.tool, guarded.error().text());
}

void HeldSession::release(std::optional<std::uint8_t> status) {
  // Never started for this: the next one to be started finds that nobody holds it.
  const bool reached = !line_.away() || line_.come_back(LocalLine::Start::never);
  hold_.reset();
  if (!reached) return;
  count("release");
  if (!line_.peer().send(local::Release{only_request, status})) return line_.broken();
  // While the peer is at work on it.
  sentinel_.reset();
  group_.reset();
  const Instant patience = boot_now() + answer_patience;
  for (;;) {
    auto answer = line_.peer().wait(patience);
    if (!answer) line_.broken();
    if (!answer || !answer->has_value()) return;  // the session ends with the connection, or by its lease
    if (std::holds_alternative<local::Released>(**answer)) count("released");
    if (std::holds_alternative<local::Released>(**answer) || std::holds_alternative<local::Refused>(**answer))
      return;
  }
}

}  // namespace coord::cli
