// SPDX-License-Identifier: MIT
#include "dpeers/level.hpp"

#include <ctime>
#include <thread>

#include "base/format.hpp"
#include "cli/common.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "process/boot_time.hpp"
#include "wire/local.hpp"

namespace coord::dpeers {

namespace {

constexpr Duration raise_patience = std::chrono::seconds(10);
constexpr Duration look_for_level_every = std::chrono::milliseconds(50);

bool is_engine(const engine::LocalConnection& peer) {
  return peer.welcome().scope == local::Scope::engine;
}

// Nothing is known yet of a log that was not read: an answer would be a guess.
bool is_known(const local::Peers& peers) {
  return peers.level.level != Level{0};
}

Error not_known(const local::Peers& peers) {
  return {ErrorKind::unavailable, "level",
          peers.not_begun.empty() ? "this host's peer has not read the log yet, and knows no level"
                                  : peers.not_begun,
          "see `dpeers doctor`"};
}

Result<local::Peers> ask(engine::LocalConnection& peer) {
  if (Status sent = peer.send(local::ListPeers{1}); !sent) return sent.error();
  for (;;) {
    auto answer = peer.wait(std::nullopt);
    if (!answer) return answer.error();
    if (auto* peers = std::get_if<local::Peers>(&**answer)) return std::move(*peers);
  }
}

Status propose(engine::LocalConnection& peer) {
  if (Status sent = peer.send(local::RaiseLevel{2}); !sent) return sent.error();
  for (;;) {
    auto answer = peer.wait(std::nullopt);
    if (!answer) return answer.error();
    if (std::holds_alternative<local::Done>(**answer)) return done();
    if (const auto* refused = std::get_if<local::Refused>(&**answer)) {
      Error error = cli::refused_by_peer("level", *refused);
      if (error.kind == ErrorKind::unavailable) error.remedy = "see `dpeers level` and `dpeers doctor`";
      return error;
    }
  }
}

// Until it is in force: it may be void, if a peer restarts meanwhile.
Result<local::Peers> raise(engine::LocalConnection& peer, Level before) {
  if (Status proposed = propose(peer); !proposed) return proposed.error();
  const Instant end = process::boot_now() + raise_patience;
  for (;;) {
    auto peers = ask(peer);
    if (!peers || peers->level.level > before) return peers;
    if (process::boot_now() >= end)
      return Error{ErrorKind::unavailable, "level", fmt::format("the group is still at level {}", before),
                   is_engine(peer) ? "see `dpeers doctor`, then try again"
                                   : "see whether a majority of the peers runs, then try again"};
    std::this_thread::sleep_for(look_for_level_every);
  }
}

std::string json_of(const local::LevelRecord& level, WallTime as_of) {
  cli::JsonObject object;
  object.integer("level", level.level).integer("next", level.next);
  if (level.due) object.seconds("due_s", *level.due);
  cli::JsonArray missing;
  for (const auto& [name, why] : level.missing) {
    cli::JsonObject entry;
    missing.object(entry.text("name", name).text("why", why));
  }
  cli::JsonArray claimed;
  for (const std::string& name : level.claimed) claimed.text(name);
  return object.array("missing", missing).array("claimed", claimed).time("as_of", as_of).line();
}

std::string text_of(const local::LevelRecord& level, bool of_engine) {
  std::string text = fmt::format("the group is at level {}\n", level.level);
  if (level.next == level.level) return text;
  const std::string next = fmt::format("level {}", level.next);
  for (const auto& [name, why] : level.missing)
    text += fmt::format("{}: not known to {}: {}\n", next, cli::shown(name), why);
  for (const std::string& name : level.claimed)
    text += fmt::format("{}: {} is in use, and will be its user's alone\n", next, cli::shown(name));
  if (!level.missing.empty()) return text;
  text += fmt::format("{}: all peers know it", next);
  if (level.due) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*level.due).count();
    text += fmt::format("; {} raises it in {} s, or at once by `dpeers level --raise`",
                        of_engine ? "this gateway" : "the leader", seconds);
  } else if (of_engine) {
    text += "; it is raised by a gateway where commands run, or at once by `dpeers level --raise`";
  }
  return fmt::format("{}\n", text);
}

}  // namespace

Result<cli::Exit> level(const LevelSettings& settings) {
  auto peer = cli::connect_to_peer(settings.peer, "dpeers");
  if (!peer) return peer.error();
  if (peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "level",
                 "this host's peer is of release 0.1.0, which knows level 1 only",
                 "start coordd of this release"};
  auto peers = ask(*peer);
  if (!peers) return peers.error();
  if (!is_known(*peers)) return not_known(*peers);
  if (settings.raise && peers->level.next > peers->level.level) {
    peers = raise(*peer, peers->level.level);
    if (!peers) return peers.error();
  }
  if (settings.json) {
    cli::print(json_of(peers->level, peers->as_of));
  } else if (!settings.quiet) {
    cli::print(text_of(peers->level, is_engine(*peer)));
  }
  return peers->level.missing.empty() ? cli::Exit::done : cli::Exit::no;
}

}  // namespace coord::dpeers
