// SPDX-License-Identifier: MIT
// dcommit NAME -n COUNT: a participant's way from prepare to the outcome, as the group's log settles it.
#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>
#include <variant>

#include "base/check.hpp"
#include "base/format.hpp"
#include "cli/child.hpp"
#include "cli/connect.hpp"
#include "cli/follow.hpp"
#include "cli/output_file.hpp"
#include "cli/run.hpp"
#include "dcommit/part.hpp"
#include "process/boot_time.hpp"

namespace coord::dcommit {

namespace {

using service::CommitOutcome;
using service::CommitView;
using service::CommitVote;
using std::chrono::seconds;

std::uint64_t random_number() {
  std::uint64_t number = 0;
  COORD_CHECK(::getrandom(&number, sizeof number, 0) == sizeof number);
  return number;
}

}  // namespace

Part::Part(const Settings& settings, engine::LocalConnection peer)
    : settings_(settings),
      object_(cli::shown(settings.name)),
      talk_(settings, std::move(peer)),
      run_(random_number()) {
  if (settings.wait) end_ = process::boot_now() + *settings.wait;
  id_ = settings.id.empty() ? talk_.host() : settings.id;
}

std::optional<Instant> Part::answered_by() const {
  return end_ ? std::optional(std::max(*end_, process::boot_now() + seconds(3))) : std::nullopt;
}

const service::CommitParticipant* Part::self(const CommitView& view) const {
  const auto found = std::ranges::find(view.participants, id_, &service::CommitParticipant::id);
  return found == view.participants.end() ? nullptr : &*found;
}

Result<int> Part::run(const std::string& what, const std::string& outcome, std::optional<Instant> end) const {
  cli::Program program;
  program.argv = {"/bin/sh", "-c", what};
  program.environment = {{"DCOMMIT_NAME", settings_.name}, {"DCOMMIT_ID", id_}, {"DCOMMIT_OUTCOME", outcome}};
  auto started = cli::Child::start(program);
  if (auto* error = std::get_if<cli::SpawnError>(&started)) return std::move(error->error);
  auto& child = std::get<std::unique_ptr<cli::Child>>(started);
  if (end) child->limit(cli::StopCause::max_run, {*end, *end + seconds(2)});
  const cli::Outcome ended = child->run();
  if (ended.stopped)
    return Error{ErrorKind::unavailable, object_, "--prepare had not ended when -w was over", ""};
  return static_cast<int>(ended.exit());
}

std::string Part::run_prepare() const {
  const auto status = run(settings_.prepare, "", end_);
  if (!status) return status.error().what;
  return *status == 0 ? "" : fmt::format("--prepare ended with status {}", *status);
}

// Says yes or no; an Error: that could not be said.
Status Part::prepare() {
  const std::string why = run_prepare();
  if (is_counted()) (void)talk_.look(answered_by());  // who has voted by now
  voted_ = true;
  const auto said = talk_.order(
      service::VoteCommit{settings_.name, generation_, id_, run_, why.empty(), why, 0, {}}, answered_by());
  return said ? done() : Status(said.error());
}

// A command for the outcome is repeated until it succeeds, for the outcome stands; at least once.
int Part::run_until_done(const std::string& command, const char* outcome) const {
  Duration pause = std::chrono::milliseconds(100);
  for (bool told = false;;) {
    const auto status = run(command, outcome, std::nullopt);
    if (status && *status == 0) return 0;
    const int code = status ? *status : static_cast<int>(cli::Exit::internal);
    const Instant now = process::boot_now();
    if (end_ && now + pause >= *end_) return code;
    if (!std::exchange(told, true) && !settings_.quiet)
      cli::notice("dcommit", fmt::format("{}: --{} ended with status {}: trying again until it succeeds",
                                         object_, outcome, code));
    if (!cli::pause_while_read(pause)) return code;
    pause = std::min<Duration>(2 * pause, seconds(10));
  }
}

// It is decided: does what that asks for.
Result<cli::Exit> Part::follow(const CommitView& view) {
  const bool committed = committed_.value_or(view.of.outcome == CommitOutcome::committed);
  const service::CommitParticipant* own = self(view);
  last_seen_ = view;
  int status = 0;
  if (own != nullptr && !own->is_done()) {
    status =
        committed ? run_until_done(settings_.commit, "commit") : run_until_done(settings_.abort, "abort");
    const auto said = talk_.order(
        service::FinishCommit{settings_.name, generation_, id_, run_, status, 0, {}}, answered_by());
    if (!said) cli::complain("dcommit", said.error());
  }
  if (settings_.json || !settings_.report.empty()) {
    auto now = talk_.look(answered_by());
    if (now && now->of.generation == generation_) last_seen_ = std::move(*now);
  }
  if (status != 0)
    cli::notice("dcommit",
                fmt::format("{}: {}, but --{} ended with status {}: run the same line again", object_,
                            committed ? "committed" : "aborted", committed ? "commit" : "abort", status));
  if (committed) return status == 0 ? cli::Exit::done : static_cast<cli::Exit>(status);
  if (!settings_.quiet) cli::notice("dcommit", fmt::format("{}: aborted: {}", object_, why_aborted(view)));
  return view.of.outcome == CommitOutcome::not_all_came ? cli::Exit::no : cli::Exit::failed;
}

// Nothing can be said, or heard.
Result<cli::Exit> Part::undecided(const Error& why) {
  if (!voted_ || why.kind == ErrorKind::usage) return why;
  blocked_ = true;
  return Error{ErrorKind::unknown, object_,
               fmt::format("this host has voted, and the outcome is not known: {}", why.what),
               "run the same line again"};
}

// What it has voted is in the log that its peer has, and by a classical algorithm it may have voted as soon
// as all had come.
Result<cli::Exit> Part::not_joined(const Error& why) {
  if (why.kind == ErrorKind::usage) return why;
  auto view = talk_.look_here();
  const service::CommitParticipant* const own = view ? self(*view) : nullptr;
  if (own == nullptr || own->is_done()) return why;
  const bool by_sites = view->of.protocol != service::CommitBy::majority;
  voted_ = own->vote != CommitVote::none || (by_sites && view->of.came == view->of.count);
  last_seen_ = std::move(*view);
  return undecided(why);
}

Status Part::join(const service::DecisionSite& site) {
  service::JoinCommit join{settings_.name, id_, talk_.host(), *settings_.count, run_, 0, {}};
  join.by = settings_.protocol;
  join.site = site;
  if (join.by == service::CommitBy::three_phase) join.bound = settings_.bound.value_or(seconds(1));
  const auto joined = talk_.order(join, end_);
  if (!joined)
    return Error{joined.error().kind == ErrorKind::usage ? ErrorKind::usage : ErrorKind::unavailable, object_,
                 joined.error().what, joined.error().remedy};
  generation_ = *joined;
  return done();
}

Result<cli::Exit> Part::by_log() {
  if (Status joined = join({}); !joined) return not_joined(joined.error());
  if (is_counted()) led_ = who_leads(settings_.peer);
  auto view = talk_.look(answered_by());
  if (!view) voted_ = true;  // an earlier run may have
  if (!view) return undecided(view.error());
  last_seen_ = *view;
  const service::CommitParticipant* own = self(*view);
  const bool is_open = view->of.outcome == CommitOutcome::open;
  if (own != nullptr) voted_ = own->vote != CommitVote::none;
  if (is_open && own != nullptr && !voted_) {
    if (Status said = prepare(); !said) return undecided(said.error());
  }
  if (is_open) view = talk_.wait_for_outcome(end_);
  if (view && view->of.generation == generation_) last_seen_ = *view;
  if (view && view->of.generation == generation_ && view->of.outcome == CommitOutcome::open) {
    const auto said =
        talk_.order(service::AbandonCommit{settings_.name, generation_, id_, run_, 0, {}}, answered_by());
    if (!said) return undecided(said.error());
    view = talk_.look(answered_by());
  }
  if (!view) return undecided(view.error());
  if (view->of.generation != generation_)
    return undecided(Error{ErrorKind::unknown, object_, "it was forgotten", ""});
  last_seen_ = std::move(*view);
  count_delays();
  return follow(CommitView(last_seen_));
}

// From the one whose word has decided it.
void Part::count_delays() {
  if (!led_ || talk_.last_open().of.generation != generation_) return;
  const auto& all = last_seen_.participants;
  const auto decider = std::ranges::find(all, last_seen_.of.by, &service::CommitParticipant::id);
  if (decider == all.end()) return;
  costs_.delays = log_delays(led_, who_leads(settings_.peer), decider->host);
}

std::string Part::record() {
  if (last_seen_.of.name.empty()) {
    last_seen_.of.name = settings_.name;
    last_seen_.of.protocol = settings_.protocol;
  }
  if (costs_.messages.empty()) costs_.messages = talk_.messages();
  return json_of(last_seen_, id_, blocked_, &costs_).line();
}

Result<cli::Exit> take_part(const Settings& settings) {
  const std::string file_name = fmt::format("report {}", cli::shown(settings.report));
  Descriptor file;
  if (!settings.report.empty()) {
    auto opened = cli::open_output_file(settings.report, file_name);
    if (!opened) return opened.error();
    file = std::move(*opened);
  }
  Descriptor log;
  if (!settings.log.empty()) {
    auto opened = cli::open_output_file(settings.log, fmt::format("log {}", cli::shown(settings.log)));
    if (!opened) return opened.error();
    log = std::move(*opened);
  }
  auto peer = connect(settings);
  if (!peer) return peer.error();
  Part part(settings, std::move(*peer));
  auto result = part.whole();
  if (log.is_open()) {
    const auto events = part.log();
    Status written = events ? cli::write_output_file(log, events->text, "log") : Status(events.error());
    if (!written) cli::complain("dcommit", written.error());
  }
  const bool over = result.ok() || result.error().kind == ErrorKind::unknown;
  if (settings.json && over) cli::print(part.record());
  if (!file.is_open()) return result;
  if (Status written = cli::write_output_file(file, part.record(), file_name); !written) {
    cli::complain("dcommit", written.error());
    if (result.ok() && *result == cli::Exit::done) return cli::Exit::output;
  }
  return result;
}

}  // namespace coord::dcommit
