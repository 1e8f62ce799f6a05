// SPDX-License-Identifier: MIT
// dclock peers: how far the clocks of the group's other hosts are from this host's, as its peer has found out
// from the datagrams that the hosts send each other in any case. Nobody is asked anew.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "base/format.hpp"
#include "cli/common.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "clock/hybrid_clock.hpp"
#include "engine/ask_peers.hpp"
#include "verbs.hpp"

namespace coord::dclock {
namespace {

struct PeersSettings {
  cli::ConnectOptions peer;
  bool json = false, quiet = false;
  std::optional<Duration> within;
};

// At most so far apart, whatever the error of the estimate is.
Duration worst(const local::PeerRecord& peer) {
  return std::chrono::abs(*peer.offset) + peer.offset_bound.value_or(Duration{});
}

// Of its last message that came.
std::string stamp_of(const local::PeerRecord& peer) {
  return clock::to_string(clock::HybridTime{peer.stamp});
}

std::string json_of(const local::PeerRecord& peer, WallTime as_of) {
  cli::JsonObject object;
  object.text("name", peer.name).text("state", peer.state);
  peer.offset ? object.seconds("offset_s", *peer.offset) : object.null("offset_s");
  peer.offset_bound ? object.seconds("bound_s", *peer.offset_bound) : object.null("bound_s");
  peer.rate_ppm ? object.integer("rate_ppm", *peer.rate_ppm) : object.null("rate_ppm");
  peer.stamp != 0 ? object.text("hlc", stamp_of(peer)) : object.null("hlc");
  return object.time("as_of", as_of).line();
}

// All as exact, so that their points stand below each other.
std::string nine_decimals(Duration value, const char* plus) {
  constexpr std::int64_t ns_per_s = 1'000'000'000;
  const std::int64_t ns = value.count();
  return fmt::format("{}{}.{:09}", ns < 0 ? "-" : plus, std::abs(ns / ns_per_s), std::abs(ns % ns_per_s));
}

std::string table_of(const local::Peers& group) {
  using Align = cli::Table::Align;
  cli::Table table({{"NAME"},
                    {"STATE"},
                    {"OFFSET s", Align::right},
                    {"BOUND s", Align::right},
                    {"RATE ppm", Align::right},
                    {"LAST STAMP"}});
  for (const local::PeerRecord& peer : group.peers) {
    if (peer.local) continue;
    table.row({peer.name, peer.state, peer.offset ? nine_decimals(*peer.offset, "+") : "unknown",
               peer.offset_bound ? nine_decimals(*peer.offset_bound, "") : "-",
               peer.rate_ppm ? fmt::format("{}{}", *peer.rate_ppm > 0 ? "+" : "", *peer.rate_ppm) : "-",
               peer.stamp != 0 ? stamp_of(peer) : "-"},
              peer.state == "dead" ? cli::Tone::bad : cli::Tone::plain);
  }
  return cli::for_stdout(table);
}

Result<cli::Exit> show(const PeersSettings& s) {
  auto connection = cli::connect_to_peer(s.peer, "dclock");
  if (!connection) return connection.error();
  const auto group = engine::ask_peers(*connection);
  if (!group) return group.error();
  if (group->peers.size() < 2)
    return Error{ErrorKind::unavailable, "peers", "this host's peer is alone: there are no other clocks",
                 "ask on a host of a group"};
  std::string text;
  if (s.json) {
    for (const local::PeerRecord& peer : group->peers)
      if (!peer.local) text += json_of(peer, group->as_of);
  } else if (!s.quiet) {
    text = table_of(*group);
  }
  cli::print(text);
  if (!s.within) return cli::Exit::done;
  bool all_within = true;
  for (const local::PeerRecord& peer : group->peers) {
    if (peer.local || peer.state != "alive") continue;
    const bool is_within = peer.offset && worst(peer) <= *s.within;
    all_within = all_within && is_within;
    if (is_within || s.quiet || s.json) continue;
    cli::notice("dclock",
                peer.offset ? fmt::format("{} may be {} s from this host's clock", cli::shown(peer.name),
                                          cli::seconds_text(worst(peer)))
                            : fmt::format("nothing is known of the clock of {} yet", cli::shown(peer.name)));
  }
  return all_within ? cli::Exit::done : cli::Exit::no;
}

}  // namespace

void add_peers(cli::Options& tool) {
  auto& verb = tool.verb("peers", "how far the clocks of the group's hosts are from this host's");
  auto s = std::make_shared<PeersSettings>();
  verb.synopsis("[--within SECONDS] [--json|-q]");
  verb.value("--within", "SECONDS", s->within,
             "1 if a host that is alive may be further off, or is not known")
      .between(Duration{}, std::chrono::hours(24));
  verb.flag("--json", s->json, "a JSON object for each host");
  verb.flag("-q,--quiet", s->quiet, "print errors only: the status tells").excludes("--json");
  cli::add_peer_options(verb, s->peer);
  verb.example("dclock peers --within 0.1", "are the clocks good enough?");
  verb.does([s] { return show(*s); });
}

}  // namespace coord::dclock
