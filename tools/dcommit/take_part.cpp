// SPDX-License-Identifier: MIT
// dcommit NAME -n COUNT: this host's part in a transaction. Each step is durable before the next one begins:
// that it prepares, before --prepare; its vote, before anybody is told the outcome; and so the same line may
// be run again wherever this process, its peer or its host has ended.
#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <variant>

#include "base/check.hpp"
#include "base/format.hpp"
#include "cli/child.hpp"
#include "cli/connect.hpp"
#include "cli/follow.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "dcommit/settings.hpp"
#include "dcommit/talk.hpp"
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

class Part {
 public:
  Part(const Settings& settings, engine::LocalConnection peer)
      : settings_(settings), object_(cli::shown(settings.name)), talk_(settings, std::move(peer)) {
    if (settings.wait) end_ = process::boot_now() + *settings.wait;
    id_ = settings.id.empty() ? talk_.host() : settings.id;
  }
  Result<cli::Exit> whole();

 private:
  // Of its run; an Error: it could not be begun, or was stopped.
  Result<int> run(const std::string& what, const std::string& outcome, std::optional<Instant> end) const;
  Status prepare();
  Result<cli::Exit> follow(const CommitView& view);
  Result<cli::Exit> undecided(const Error& why) const;
  int run_until_done(const std::string& command, const char* outcome) const;
  const service::CommitParticipant* self(const CommitView& view) const;
  // After -w an answer has the time that a peer takes to look for a leader.
  std::optional<Instant> answered_by() const {
    return end_ ? std::optional(std::max(*end_, process::boot_now() + seconds(3))) : std::nullopt;
  }

  const Settings& settings_;
  std::string object_, id_;
  Talk talk_;
  std::uint64_t run_ = random_number();
  std::optional<Instant> end_;
  Token generation_;
  CommitView last_seen_;
  bool voted_ = false;
};

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

// Says yes or no; an Error: that could not be said.
Status Part::prepare() {
  std::string why;
  if (auto status = run(settings_.prepare, "", end_); !status) {
    why = status.error().what;
  } else if (*status != 0) {
    why = fmt::format("--prepare ended with status {}", *status);
  }
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
  const bool committed = view.of.outcome == CommitOutcome::committed;
  const service::CommitParticipant* own = self(view);
  int status = 0;
  if (own != nullptr && !own->is_done()) {
    status =
        committed ? run_until_done(settings_.commit, "commit") : run_until_done(settings_.abort, "abort");
    const auto said = talk_.order(
        service::FinishCommit{settings_.name, generation_, id_, run_, status, 0, {}}, answered_by());
    if (!said) cli::complain("dcommit", said.error());
  }
  if (settings_.json) {
    const auto now = talk_.look(answered_by());
    cli::print(json_of(now && now->of.generation == generation_ ? *now : view, id_));
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
Result<cli::Exit> Part::undecided(const Error& why) const {
  if (!voted_ || why.kind == ErrorKind::usage) return why;
  if (settings_.json) cli::print(json_of(last_seen_, id_, true));
  return Error{ErrorKind::unknown, object_,
               fmt::format("this host has voted, and the outcome is not known: {}", why.what),
               "run the same line again"};
}

Result<cli::Exit> Part::whole() {
  const service::JoinCommit join{settings_.name, id_, talk_.host(), *settings_.count, run_, 0, {}};
  const auto joined = talk_.order(join, end_);
  if (!joined)
    return Error{joined.error().kind == ErrorKind::usage ? ErrorKind::usage : ErrorKind::unavailable, object_,
                 joined.error().what, joined.error().remedy};
  generation_ = *joined;
  auto view = talk_.look(answered_by());
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
  return follow(*view);
}

}  // namespace

Result<cli::Exit> take_part(const Settings& settings) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  return Part(settings, std::move(*peer)).whole();
}

}  // namespace coord::dcommit
