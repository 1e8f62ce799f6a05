// SPDX-License-Identifier: MIT
// dlock --history: the last holds of a name.
#include <algorithm>

#include "base/format.hpp"
#include "cli/age.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "dlock/settings.hpp"

namespace coord::dlock {

namespace {

// The clocks of two hosts may differ: no length is below zero.
Duration between(WallTime from, WallTime to) {
  return std::chrono::nanoseconds(std::max<std::int64_t>(to.unix_ns - from.unix_ns, 0));
}

std::string json_of(const std::string& name, const local::HoldRecord& hold, WallTime as_of,
                    std::string_view scope) {
  const local::LockParty& holder = hold.holder;
  cli::JsonObject object;
  object.name("name", name).text("scope", scope).time("as_of", as_of).id("token", holder.token);
  object.text("mode", name_of(holder.mode)).integer("slots", hold.permits);
  object.id("session", holder.session).text("peer", holder.peer).text("host", holder.host);
  object.integer("pid", holder.pid).text("user", holder.user).text("command", holder.command);
  object.time("asked", hold.asked).time("since", holder.since);
  if (hold.ended) {
    object.time("ended", *hold.ended);
  } else {
    object.null("ended");
  }
  object.seconds("wait_s", between(hold.asked, holder.since));
  object.seconds("hold_s", between(holder.since, hold.ended.value_or(as_of)));
  object.text("outcome", name_of(hold.ending));
  if (hold.status) {
    object.integer("exit_status", static_cast<int>(*hold.status));
  } else {
    object.null("exit_status");
  }
  return object.line();
}

// Of what takes less than two minutes the tenths matter.
std::string length_text(Duration length) {
  if (length >= std::chrono::minutes(2)) return cli::age_text(length);
  const std::int64_t tenth = length / std::chrono::milliseconds(100);
  return fmt::format("{}.{} s", tenth / 10, tenth % 10);
}

void add_row(cli::Table& table, const local::HoldRecord& hold, WallTime as_of) {
  const local::LockParty& holder = hold.holder;
  table.row({holder.host, std::to_string(holder.pid), holder.user, cli::age_text(holder.since, as_of),
             length_text(between(hold.asked, holder.since)),
             length_text(between(holder.since, hold.ended.value_or(as_of))), name_of(hold.ending),
             hold.status ? std::to_string(*hold.status) : "", holder.command,
             std::to_string(holder.token.value)});
}

}  // namespace

Result<cli::Exit> list_history(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dlock");
  if (!peer) return peer.error();
  const std::string& name = settings.names.front();
  if (Status sent = peer->send(local::ListHistory{1, name, settings.stale}); !sent) return sent.error();
  const std::string_view scope = name_of(peer->welcome().scope);
  using Align = cli::Table::Align;
  cli::Table table({{"HOST"},
                    {"PID", Align::right},
                    {"USER"},
                    {"AGO", Align::right},
                    {"WAITED", Align::right},
                    {"HELD", Align::right},
                    {"OUTCOME"},
                    {"STATUS", Align::right},
                    {"COMMAND", Align::left, true},
                    {"TOKEN", Align::right}});
  bool any = false;
  for (bool more = true; more;) {
    auto answer = peer->wait(std::nullopt);
    if (!answer) return answer.error();
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return Error{ErrorKind::unavailable, "history", refused->why, "see dpeers"};
    const auto* history = std::get_if<local::History>(&**answer);
    if (history == nullptr) continue;
    more = history->more;
    for (const local::HoldRecord& hold : history->holds) {
      any = true;
      if (settings.json) {
        cli::print(json_of(name, hold, history->as_of, scope));
      } else {
        add_row(table, hold, history->as_of);
      }
    }
  }
  if (!settings.json && any) cli::print(cli::for_stdout(std::move(table).with("SCOPE", scope)));
  return any ? cli::Exit::done : cli::Exit::no;
}

}  // namespace coord::dlock
