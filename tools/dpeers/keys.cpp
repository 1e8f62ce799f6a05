// SPDX-License-Identifier: MIT
#include "dpeers/keys.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/refusal.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "engine/local_connection.hpp"
#include "net/key_file.hpp"
#include "process/boot_time.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"
#include "wire/key_messages.hpp"

namespace coord::dpeers {

namespace {

constexpr Duration all_pieces_patience = std::chrono::seconds(75);  // others' changes come before, 8 at most
constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::keys);

std::optional<keys::Verb> verb_of(const std::string& word) {
  for (const keys::Verb verb : {keys::Verb::list, keys::Verb::add, keys::Verb::use, keys::Verb::remove})
    if (word == name_of(verb)) return verb;
  return std::nullopt;
}

Result<net::ClusterKey> new_key(const KeySettings& settings) {
  if (!settings.from.empty()) {
    const auto ring = net::read_key_file(settings.from);
    if (!ring) return ring.error();
    return ring->sending();
  }
  std::string line = net::new_key_line();
  const auto ring = net::parse_keys(line, "key");
  net::wipe(line);
  if (!ring) return ring.error();
  return ring->sending();
}

Result<keys::Ask> asked(const KeySettings& settings) {
  const auto verb = verb_of(settings.verb);
  if (!verb)
    return Error{ErrorKind::usage, settings.verb, "is nothing that can be done with keys",
                 "list, add, use, remove, pin"};
  keys::Ask ask{*verb, settings.id, std::nullopt};
  const bool names_one = !settings.id.empty();
  if (*verb == keys::Verb::list && names_one)
    return Error{ErrorKind::usage, "key list", "takes no id", "it shows all keys"};
  if ((*verb == keys::Verb::use || *verb == keys::Verb::remove) && !names_one)
    return Error{ErrorKind::usage, fmt::format("key {}", settings.verb), "which key?",
                 "`dpeers key list` shows their ids"};
  if (!settings.from.empty() && (*verb != keys::Verb::add || names_one))
    return Error{ErrorKind::usage, "--from", "goes with `key add` alone", "its file says the id"};
  if (settings.id.size() > 32)
    return Error{ErrorKind::usage, "ID", "a key's id has at most 32 characters", ""};
  if (*verb != keys::Verb::add || names_one) return ask;
  const auto key = new_key(settings);
  if (!key) return key.error();
  ask.id = key->id;
  ask.secret.emplace();
  std::copy_n(key->key.data(), net::key_size, ask.secret->begin());
  return ask;
}

Error may_come_about(const keys::Ask& ask, const std::string& why) {
  return {ErrorKind::unknown, fmt::format("key {} {}", name_of(ask.verb), cli::shown(ask.id)),
          fmt::format("{}: it may come about yet", why), "`dpeers key list` tells"};
}

// All pieces of the answer.
Result<keys::Told> ask_peer(const KeySettings& settings, const keys::Ask& ask) {
  cli::ConnectOptions running = settings.peer;
  running.no_autostart = true;
  auto peer = cli::connect_to_peer(running, "dpeers");
  if (!peer) return peer.error();
  if (peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "key",
                 "this host's peer is of release 0.1.0, which has no such keys",
                 "start coordd of this release"};
  if (peer->welcome().scope != local::Scope::cluster)
    return Error{ErrorKind::usage, "key", "this host's peer has no other peers, and needs no key",
                 "see coordd --setup for a group"};
  if (Status sent = peer->send(local::ToPart{1, channel, wire::encode(ask, wire::channels_since)}); !sent)
    return sent.error();
  const Instant until = process::boot_now() + all_pieces_patience;
  const bool changes = ask.verb != keys::Verb::list;
  keys::Told all;
  while (!all.last) {
    auto answer = peer->wait(until);
    if (!answer && changes) return may_come_about(ask, answer.error().text());
    if (!answer) return answer.error();
    if (!answer->has_value() && changes) return may_come_about(ask, "this host's peer has not answered");
    if (!answer->has_value())
      return Error{ErrorKind::unavailable, "key", "this host's peer does not answer", "see its log"};
    if (const auto* refused = std::get_if<local::Refused>(&**answer))
      return cli::refused_by_peer("key", *refused);
    const auto* part = std::get_if<local::FromPart>(&**answer);
    if (part == nullptr || part->channel != channel) continue;
    auto piece = wire::decode<keys::Told>(part->bytes, {.version = wire::channels_since});
    if (!piece) return piece.error();
    for (keys::OfHost& host : piece->hosts) all.hosts.push_back(std::move(host));
    all.refused = piece->refused;
    all.is_wrong = piece->is_wrong;
    all.last = piece->last;
  }
  return all;
}

std::string shown_or_none(const std::vector<std::string>& names) {
  return names.empty() ? "-" : cli::shown_names(names);
}

struct Where {
  std::vector<std::string> sends, has, lacks;
};

// By id; one id with two secrets is two keys.
std::map<std::pair<std::string, std::uint64_t>, Where> by_key(const std::vector<keys::OfHost>& hosts) {
  std::map<std::pair<std::string, std::uint64_t>, Where> all;
  for (const keys::OfHost& host : hosts) {
    for (const keys::KeyHere& key : host.keys) {
      Where& where = all[{key.id, key.print}];
      where.has.push_back(host.name);
      if (&key == &host.keys.front()) where.sends.push_back(host.name);
    }
  }
  for (auto& [key, where] : all) {
    for (const keys::OfHost& host : hosts) {
      const bool has = std::ranges::find(where.has, host.name) != where.has.end();
      if (host.answered && !has) where.lacks.push_back(host.name);
    }
  }
  return all;
}

cli::JsonArray array_of(const std::vector<std::string>& names) {
  cli::JsonArray array;
  for (const std::string& name : names) array.text(name);
  return array;
}

WallTime wall_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return WallTime{now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

void show(const KeySettings& settings, const keys::Told& told, const std::vector<std::string>& away) {
  const auto all = by_key(told.hosts);
  if (settings.json) {
    for (const auto& [key, where] : all) {
      cli::JsonObject object;
      object.text("key", key.first).boolean("in_use", !where.sends.empty());
      object.array("sends", array_of(where.sends)).array("has", array_of(where.has));
      object.array("lacks", array_of(where.lacks)).array("away", array_of(away)).time("as_of", wall_now());
      cli::print(object.line());
    }
  } else if (!settings.quiet) {
    cli::Table table({{"KEY"}, {"SEND BY IT"}, {"HAVE IT"}, {"LACK IT"}});
    for (const auto& [key, where] : all)
      table.row(
          {key.first, shown_or_none(where.sends), shown_or_none(where.has), shown_or_none(where.lacks)});
    cli::print(cli::for_stdout(std::move(table)));
  }
}

void tell(const KeySettings& settings, const keys::Ask& ask, const std::vector<std::string>& done,
          const std::vector<std::string>& failed, const std::vector<std::string>& away) {
  if (settings.json) {
    cli::JsonObject object;
    object.text("verb", name_of(ask.verb)).text("key", ask.id).array("done", array_of(done));
    cli::print(object.array("failed", array_of(failed)).array("away", array_of(away)).line());
  } else if (!settings.quiet && ask.verb == keys::Verb::add) {
    cli::print(fmt::format("{}\n", ask.id));
  }
}

}  // namespace

Result<cli::Exit> key(const KeySettings& settings) {
  if (settings.verb == "pin") return pin_key(settings);
  if (!settings.key.empty())
    return Error{ErrorKind::usage, cli::shown(settings.key), "is one word too many",
                 "see `dpeers key --help`"};
  const auto ask = asked(settings);
  if (!ask) return ask.error();
  const auto told = ask_peer(settings, *ask);
  if (!told) return told.error();
  if (!told->refused.empty())
    return Error{told->is_wrong ? ErrorKind::usage : ErrorKind::unavailable,
                 fmt::format("key {}", name_of(ask->verb)), told->refused, ""};
  std::vector<std::string> done, failed, away;
  for (const keys::OfHost& host : told->hosts) {
    (!host.answered ? away : host.done ? done : failed).push_back(host.name);
    if (host.answered && !host.done && !settings.quiet)
      cli::notice("dpeers", fmt::format("{}: {}", cli::shown(host.name), cli::shown(host.why)));
  }
  if (ask->verb == keys::Verb::list) {
    show(settings, *told, away);
  } else {
    tell(settings, *ask, done, failed, away);
  }
  if (!away.empty() && !settings.quiet)
    cli::notice("dpeers",
                fmt::format("{} {} not answered{}", cli::shown_names(away), away.size() == 1 ? "has" : "have",
                            ask->verb == keys::Verb::list
                                ? ""
                                : ": say it again when back; or copy the file `keys` of this host's state "
                                  "directory there"));
  const bool all = failed.empty() && (away.empty() || ask->verb == keys::Verb::list);
  return all ? cli::Exit::done : cli::Exit::no;
}

}  // namespace coord::dpeers
