// SPDX-License-Identifier: MIT
#include "dpeers/listing.hpp"

#include <chrono>
#include <thread>

#include "base/format.hpp"
#include "cli/age.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "clock/hybrid_clock.hpp"
#include "dpeers/engine_told.hpp"
#include "engine/ask_peers.hpp"
#include "process/boot_time.hpp"

namespace coord::dpeers {

namespace {

void add_counts(cli::JsonObject& object, const char* key,
                const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
  cli::JsonObject by_type;
  for (const auto& [type, count] : counts) by_type.integer(type, count);
  object.object(key, by_type);
}

double phi_of(const local::PeerRecord& peer) {
  return static_cast<double>(peer.phi_thousandths.value_or(0)) / 1000;
}

std::string json_of(const local::PeerRecord& peer, const local::Peers& all, std::string_view scope) {
  cli::JsonObject object;
  object.text("name", peer.name).text("address", peer.address).boolean("local", peer.local);
  object.text("role", peer.role).text("state", peer.state).boolean("voter", peer.voter);
  if (peer.term) object.integer("term", *peer.term);
  if (peer.commit_index) object.integer("commit_index", *peer.commit_index);
  if (peer.incarnation) object.integer("incarnation", *peer.incarnation);
  if (peer.phi_thousandths) object.number("phi", phi_of(peer));
  if (peer.rtt) object.seconds("rtt_s", *peer.rtt);
  if (peer.offset) object.seconds("offset_s", *peer.offset);
  if (peer.rate_ppm) object.integer("rate_ppm", *peer.rate_ppm);
  if (peer.stamp != 0) object.text("hlc", clock::to_string(clock::HybridTime{peer.stamp}));
  if (peer.version) object.text("version", *peer.version);
  object.integer("level", peer.level);
  if (!peer.zone.empty()) object.text("zone", peer.zone);
  const EngineTold engine = told_of_engine(peer.name, all);
  if (engine.leader) object.text("engine_leader", *engine.leader);
  if (!engine.endpoints.empty()) {
    cli::JsonArray endpoints;
    for (const EngineEndpoint& one : engine.endpoints) {
      cli::JsonObject endpoint;
      endpoint.text("address", one.address).text("state", one.state);
      const WallTime ended{all.as_of.unix_ns - one.age.count()};
      if (!one.trouble.empty()) endpoint.text("trouble", one.trouble).time("since", ended);
      endpoints.object(endpoint);
    }
    object.array("endpoints", endpoints);
  }
  object.text("scope", scope).time("since", peer.since).time("as_of", all.as_of);
  if (!peer.local) return object.line();
  if (peer.uptime) object.seconds("uptime_s", *peer.uptime);
  if (peer.sessions) object.integer("sessions", *peer.sessions);
  if (peer.locks) object.integer("locks", *peer.locks);
  add_counts(object, "sent", peer.sent);
  add_counts(object, "received", peer.received);
  return object.line();
}

// `223 us`, `1.2 ms`, `12 ms`: the table has to fit a terminal.
std::string round_trip_text(const std::optional<Duration>& duration) {
  if (!duration) return "-";
  const auto us = duration->count() / 1000;
  if (us < 1000) return fmt::format("{} us", us);
  if (us < 10'000) return fmt::format("{}.{} ms", us / 1000, us / 100 % 10);
  return fmt::format("{} ms", us / 1000);
}

// Behind the table: where the engine's leader is, and its servers.
std::string engine_text(const std::string& name, const local::Peers& all) {
  const EngineTold engine = told_of_engine(name, all);
  std::string text;
  if (engine.leader)
    text += fmt::format(
        "{}: {}\n", name,
        engine.leader->empty() ? "it says that it has no leader" : cli::shown(*engine.leader) + " leads");
  for (const EngineEndpoint& one : engine.endpoints)
    text += fmt::format("{}: {} {}{}\n", name, cli::shown(one.address), cli::shown(one.state),
                        one.trouble.empty()
                            ? ""
                            : fmt::format(" {} ago: {}", cli::age_text(one.age), cli::shown(one.trouble)));
  return text;
}

std::string table_of(const local::Peers& peers, std::string_view scope) {
  using Align = cli::Table::Align;
  cli::Table table({{"NAME"},
                    {"ADDRESS"},
                    {"ROLE"},
                    {"STATE"},
                    {"FOR", Align::right},
                    {"RTT", Align::right},
                    {"LEVEL", Align::right},
                    {"VERSION"}});
  for (const local::PeerRecord& record : peers.peers) {
    table.row({record.name + (record.local ? " (here)" : ""), record.address, record.role, record.state,
               cli::age_text(record.since, peers.as_of), round_trip_text(record.rtt),
               std::to_string(record.level), record.version.value_or("-")},
              record.state == "dead" ? cli::Tone::bad : cli::Tone::plain);
  }
  std::string text = cli::for_stdout(std::move(table).with("SCOPE", scope));
  for (const local::PeerRecord& record : peers.peers) text += engine_text(record.name, peers);
  return text;
}

// A peer alone that this very tool has started, say, leads within milliseconds: until then it would be shown
// as one that is recovering, though nothing is wrong.
Result<local::Peers> ask_once_begun(engine::LocalConnection& connection) {
  constexpr auto patience = std::chrono::seconds(1);
  constexpr auto pause = std::chrono::milliseconds(5);
  const Instant until = process::boot_now() + patience;
  for (;;) {
    auto peers = engine::ask_peers(connection);
    const bool begins = peers && peers->peers.size() == 1 && peers->peers.front().role != "leader";
    if (!begins || process::boot_now() >= until) return peers;
    std::this_thread::sleep_for(pause);
  }
}

Result<std::string> text_of_all(const ListSettings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dpeers");
  if (!peer) return peer.error();
  const auto peers = ask_once_begun(*peer);
  if (!peers) return peers.error();
  const std::string_view scope = name_of(peer->welcome().scope);
  if (!settings.json) return table_of(*peers, scope);
  std::string text;
  for (const local::PeerRecord& record : peers->peers) text += json_of(record, *peers, scope);
  return text;
}

}  // namespace

Result<cli::Exit> list_peers(const ListSettings& settings) {
  if (settings.live.wanted()) return settings.live.show([&] { return text_of_all(settings); }, "no peers");
  const auto text = text_of_all(settings);
  if (!text) return text.error();
  if (!settings.quiet) cli::print(*text);
  return cli::Exit::done;
}

}  // namespace coord::dpeers
