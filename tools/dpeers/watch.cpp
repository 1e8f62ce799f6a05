// SPDX-License-Identifier: MIT
// dpeers --watch: a line for each peer and for the leader now, then one at every "member up", "member down"
// and "leader", across restarts of this host's peer.
//
// This host's peer is asked again and again: it keeps no list of those who watch it, and what it knows of the
// others changes no faster than a heartbeat. What came and went between two questions is not told.
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "cli/follow.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "dpeers/listing.hpp"
#include "engine/ask_peers.hpp"

namespace coord::dpeers {

namespace {

constexpr Duration pause = std::chrono::milliseconds(100);

bool is_up(const local::PeerRecord& peer) {
  return peer.state != "dead" && peer.state != "left";
}

class Watcher {
 public:
  explicit Watcher(const ListSettings& settings) : settings_(settings) {}

  // Until the connection breaks (the Error), or our output does.
  Error follow(engine::LocalConnection& peer, Status& output) {
    for (;;) {
      const auto peers = engine::ask_peers(peer);
      if (!peers) return peers.error();
      compare(*peers, name_of(peer.welcome().scope));
      if (output = cli::flush(); !output) return output.error();
      if (output = cli::pause_while_read(pause); !output) return output.error();
    }
  }

 private:
  void compare(const local::Peers& peers, std::string_view scope) {
    std::map<std::string, bool> up;
    std::optional<std::string> leader;
    for (const local::PeerRecord& peer : peers.peers) {
      const bool now = up[peer.name] = is_up(peer);
      if (peer.role == "leader" && now) leader = peer.name;
      const auto before = up_.find(peer.name);
      if (before == up_.end() || before->second != now)
        tell(now ? "member up" : "member down", peer.name, &peer, peers.as_of, scope);
    }
    for (const auto& [name, was_up] : up_) {
      if (was_up && !up.contains(name)) tell("member down", name, nullptr, peers.as_of, scope);
    }
    up_ = std::move(up);
    if (asked_ && leader == leader_) return;
    const auto is_leader = [&](const local::PeerRecord& peer) { return leader && peer.name == *leader; };
    const auto found = std::ranges::find_if(peers.peers, is_leader);
    tell("leader", leader, found == peers.peers.end() ? nullptr : &*found, peers.as_of, scope);
    asked_ = true;
    leader_ = leader;
  }

  void tell(const char* event, const std::optional<std::string>& name, const local::PeerRecord* peer,
            WallTime at, std::string_view scope) const {
    if (!settings_.json) {
      cli::print(fmt::format("{} {} {}\n", rfc3339(at, 3), event, name ? cli::shown(*name) : "none"));
      return;
    }
    cli::JsonObject line;
    line.text("event", event);
    if (name) {
      line.name("name", *name);
    } else {
      line.null("name");
    }
    if (peer != nullptr) {
      line.text("address", peer->address).text("role", peer->role).text("state", peer->state);
      line.boolean("voter", peer->voter).time("since", peer->since);
      if (peer->term) line.integer("term", *peer->term);
      if (peer->incarnation) line.integer("incarnation", *peer->incarnation);
    }
    cli::print(line.text("scope", scope).time("as_of", at).line());
  }

  const ListSettings& settings_;
  std::map<std::string, bool> up_;  // as told last
  bool asked_ = false;
  std::optional<std::string> leader_;
};

}  // namespace

Result<cli::Exit> watch_peers(const ListSettings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dpeers");
  if (!peer) return peer.error();
  Watcher watcher(settings);
  return cli::follow_peer(
      std::move(*peer),
      {"dpeers", false,
       [&](engine::LocalConnection& on, Status& output) { return watcher.follow(on, output); },
       [&] { return cli::connect_to_peer_again(settings.peer, "dpeers"); }});
}

}  // namespace coord::dpeers
