// SPDX-License-Identifier: MIT
// dlock --waits: the wait-for graph, as a table, as JSON or for dot(1).
#include <algorithm>
#include <map>
#include <set>

#include "base/format.hpp"
#include "cli/age.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "dlock/settings.hpp"

namespace coord::dlock {

namespace {

const char* kind_words(local::WaitKind kind) {
  switch (kind) {
    case local::WaitKind::holds:
      return "held by";
    case local::WaitKind::before:
      return "behind";
    case local::WaitKind::shut:
      break;
  }
  return "shut after";
}

cli::JsonObject json_of(const local::LockParty& party) {
  cli::JsonObject object;
  object.id("session", party.session).text("peer", party.peer).text("host", party.host);
  object.integer("pid", party.pid).text("user", party.user).text("command", party.command);
  object.time("since", party.since);
  return object;
}

std::string json_of(const local::WaitRecord& wait, WallTime as_of, std::string_view scope) {
  cli::JsonObject waiter = json_of(wait.waiter);
  cli::JsonArray outer;
  for (const SessionId session : wait.outer) outer.text(std::to_string(session.value));
  waiter.array("outer", outer);
  cli::JsonObject blocker = json_of(wait.blocker);
  blocker.text("kind", name_of(wait.kind));
  if (wait.blocker.token == Token{}) {
    blocker.null("token");
  } else {
    blocker.id("token", wait.blocker.token);
  }
  cli::JsonObject object;
  object.name("name", wait.name)
      .text("scope", scope)
      .time("as_of", as_of)
      .object("waiter", waiter)
      .object("blocker", blocker);
  return object.line();
}

void add_row(cli::Table& table, const local::WaitRecord& wait, WallTime as_of) {
  table.row({wait.name, wait.waiter.host, std::to_string(wait.waiter.pid), wait.waiter.command,
             cli::age_text(wait.waiter.since, as_of), kind_words(wait.kind), wait.blocker.host,
             std::to_string(wait.blocker.pid), wait.blocker.command});
}

// A string of the DOT language: what shown() leaves is printable, backslashes are doubled by it already.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : cli::shown(text)) {
    if (c == '"') out += '\\';
    out += c;
  }
  return fmt::format("{}\"", out);
}

// Sessions are nodes; who waits points at who is in the way, and a command at what it asked for inside.
class Drawing {
 public:
  void add(const local::WaitRecord& wait) {
    node(wait.waiter);
    node(wait.blocker);
    edges_ +=
        fmt::format("  {} -> {} [label={}{}", id(wait.waiter.session), id(wait.blocker.session),
                    quoted(wait.name), wait.kind == local::WaitKind::holds ? "];\n" : ", color=gray];\n");
    SessionId inner = wait.waiter.session;
    for (auto outer = wait.outer.rbegin(); outer != wait.outer.rend(); ++outer) {
      if (nested_.emplace(*outer, inner).second)
        edges_ += fmt::format("  {} -> {} [style=dashed, label=\"runs\"];\n", id(*outer), id(inner));
      inner = *outer;
    }
  }
  std::string text() const {
    return fmt::format("digraph waits {{\n  node [shape=box];\n{}{}}}\n", nodes_, edges_);
  }

 private:
  static std::string id(SessionId session) { return fmt::format("s{}", session.value); }
  void node(const local::LockParty& party) {
    if (!known_.insert(party.session).second) return;
    constexpr std::size_t longest = 60;
    const std::string command = party.command.substr(0, longest);
    nodes_ += fmt::format("  {} [label={}];\n", id(party.session),
                          quoted(fmt::format("{} {}: {}", party.host, party.pid, command)));
  }

  std::string nodes_, edges_;
  std::set<SessionId> known_;
  std::set<std::pair<SessionId, SessionId>> nested_;
};

}  // namespace

Result<cli::Exit> list_waits(const Settings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dlock");
  if (!peer) return peer.error();
  if (Status sent = peer->send(local::ListWaits{1, settings.stale}); !sent) return sent.error();
  const std::string_view scope = name_of(peer->welcome().scope);
  cli::Table table({{"NAME"},
                    {"HOST"},
                    {"PID", cli::Table::Align::right},
                    {"COMMAND", cli::Table::Align::left, true},
                    {"WAITS", cli::Table::Align::right},
                    {"STATE"},
                    {"BY HOST"},
                    {"BY PID", cli::Table::Align::right},
                    {"BY COMMAND", cli::Table::Align::left, true}});
  Drawing drawing;
  for (bool more = true; more;) {
    auto answer = peer->wait(std::nullopt);
    if (!answer) return answer.error();
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return Error{ErrorKind::unavailable, "waits", refused->why, "see dpeers"};
    const auto* waits = std::get_if<local::Waits>(&**answer);
    if (waits == nullptr) continue;
    more = waits->more;
    for (const local::WaitRecord& wait : waits->waits) {
      if (settings.dot) {
        drawing.add(wait);
      } else if (settings.json) {
        cli::print(json_of(wait, waits->as_of, scope));
      } else {
        add_row(table, wait, waits->as_of);
      }
    }
  }
  if (settings.dot) cli::print(drawing.text());
  if (!settings.dot && !settings.json && !table.empty())
    cli::print(cli::for_stdout(std::move(table).with("SCOPE", scope)));
  return cli::Exit::done;
}

}  // namespace coord::dlock
