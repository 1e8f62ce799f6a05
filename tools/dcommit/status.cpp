// SPDX-License-Identifier: MIT
// dcommit --status, --list and --forget.
#include <algorithm>

#include "base/format.hpp"
#include "cli/age.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/live.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "dcommit/settings.hpp"
#include "dcommit/talk.hpp"
#include "process/boot_time.hpp"

namespace coord::dcommit {

namespace {

using service::CommitOutcome;

Result<local::Shown> ask(engine::LocalConnection& peer, const Settings& settings, service::AnyQuestion what) {
  if (Status sent = peer.send(local::Question{1, std::move(what), settings.stale, false}); !sent)
    return sent.error();
  for (;;) {
    auto answer = peer.wait(std::nullopt);
    if (!answer) return answer.error();
    if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      Error error = cli::refused_by_peer(settings.name.empty() ? "transactions" : cli::shown(settings.name),
                                         *refused, true);
      return error;
    }
    if (auto* shown = std::get_if<local::Shown>(&**answer)) return std::move(*shown);
  }
}

// As --json says it.
std::string_view word_of(CommitOutcome outcome) {
  switch (outcome) {
    case CommitOutcome::open:
      return "open";
    case CommitOutcome::committed:
      return "committed";
    case CommitOutcome::aborted:
    case CommitOutcome::not_all_came:
      return "aborted";
    case CommitOutcome::torn:
      return "torn";
  }
  return "";
}

// What this participant is at.
std::string status_of(const service::CommitParticipant& each, const service::CommitRecord& of) {
  const bool by_log = of.protocol == service::CommitBy::majority;
  if (!by_log && each.told == CommitOutcome::open && of.outcome != CommitOutcome::not_all_came)
    return "taking part";  // what it has voted only its host knows
  if (by_log && of.outcome == CommitOutcome::open)
    return each.vote == service::CommitVote::none ? "preparing" : "waiting";
  if (each.is_done()) return "done";
  return each.ended ? fmt::format("failed {}", each.status) : "outstanding";
}

cli::JsonObject fields_of(const service::CommitRecord& record, bool blocked = false) {
  cli::JsonObject object;
  object.name("name", record.name)
      .text("outcome", blocked ? "blocked" : word_of(record.outcome))
      .text("protocol", name_of(record.protocol))
      .id("generation", record.generation);
  object.integer("count", record.count).integer("came", record.came).integer("voted", record.voted);
  object.integer("done", record.finished).time("since", record.since);
  return object;
}

cli::Exit no_such(const Settings& settings) {
  if (!settings.quiet)
    cli::notice("dcommit", fmt::format("{}: there is no such transaction", cli::shown(settings.name)));
  return cli::Exit::no;
}

}  // namespace

std::string why_aborted(const service::CommitView& view) {
  if (view.of.outcome == CommitOutcome::not_all_came)
    return fmt::format("only {} of {} had come when {} stopped waiting", view.of.came, view.of.count,
                       cli::shown(view.of.by));
  const auto by = std::ranges::find(view.participants, view.of.by, &service::CommitParticipant::id);
  if (by != view.participants.end() && by->vote == service::CommitVote::no)
    return fmt::format("{}: {}", cli::shown(by->id), cli::shown(by->why));
  if (view.of.protocol != service::CommitBy::majority)
    return "not all votes came in time, or its coordinator was restarted before it had them";
  std::string missing;
  for (const service::CommitParticipant& each : view.participants) {
    if (each.vote == service::CommitVote::none)
      missing += (missing.empty() ? "" : ", ") + cli::shown(each.id);
  }
  return fmt::format("{} waited no longer; not voted: {}", cli::shown(view.of.by),
                     missing.empty() ? "-" : missing);
}

cli::JsonObject json_of(const service::CommitView& view, const std::string& id, bool blocked,
                        const Costs* costs) {
  cli::JsonObject object = fields_of(view.of, blocked);
  if (!id.empty()) object.name("id", id);
  cli::JsonArray participants;
  for (const service::CommitParticipant& each : view.participants) {
    cli::JsonObject one;
    one.name("id", each.id).text("host", each.host).text("user", each.user);
    one.text("vote", name_of(each.vote)).text("status", status_of(each, view.of));
    if (each.told != CommitOutcome::open) one.text("told", word_of(each.told));
    if (!each.why.empty()) one.text("why", each.why);
    participants.object(one);
  }
  object.array("participants", participants);
  const bool aborted = word_of(view.of.outcome) == "aborted";
  if (aborted) object.text("why", why_aborted(view));
  if (costs != nullptr) {
    cli::JsonArray hosts;
    for (const std::string& host : costs->waits_for) hosts.text(host);
    if (blocked) object.array("waits_for", hosts);
    cli::JsonObject counts;
    for (const auto& [type, count] : costs->messages) counts.integer(type, count);
    object.object("messages", counts);
    costs->delays ? object.integer("delays", *costs->delays) : object.null("delays");
  }
  return object;
}

Result<cli::Exit> show_status(const Settings& settings) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  auto shown = ask(*peer, settings, service::GetCommit{settings.name});
  if (!shown) return shown.error();
  const auto& view = std::get<service::CommitView>(shown->what);
  if (view.of.generation == Token{}) return no_such(settings);
  if (settings.json) {
    cli::JsonObject object = json_of(view, "");
    cli::print(object.text("scope", name_of(peer->welcome().scope)).time("as_of", shown->as_of).line());
    return cli::Exit::done;
  }
  const bool aborted = word_of(view.of.outcome) == "aborted";
  cli::print(fmt::format("{}: {}{}, {} of {} came, {} voted, {} done\n", cli::shown(settings.name),
                         word_of(view.of.outcome), aborted ? fmt::format(" ({})", why_aborted(view)) : "",
                         view.of.came, view.of.count, view.of.voted, view.of.finished));
  cli::Table table({{"ID"}, {"HOST"}, {"USER"}, {"VOTE"}, {"STATUS"}});
  for (const service::CommitParticipant& each : view.participants)
    table.row({each.id, each.host, each.user, name_of(each.vote), status_of(each, view.of)});
  cli::print(cli::for_stdout(std::move(table)));
  return cli::Exit::done;
}

Result<cli::Exit> list(const Settings& settings) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  const local::Scope scope = peer->welcome().scope;
  cli::Table table({{"NAME"}, {"OUTCOME"}, {"CAME"}, {"VOTED"}, {"DONE"}, {"FOR", cli::Table::Align::right}});
  std::string after;
  for (;;) {
    auto shown = ask(*peer, settings, service::ListCommits{settings.name, after});
    if (!shown) return shown.error();
    const auto& view = std::get<service::CommitsView>(shown->what);
    for (const service::CommitRecord& record : view.transactions) {
      const auto part = [&](std::uint32_t count) { return fmt::format("{}/{}", count, record.count); };
      if (settings.json) {
        cli::JsonObject object = fields_of(record);
        cli::print(object.text("scope", name_of(scope)).time("as_of", shown->as_of).line());
      } else {
        table.row({record.name, std::string(word_of(record.outcome)), part(record.came), part(record.voted),
                   part(record.finished), cli::age_text(record.since, shown->as_of)});
      }
    }
    if (!view.more || view.transactions.empty()) break;
    after = view.transactions.back().name;
  }
  if (settings.json || settings.quiet) return cli::Exit::done;
  if (table.empty()) {
    cli::say_none("dcommit", "no transactions", false);
  } else {
    cli::print(cli::for_stdout(std::move(table).with("SCOPE", name_of(scope))));
  }
  return cli::Exit::done;
}

// Who has prepared and does not know of the outcome yet: it would begin a new transaction by the same line.
// None comes to them once it is decided.
std::string outstanding(const service::CommitView& view) {
  std::string ids;
  if (view.of.outcome == CommitOutcome::open) return ids;
  for (const service::CommitParticipant& each : view.participants)
    if (!each.is_done()) ids += (ids.empty() ? "" : ", ") + cli::shown(each.id);
  return ids;
}

Result<cli::Exit> forget(const Settings& settings) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  const std::string object = cli::shown(settings.name);
  if (!settings.i_know) {
    auto shown = ask(*peer, settings, service::GetCommit{settings.name});
    if (!shown) return shown.error();
    const std::string who = outstanding(std::get<service::CommitView>(shown->what));
    if (!who.empty()) {
      cli::notice("dcommit",
                  fmt::format("{}: {} {} not done with it: run the same line there again, or give --i-know",
                              object, who, who.find(',') == std::string::npos ? "is" : "are"));
      return cli::Exit::no;
    }
  }
  const Instant end = cli::must_answer_by(*peer, process::boot_now());
  if (Status sent = peer->send(local::Order{1, service::ForgetCommit{settings.name, 0, {}, settings.i_know}});
      !sent)
    return sent.error();
  for (;;) {
    auto answer = peer->wait(end);
    if (!answer || !answer->has_value())
      return Error{ErrorKind::unknown, object, answer ? "the peer does not answer" : answer.error().what,
                   "it may have taken effect: look with --status"};
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return cli::refused_by_peer(object, *refused);
    const auto* ordered = std::get_if<local::Ordered>(&**answer);
    if (ordered == nullptr) continue;
    if (ordered->done) return cli::Exit::done;
    if (ordered->kind != local::RefusedKind::held)
      return cli::refused_by_peer(object, {1, ordered->kind, ordered->why});
    cli::notice("dcommit", fmt::format("{}: {}", object, ordered->why));
    return cli::Exit::no;
  }
}

}  // namespace coord::dcommit
