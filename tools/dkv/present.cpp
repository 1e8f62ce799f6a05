// SPDX-License-Identifier: MIT
// dkv put --session: a key that is there while a command runs. The command is guarded as dlock's is
// (cli/held_session.hpp): it has ended before the key may go.
#include <unistd.h>

#include "base/format.hpp"
#include "cli/held_session.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/run_report.hpp"
#include "dkv/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::dkv {

namespace {

local::Acquire request_of(const Settings& settings, std::string value) {
  local::Acquire request;
  request.request = cli::only_request;
  request.wait = false;
  request.ttl = settings.ttl;
  request.pid = static_cast<std::uint32_t>(::getpid());
  request.command = cli::command_line(settings.command.argv);
  request.put = service::SessionValue{settings.key, std::move(value), settings.wanted()};
  return request;
}

class Presence {
 public:
  Presence(const Settings& settings, const local::Acquire& request, engine::LocalConnection peer,
           cli::RunReport& report, Instant asked)
      : settings_(settings),
        report_(report),
        asked_(asked),
        session_(terms_of(settings, request), std::move(peer), report.messages, process::Cgroup::create()) {}

  Result<cli::Exit> whole();

 private:
  static cli::SessionTerms terms_of(const Settings& settings, const local::Acquire& request) {
    cli::SessionTerms terms;
    terms.tool = "dkv";
    terms.object = cli::shown(settings.key);
    terms.peer = settings.peer;
    terms.request = request;
    terms.grace = settings.grace_or_default();
    return terms;
  }
  Result<cli::Exit> refused(const local::Refused& answer);
  cli::Program program() const;
  // Nothing: the key was gone again before anything was begun.
  Result<std::optional<cli::Exit>> run();

  const Settings& settings_;
  cli::RunReport& report_;
  Instant asked_;
  cli::HeldSession session_;
};

Result<cli::Exit> Presence::refused(const local::Refused& answer) {
  if (answer.kind != local::RefusedKind::held) {
    report_.outcome = answer.kind == local::RefusedKind::mismatch ? "usage" : "no_quorum";
    return cli::refused_by_peer(cli::shown(settings_.key), answer);
  }
  report_.outcome = "not_acquired";
  cli::notice("dkv", fmt::format("{}: {}", cli::shown(settings_.key), why_not(settings_, answer.why)));
  return cli::Exit::no;
}

cli::Program Presence::program() const {
  cli::Program program;
  program.argv = settings_.command.argv;
  program.inherited = {session_.hold()};
  program.environment = {{"DKV_KEY", settings_.key},
                         {"DKV_VERSION", std::to_string(session_.grant().token.value)},
                         {"DKV_SCOPE", report_.scope}};
  return program;
}

Result<std::optional<cli::Exit>> Presence::run() {
  report_.token = session_.grant().token;
  const Instant began = process::boot_now();
  auto end = session_.run(program());
  report_.hold = process::boot_now() - began;
  if (const auto* error = std::get_if<cli::SpawnError>(&end)) {
    session_.let_go(static_cast<int>(error->exit));
    report_.outcome = "ran";
    report_.status = static_cast<int>(error->exit);
    cli::complain("dkv", error->error);
    return std::optional(error->exit);
  }
  if (auto* why = std::get_if<Error>(&end)) {
    session_.let_go();
    return std::move(*why);
  }
  if (std::holds_alternative<cli::HeldSession::PassedOn>(end)) return std::optional<cli::Exit>();
  const cli::Outcome& outcome = std::get<cli::HeldSession::Ended>(end).outcome;
  const bool lost = outcome.stopped == cli::StopCause::lost;
  session_.let_go(lost ? std::optional<int>() : static_cast<int>(outcome.exit()));
  report_.command = outcome;
  report_.outcome = lost ? "lost" : "ran";
  return std::optional(outcome.exit());
}

Result<cli::Exit> Presence::whole() {
  for (;;) {
    auto verdict = session_.wait_for_verdict({});
    report_.wait = process::boot_now() - asked_;
    if (!verdict) return verdict.error();
    if (const auto* answer = std::get_if<local::Refused>(&*verdict)) return refused(*answer);
    if (const auto* over = std::get_if<local::Cancelled>(&*verdict))
      return refused(
          {cli::only_request, local::RefusedKind::no_quorum, cli::no_quorum_text(over->not_begun)});
    auto ended = run();
    if (!ended) return ended.error();
    if (*ended) return **ended;
    report_.token.reset();
  }
}

}  // namespace

Result<cli::Exit> present(const Settings& settings, std::string value) {
  auto report = cli::RunReport::open(settings.report);
  if (!report) return report.error();
  report->name = settings.key;
  const Instant asked = process::boot_now();
  const local::Acquire request = request_of(settings, std::move(value));
  auto peer = connect(settings);
  Result<cli::Exit> result = peer ? Result<cli::Exit>(cli::Exit::done) : Result<cli::Exit>(peer.error());
  if (peer) {
    ++report->messages["acquire"];
    report->scope = name_of(peer->welcome().scope);
    // Only now: one of release 0.1.0 would take it for a request for locks.
    const Status sent = peer->send(request);
    result = sent ? Presence(settings, request, std::move(*peer), *report, asked).whole()
                  : Result<cli::Exit>(sent.error());
  } else {
    report->outcome = "no_quorum";
  }
  const Status written = report->write();
  if (!written) cli::complain("dkv", written.error());
  if (report->command) cli::die_as_interrupted(*report->command);
  if (!written && result.ok() && *result == cli::Exit::done) return cli::Exit::output;
  return result;
}

}  // namespace coord::dkv
