// SPDX-License-Identifier: MIT
// dbarrier --status, --list, --reset.
#include <unistd.h>

#include "arrival.hpp"
#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "dbarrier/record.hpp"
#include "dbarrier/settings.hpp"
#include "process/boot_time.hpp"

namespace coord::dbarrier {

namespace {

Error refused(const std::string& object, const local::Refused& answer) {
  if (answer.kind == local::RefusedKind::mismatch) return Error{ErrorKind::usage, object, answer.why, ""};
  const bool unknown = answer.kind == local::RefusedKind::unknown;
  return Error{unknown ? ErrorKind::unknown : ErrorKind::unavailable, object, answer.why, "see dpeers"};
}

// One answer of a listing.
Result<local::Barriers> ask(engine::LocalConnection& peer, const local::ListBarriers& request) {
  if (Status sent = peer.send(request); !sent) return sent.error();
  for (;;) {
    auto answer = peer.wait(std::nullopt);
    if (!answer) return answer.error();
    if (const auto* refusal = std::get_if<local::Refused>(&**answer)) return refused("barriers", *refusal);
    if (auto* barriers = std::get_if<local::Barriers>(&**answer)) return std::move(*barriers);
  }
}

}  // namespace

Result<cli::Exit> show_status(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dbarrier");
  if (!peer) return peer.error();
  auto answer = ask(*peer, {only_request, settings.name, {}, settings.stale});
  if (!answer) return answer.error();
  if (answer->barriers.empty()) return cli::Exit::no;
  const std::string_view scope = name_of(peer->welcome().scope);
  const local::BarrierRecord& record = answer->barriers.front();
  if (settings.json) {
    cli::print(json_of(record, answer->as_of).text("scope", scope).line());
  } else {
    const bool terminal = cli::is_terminal(STDOUT_FILENO);
    cli::print(text_of(record, answer->as_of,
                       terminal ? cli::terminal_width(STDOUT_FILENO) : cli::Table::any_width,
                       cli::wants_color(STDOUT_FILENO)));
  }
  return cli::Exit::done;
}

namespace {

Result<std::string> text_of_all(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dbarrier");
  if (!peer) return peer.error();
  const std::string_view scope = name_of(peer->welcome().scope);
  std::string text;
  cli::Table table({{"NAME"},
                    {"GENERATION", cli::Table::Align::right},
                    {"COUNT", cli::Table::Align::right},
                    {"STATE"},
                    {"FOR", cli::Table::Align::right},
                    {"MISSING", cli::Table::Align::left, true}});
  local::ListBarriers request{only_request, {}, {}, settings.stale};
  for (bool more = true; more;) {
    auto answer = ask(*peer, request);
    if (!answer) return answer.error();
    more = answer->more && !answer->barriers.empty();
    for (const local::BarrierRecord& record : answer->barriers) {
      request.after = record.name;
      if (settings.json) {
        text += json_of(record, answer->as_of).text("scope", scope).line();
      } else {
        table.row(row_of(record, answer->as_of));
      }
    }
  }
  return table.empty() ? text : cli::for_stdout(std::move(table).with("SCOPE", scope));
}

}  // namespace

Result<cli::Exit> list_barriers(const Settings& settings) {
  constexpr const char* none = "nobody waits or runs at a barrier";
  if (settings.live.wanted()) return settings.live.show([&] { return text_of_all(settings); }, none);
  const auto text = text_of_all(settings);
  if (!text) return text.error();
  cli::print(*text);
  if (text->empty()) cli::say_none("dbarrier", none, settings.quiet);
  return cli::Exit::done;
}

Result<cli::Exit> reset_barrier(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dbarrier");
  if (!peer) return peer.error();
  const Instant end = cli::must_answer_by(*peer, process::boot_now());
  if (Status sent = peer->send(local::ResetBarrier{only_request, settings.name}); !sent) return sent.error();
  for (;;) {
    auto answer = peer->wait(end);
    if (!answer || !answer->has_value()) {
      return Error{ErrorKind::unknown, cli::shown(settings.name),
                   answer ? "the peer does not answer"
                          : fmt::format("the peer is gone before it has answered: {}", answer.error().what),
                   "see --status"};
    }
    if (const auto* refusal = std::get_if<local::Refused>(&**answer)) {
      if (refusal->kind != local::RefusedKind::held) return refused(cli::shown(settings.name), *refusal);
      if (settings.verbose)
        cli::notice("dbarrier", fmt::format("{}: {}", cli::shown(settings.name), refusal->why));
      return cli::Exit::no;
    }
    if (std::holds_alternative<local::BarrierIsReset>(**answer)) return cli::Exit::done;
  }
}

}  // namespace coord::dbarrier
