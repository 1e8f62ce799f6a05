// SPDX-License-Identifier: MIT
// dpropose --get, --list and --forget: what is decided.
#include "base/format.hpp"
#include "cli/age.hpp"
#include "cli/connect.hpp"
#include "cli/live.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "dpropose/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::dpropose {

namespace {

struct Seen {
  WallTime as_of;
  service::AnyView view;
};

Result<Seen> ask(engine::LocalConnection& peer, const Settings& settings, service::AnyQuestion what) {
  if (Status sent = peer.send(local::Question{1, std::move(what), settings.stale, false}); !sent)
    return sent.error();
  for (;;) {
    auto answer = peer.wait(std::nullopt);
    if (!answer) return answer.error();
    if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      Error error = cli::refused_by_peer(settings.name.empty() ? "decisions" : cli::shown(settings.name),
                                         *refused, true);
      return error;
    }
    if (auto* shown = std::get_if<local::Shown>(&**answer)) return Seen{shown->as_of, std::move(shown->what)};
  }
}

cli::Exit nothing_decided(const Settings& settings) {
  if (!settings.quiet)
    cli::notice("dpropose", fmt::format("{}: nothing is decided", cli::shown(settings.name)));
  return cli::Exit::no;
}

Error may_be_forgotten(const std::string& object, const std::string& why) {
  return Error{ErrorKind::unknown, object, why, "it may have taken effect: look with --get"};
}

}  // namespace

Result<engine::LocalConnection> connect(const Settings& settings) {
  const cli::ConnectOptions how = cli::in_time(settings.peer, settings.wait, settings.no_wait);
  auto peer = cli::connect_to_peer(how, "dpropose");
  if (peer && peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host", "its release has no decisions",
                 "install this release's coordd"};
  return peer;
}

cli::JsonObject fields_of(const service::DecisionRecord& record, const std::string* value) {
  cli::JsonObject object;
  object.name("name", record.name);
  if (record.generation == Token{}) return std::move(object.null("value").null("decided_by"));
  if (value != nullptr) object.name("value", *value);
  const bool by_log = record.algorithm == service::Agreement::raft;
  if (by_log) {
    object.text("decided_by", record.host);
  } else {
    object.null("decided_by");
  }
  object.text("algorithm", name_of(record.algorithm)).id("generation", record.generation);
  if (by_log) {
    object.integer("bytes", record.bytes);
  } else if (value != nullptr) {
    object.integer("bytes", value->size());
  } else {
    object.null("bytes");  // its sites know
  }
  return std::move(object.text("user", record.user).time("since", record.since));
}

void print_value(const Settings& settings, const std::string& value) {
  cli::print(value);
  if (!settings.as_it_is) cli::print("\n");
}

Result<cli::Exit> get(const Settings& settings) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  auto seen = ask(*peer, settings, service::GetDecision{settings.name});
  if (!seen) return seen.error();
  auto& view = std::get<service::DecisionView>(seen->view);
  if (view.of.generation == Token{}) return nothing_decided(settings);
  if (view.of.algorithm != service::Agreement::raft) {
    auto told = ask_sites(*peer, cli::shown(settings.name), agreements::GetDecided{view.of.generation},
                          cli::must_answer_by(*peer, process::boot_now()));
    if (!told) return told.error();
    auto* decided = std::get_if<agreements::Decided>(&*told);
    if (decided == nullptr) return nothing_decided(settings);
    view.value = std::move(decided->value);
  }
  if (settings.json) {
    cli::JsonObject object = fields_of(view.of, &view.value);
    cli::print(object.text("scope", name_of(peer->welcome().scope)).time("as_of", seen->as_of).line());
  } else {
    print_value(settings, view.value);
  }
  return cli::Exit::done;
}

Result<cli::Exit> forget(const Settings& settings) {
  const std::string object = cli::shown(settings.name);
  auto peer = connect(settings);
  if (!peer) return peer.error();
  const Instant end = cli::must_answer_by(*peer, process::boot_now());
  if (Status sent = peer->send(local::Order{1, service::ForgetDecision{settings.name, 0, {}}}); !sent)
    return sent.error();
  for (;;) {
    auto answer = peer->wait(end);
    if (!answer) return may_be_forgotten(object, answer.error().what);
    if (!answer->has_value()) return may_be_forgotten(object, "the peer does not answer");
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return cli::refused_by_peer(object, *refused);
    const auto* ordered = std::get_if<local::Ordered>(&**answer);
    if (ordered == nullptr) continue;
    if (ordered->done) return cli::Exit::done;
    if (ordered->kind == local::RefusedKind::held) return nothing_decided(settings);
    return cli::refused_by_peer(object, {1, ordered->kind, ordered->why});
  }
}

Result<cli::Exit> list(const Settings& settings) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  const local::Scope scope = peer->welcome().scope;
  cli::Table table({{"NAME"},
                    {"BYTES", cli::Table::Align::right},
                    {"ALGORITHM"},
                    {"BY"},
                    {"USER"},
                    {"FOR", cli::Table::Align::right}});
  std::string after;
  for (;;) {
    auto seen = ask(*peer, settings, service::ListDecisions{settings.name, after});
    if (!seen) return seen.error();
    const auto& view = std::get<service::DecisionsView>(seen->view);
    for (const service::DecisionRecord& record : view.decisions) {
      if (settings.json) {
        cli::JsonObject object = fields_of(record, nullptr);
        cli::print(object.text("scope", name_of(scope)).time("as_of", seen->as_of).line());
      } else {
        const bool by_log = record.algorithm == service::Agreement::raft;  // else its sites know
        table.row({record.name, by_log ? std::to_string(record.bytes) : "-", name_of(record.algorithm),
                   record.host, record.user, cli::age_text(record.since, seen->as_of)});
      }
    }
    if (!view.more || view.decisions.empty()) break;
    after = view.decisions.back().name;
  }
  if (settings.json || settings.quiet) return cli::Exit::done;
  if (table.empty()) {
    cli::say_none("dpropose", "nothing decided", false);
  } else {
    cli::print(cli::for_stdout(std::move(table).with("SCOPE", name_of(scope))));
  }
  return cli::Exit::done;
}

}  // namespace coord::dpropose
