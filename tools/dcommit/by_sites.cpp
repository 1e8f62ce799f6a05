// SPDX-License-Identifier: MIT
// dcommit --protocol 2pc and 3pc: the outcome is settled by the participants' hosts among themselves
// (agreements/part_deals.cpp). The log has who takes part, and is told the outcome afterwards; this host acts
// by what its own peer tells it, and by nothing else.
#include <chrono>
#include <utility>

#include "base/format.hpp"
#include "cli/follow.hpp"
#include "cli/run.hpp"
#include "dcommit/part.hpp"
#include "process/boot_time.hpp"

namespace coord::dcommit {

namespace {

using agreements::AskDeal;
using agreements::DealIs;
using service::CommitOutcome;
using service::CommitView;
using service::CommitVote;

bool have_come(const CommitView& view) {
  return view.of.came == view.of.count;
}

}  // namespace

Result<std::optional<DealIs>> Part::ask(AskDeal::What what, std::optional<Instant> end) {
  auto told = talk_.ask_sites(AskDeal{generation_, id_, run_, what}, end);
  if (!told) return told.error();
  if (!told->has_value()) return std::optional<DealIs>();
  auto* is = std::get_if<DealIs>(&**told);
  if (is == nullptr) return Error{ErrorKind::unavailable, object_, "its peer's answer cannot be", ""};
  costs_.messages = is->messages;
  costs_.delays = is->delays;
  return std::optional(std::move(*is));
}

// As it is at the end of -w if not; nobody has voted as long as one is missing.
Result<CommitView> Part::until_all_came() {
  auto view = talk_.wait_until_all_came(end_);
  if (!view || view->of.generation != generation_ || have_come(*view)) return view;
  if (view->of.outcome != CommitOutcome::open) return view;
  const auto said =
      talk_.order(service::AbandonCommit{settings_.name, generation_, id_, run_, 0, {}}, answered_by());
  if (!said) return said.error();
  return talk_.look(answered_by());
}

Result<std::optional<DealIs>> Part::give_up() {
  return ask(AskDeal::What::give_up, answered_by());
}

// Where another one has said no: it may tell the log a moment later than its host told the others.
CommitView Part::with_reason(CommitView view) {
  for (int tries = 0; tries < 5 && view.of.by.empty() && !*committed_; ++tries) {
    if (!cli::pause_while_read(std::chrono::milliseconds(100))) break;
    auto now = talk_.look(answered_by());
    if (!now || now->of.generation != generation_) break;
    view = std::move(*now);
  }
  return view;
}

Result<cli::Exit> Part::decided_by_sites(const DealIs& is, const std::string& why_not) {
  committed_ = is.stage == DealIs::Stage::committed;
  const CommitOutcome outcome = *committed_ ? CommitOutcome::committed : CommitOutcome::aborted;
  const CommitVote vote = *committed_ ? CommitVote::yes : why_not.empty() ? CommitVote::none : CommitVote::no;
  const auto said =
      talk_.order(service::LearnCommit{settings_.name, generation_, id_, run_, outcome, vote, why_not, 0, {}},
                  answered_by());
  if (!said) cli::complain("dcommit", said.error());
  auto view = talk_.look(answered_by());
  if (view && view->of.generation == generation_) last_seen_ = with_reason(std::move(*view));
  return follow(CommitView(last_seen_));
}

Result<cli::Exit> Part::in_doubt(const DealIs& is) {
  blocked_ = true;
  costs_.waits_for = is.waits_for;
  std::string hosts;
  for (const std::string& host : is.waits_for) hosts += (hosts.empty() ? "" : ", ") + cli::shown(host);
  return Error{ErrorKind::unknown, object_,
               fmt::format("this host has voted yes, and waits for {} to tell the outcome", hosts),
               "run the same line again"};
}

Result<agreements::WholeLog> Part::log() {
  if (generation_ == Token{} || settings_.protocol == service::CommitBy::majority)
    return agreements::WholeLog{};
  return agreements::log_of(agreements::GetLog{generation_, 0},
                            [&](const agreements::FromTool& what) -> Result<agreements::ToTool> {
                              auto told =
                                  talk_.ask_sites(what, process::boot_now() + std::chrono::seconds(3));
                              if (!told) return told.error();
                              if (!told->has_value())
                                return Error{ErrorKind::unavailable, object_, "the peer does not answer", ""};
                              return std::move(**told);
                            });
}

Result<cli::Exit> Part::by_sites() {
  auto host = talk_.ask_sites(agreements::GetSelf{}, answered_by());
  if (!host) return host.error();
  const auto* here = host->has_value() ? std::get_if<agreements::Sites>(&**host) : nullptr;
  if (here == nullptr || here->sites.size() != 1)
    return Error{ErrorKind::unavailable, object_, "the peer does not answer", ""};
  if (Status joined = join(here->sites.front()); !joined) return not_joined(joined.error());
  auto view = talk_.look(answered_by());
  voted_ = !view || have_come(*view);  // an earlier run may have
  if (!view) return undecided(view.error());
  last_seen_ = *view;
  // Who comes when it was ended for want of participants takes no part in it.
  if (self(*view) == nullptr || view->of.outcome == CommitOutcome::not_all_came) return follow(*view);
  Result<std::optional<DealIs>> is = std::optional(DealIs{});
  if (have_come(*view)) is = ask(AskDeal::What::how_it_stands, answered_by());
  if (!is) return undecided(is.error());
  if (!*is) {  // the end of -w: who is not told whether it has voted neither prepares nor says yes
    is = give_up();
    if (!is) return undecided(is.error());
    if (!*is || (*is)->stage == DealIs::Stage::not_voted)
      return undecided(Error{ErrorKind::unknown, object_, "its peer does not answer", ""});
  }
  std::string why_not;
  if ((*is)->stage == DealIs::Stage::not_voted) {
    voted_ = false;
    why_not = run_prepare();
    view = until_all_came();
    if (!view) return view.error();
    if (view->of.generation != generation_)
      return Error{ErrorKind::unavailable, object_, "it was forgotten", "run the same line again"};
    last_seen_ = *view;
    if (!have_come(*view)) return follow(*view);
  }
  voted_ = true;
  const bool decided = *is && (*is)->stage >= DealIs::Stage::committed;
  if (!decided) is = ask(why_not.empty() ? AskDeal::What::yes : AskDeal::What::no, end_);
  if (is && !*is) {  // the end of -w
    is = give_up();
    const bool by_itself = is && *is && (*is)->stage == DealIs::Stage::aborted && why_not.empty();
    if (by_itself) why_not = "it waited no longer";
  }
  if (!is) return undecided(is.error());
  if (!*is) return undecided(Error{ErrorKind::unknown, object_, "its peer does not answer", ""});
  if ((*is)->stage == DealIs::Stage::voted) return in_doubt(**is);
  return decided_by_sites(**is, why_not);
}

}  // namespace coord::dcommit
