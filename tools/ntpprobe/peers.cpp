// SPDX-License-Identifier: MIT
#include "ntpprobe/peers.hpp"

#include <algorithm>
#include <vector>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "engine/ask_peers.hpp"
#include "ntpprobe/report.hpp"

namespace coord::ntpprobe {
namespace {

std::string name_of_this_host(const local::Peers& peers) {
  const auto here = std::ranges::find_if(peers.peers, &local::PeerRecord::local);
  return here == peers.peers.end() ? std::string("here") : here->name;
}

bool is_measured(const local::PeerRecord& peer) {
  return !peer.local && peer.state == "alive" && peer.offset && peer.offset_bound;
}

}  // namespace

std::string pairs_json(const local::Peers& peers) {
  const std::string here = name_of_this_host(peers);
  std::string text;
  for (const local::PeerRecord& peer : peers.peers) {
    if (!is_measured(peer)) continue;
    cli::JsonObject object;
    object.text("type", "pair").text("from", here).text("to", peer.name);
    object.seconds("offset_s", *peer.offset).seconds("bound_s", *peer.offset_bound);
    text += object.time("as_of", peers.as_of).line();
  }
  return text;
}

std::string pairs_text(const local::Peers& peers) {
  using Align = cli::Table::Align;
  const std::string here = name_of_this_host(peers);
  cli::Table table({{"FROM"}, {"TO"}, {"OFFSET s", Align::right}, {"BOUND s", Align::right}});
  bool any = false;
  for (const local::PeerRecord& peer : peers.peers) {
    if (!is_measured(peer)) continue;
    any = true;
    table.row({here, peer.name, signed_seconds(*peer.offset), plain_seconds(*peer.offset_bound)});
  }
  return any ? cli::for_stdout(std::move(table)) : std::string();
}

std::vector<std::string> unknown_clocks(const local::Peers& peers) {
  std::vector<std::string> lines;
  for (const local::PeerRecord& peer : peers.peers) {
    if (peer.local || is_measured(peer)) continue;
    const std::string why = peer.state != "alive" ? fmt::format("it is {}", peer.state)
                            : peer.level < 2      ? "the group is at level 1: see dpeers level"
                                                  : "it was not measured yet";
    lines.push_back(fmt::format("{}: {}", cli::shown(peer.name), why));
  }
  return lines;
}

Result<cli::Exit> show_peers(const Settings& s) {
  auto peer = cli::connect_to_peer(s.peer, "ntpprobe");
  if (!peer) return peer.error();
  const auto peers = engine::ask_peers(*peer);
  if (!peers) return peers.error();
  if (peers->peers.size() < 2)
    return Error{ErrorKind::unavailable, "peer", "it is of no group, and has no clock to compare with",
                 "name NTP servers, or make a group: coordd --setup"};
  cli::print(s.json ? pairs_json(*peers) : pairs_text(*peers));
  const std::vector<std::string> unknown = unknown_clocks(*peers);
  for (const std::string& line : unknown) cli::notice("ntpprobe", line);
  return unknown.empty() ? cli::Exit::done : cli::Exit::no;
}

}  // namespace coord::ntpprobe
