// SPDX-License-Identifier: MIT
// dkv get and dkv list: what is there.
#include "base/format.hpp"
#include "cli/age.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/live.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "dkv/settings.hpp"

namespace coord::dkv {

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
      return cli::refused_by_peer(settings.key.empty() ? "keys" : cli::shown(settings.key), *refused, true);
    }
    if (auto* shown = std::get_if<local::Shown>(&**answer)) return Seen{shown->as_of, std::move(shown->what)};
  }
}

}  // namespace

std::string json_of(const service::KeyRecord& record, const std::string* value, WallTime as_of,
                    local::Scope scope) {
  cli::JsonObject object;
  object.name("key", record.key).integer("version", record.version.value);
  if (record.version == Token{}) {
    object.null("value");
  } else {
    if (value != nullptr) object.name("value", *value);
    object.integer("bytes", record.bytes).text("user", record.user).time("since", record.since);
    if (record.pid != 0) object.text("host", record.host).integer("pid", record.pid);
  }
  return object.text("scope", name_of(scope)).time("as_of", as_of).line();
}

Result<cli::Exit> get(const Settings& settings) {
  if (settings.native) return get_native(settings);
  auto peer = connect(settings);
  if (!peer) return peer.error();
  auto seen = ask(*peer, settings, service::GetValue{settings.key});
  if (!seen) return seen.error();
  const auto& view = std::get<service::ValueView>(seen->view);
  if (view.of.version == Token{}) {
    if (!settings.quiet)
      cli::notice("dkv", fmt::format("{}: there is no such key", cli::shown(settings.key)));
    return cli::Exit::no;
  }
  cli::print(settings.json ? json_of(view.of, &view.value, seen->as_of, peer->welcome().scope) : view.value);
  return cli::Exit::done;
}

Result<cli::Exit> list(const Settings& settings) {
  if (settings.native) return list_native(settings);
  auto peer = connect(settings);
  if (!peer) return peer.error();
  const local::Scope scope = peer->welcome().scope;
  cli::Table table({{"KEY"},
                    {"VERSION", cli::Table::Align::right},
                    {"BYTES", cli::Table::Align::right},
                    {"USER"},
                    {"FOR", cli::Table::Align::right},
                    {"LIVES WITH"}});
  std::string after;
  for (;;) {
    auto seen = ask(*peer, settings, service::ListValues{settings.key, after});
    if (!seen) return seen.error();
    const auto& view = std::get<service::ValuesView>(seen->view);
    for (const service::KeyRecord& record : view.keys) {
      const std::string whose = record.pid == 0 ? "-" : fmt::format("{}:{}", record.host, record.pid);
      if (settings.json) {
        cli::print(json_of(record, nullptr, seen->as_of, scope));
      } else {
        table.row({record.key, std::to_string(record.version.value), std::to_string(record.bytes),
                   record.user, cli::age_text(record.since, seen->as_of), whose});
      }
    }
    if (!view.more || view.keys.empty()) break;
    after = view.keys.back().key;
  }
  if (settings.json || settings.quiet) return cli::Exit::done;
  if (table.empty()) {
    cli::say_none("dkv", "no keys", false);
  } else {
    cli::print(cli::for_stdout(std::move(table).with("SCOPE", name_of(scope))));
  }
  return cli::Exit::done;
}

}  // namespace coord::dkv
