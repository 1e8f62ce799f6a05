// SPDX-License-Identifier: MIT
// dlock --list: who holds and who waits.
#include <functional>
#include <iterator>

#include "base/format.hpp"
#include "cli/age.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/live.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "dlock/listing.hpp"
#include "dlock/settings.hpp"

namespace coord::dlock {

namespace {

void add_party(cli::JsonObject& object, const local::LockParty& party) {
  object.id("session", party.session)
      .text("peer", party.peer)
      .text("host", party.host)
      .integer("pid", party.pid);
  object.text("user", party.user)
      .text("command", party.command)
      .time("since", party.since)
      .seconds("ttl_s", party.ttl);
}

std::string json_of(const local::LockRecord& lock, WallTime as_of, std::string_view scope) {
  cli::JsonArray holders;
  for (const local::LockParty& holder : lock.holders) {
    cli::JsonObject object;
    object.id("token", holder.token);
    add_party(object, holder);
    holders.object(object);
  }
  cli::JsonArray waiters;
  for (const local::LockParty& waiter : lock.waiters) {
    cli::JsonObject object;
    add_party(object, waiter);
    object.integer("position", waiter.position);
    waiters.object(object);
  }
  cli::JsonObject object;
  object.name("name", lock.name)
      .text("mode", name_of(lock.mode))
      .integer("slots", lock.permits)
      .text("scope", scope)
      .time("as_of", as_of);
  return object.array("holders", holders).array("waiters", waiters).line();
}

void append(std::vector<local::LockParty>& to, std::vector<local::LockParty>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

void add_rows(cli::Table& table, const local::LockRecord& lock, WallTime as_of) {
  const auto row = [&](const local::LockParty& party, const std::string& state, const std::string& token) {
    table.row({lock.name, state, name_of(party.mode), party.host, std::to_string(party.pid), party.user,
               cli::age_text(party.since, as_of), party.command, token});
  };
  for (const local::LockParty& holder : lock.holders)
    row(holder, "holds", std::to_string(holder.token.value));
  for (const local::LockParty& waiter : lock.waiters)
    row(waiter, fmt::format("waits {}", waiter.position), "");
}

cli::Table empty_table() {
  return cli::Table({{"NAME"},
                     {"STATE"},
                     {"MODE"},
                     {"HOST"},
                     {"PID", cli::Table::Align::right},
                     {"USER"},
                     {"FOR", cli::Table::Align::right},
                     {"COMMAND", cli::Table::Align::left, true},
                     {"TOKEN", cli::Table::Align::right}});
}

}  // namespace

namespace {

// Shows each lock that the peer knows by `show`; answers with the peer's scope.
using Show = std::function<void(const local::LockRecord& lock, WallTime as_of, std::string_view scope)>;
Result<std::string_view> each_lock(const Settings& settings, const Show& show) {
  auto peer = cli::connect_to_peer(settings.peer, "dlock");
  if (!peer) return peer.error();
  if (Status sent = peer->send(local::ListLocks{1, settings.names, settings.stale}); !sent)
    return sent.error();
  const std::string_view scope = name_of(peer->welcome().scope);
  std::optional<local::LockRecord> open;  // may go on in the next answer
  for (bool more = true; more;) {
    auto answer = peer->wait(std::nullopt);
    if (!answer) return answer.error();
    if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      return Error{ErrorKind::unavailable, "locks", refused->why, "see dpeers"};
    }
    auto* locks = std::get_if<local::Locks>(&**answer);
    if (locks == nullptr) continue;
    more = locks->more;
    for (local::LockRecord& lock : locks->locks) {
      if (open && open->name == lock.name) {
        append(open->holders, std::move(lock.holders));
        append(open->waiters, std::move(lock.waiters));
        continue;
      }
      if (open) show(*open, locks->as_of, scope);
      open = std::move(lock);
    }
    if (open && !more) show(*open, locks->as_of, scope);
  }
  return scope;
}

constexpr const char* none = "nothing held";

Result<std::string> text_of_all(const Settings& settings) {
  cli::Table table = empty_table();
  const auto scope = each_lock(settings, [&](const local::LockRecord& lock, WallTime as_of,
                                             std::string_view) { add_rows(table, lock, as_of); });
  if (!scope) return scope.error();
  return table.empty() ? std::string() : cli::for_stdout(std::move(table).with("SCOPE", *scope));
}

Result<cli::Exit> list_as_json(const Settings& settings) {
  bool any = false;
  const auto scope =
      each_lock(settings, [&](const local::LockRecord& lock, WallTime as_of, std::string_view of) {
        any = true;
        cli::print(json_of(lock, as_of, of));
      });
  if (!scope) return scope.error();
  return any || settings.names.empty() ? cli::Exit::done : cli::Exit::no;
}

}  // namespace

Result<cli::Exit> list_locks(const Settings& settings) {
  if (settings.json) return list_as_json(settings);
  if (settings.live.wanted()) return settings.live.show([&] { return text_of_all(settings); }, none);
  const auto text = text_of_all(settings);
  if (!text) return text.error();
  cli::print(*text);
  if (text->empty()) cli::say_none("dlock", none, settings.quiet);
  return !text->empty() || settings.names.empty() ? cli::Exit::done : cli::Exit::no;
}

Result<Holders> holders_of(engine::LocalConnection& peer, const std::string& name) {
  if (Status sent = peer.send(local::ListLocks{1, {name}, false}); !sent) return sent.error();
  Holders holders;
  for (bool more = true; more;) {
    auto answer = peer.wait(std::nullopt);
    if (!answer) return answer.error();
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return Error{ErrorKind::unavailable, cli::shown(name), cli::why_of(*refused), "see dpeers"};
    const auto* locks = std::get_if<local::Locks>(&**answer);
    if (locks == nullptr) continue;
    more = locks->more;
    holders.as_of = locks->as_of;
    for (const local::LockRecord& lock : locks->locks) {
      const auto before = std::move(holders.lock.holders);
      holders.lock = lock;
      holders.lock.waiters.clear();
      holders.lock.holders.insert(holders.lock.holders.begin(), before.begin(), before.end());
    }
  }
  return holders;
}

std::string shown_holders(const Holders& holders) {
  cli::Table table = empty_table();
  add_rows(table, holders.lock, holders.as_of);
  return cli::for_stdout(table);
}

}  // namespace coord::dlock
