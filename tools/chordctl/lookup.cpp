// SPDX-License-Identifier: MIT
// chordctl lookup, fingers: where a key is, how Chord gets there, and what each host knows for it.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/format.hpp"
#include "cli/json.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "known.hpp"
#include "ring/owner.hpp"
#include "ring/routing.hpp"
#include "verbs.hpp"

namespace coord::chordctl {
namespace {

struct LookupSettings {
  const Common& common;
  Patience patience;
  bool json = false, trace = false;
  std::vector<std::string> operands;
};

Error not_in_ring(const std::string& object) {
  return {ErrorKind::usage, cli::shown(object), "is not in the ring", "name a host of `chordctl ring`"};
}

Result<cli::Exit> outside(const LookupSettings& s) {
  cli::notice("chordctl",
              fmt::format("{}: this host is not in the ring: ask one of its hosts, or `chordctl join`",
                          cli::shown(s.common.ring)));
  return cli::Exit::no;
}

std::string shortened(const chord::Id& id) {
  constexpr std::size_t digits = 12;
  return chord::text(id).substr(0, digits);
}

std::string milliseconds(Duration took) {
  constexpr double per_ms = 1e6;
  char text[32];
  std::snprintf(text, sizeof text, "%.2f ms", static_cast<double>(took.count()) / per_ms);
  return text;
}

std::string said(const ring::Via& via) {
  if (via.kind == ring::Via::Kind::finger) return fmt::format("finger {}", via.finger);
  return ring::name_of(via.kind);
}

// ---- the way to a key

Result<ring::Traced> trace(const LookupSettings& s, Client& client, const Known& known) {
  const std::string& key = s.operands.front();
  if (known.is_own()) {
    const chord::List all = ring::members_of(known.placement());
    return ring::Trace(known.here.host, all, 1, ring::id_of_key(key)).result();
  }
  auto answer = client.ask(ring::AskTrace{s.common.ring, key});
  if (!answer) return answer.error();
  if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused(*refusal, key);
  auto* traced = std::get_if<ring::Traced>(&*answer);
  return traced == nullptr ? unexpected_answer() : Result<ring::Traced>(std::move(*traced));
}

void print_hops(const LookupSettings& s, const Known& known, const Addresses& addresses,
                const ring::Traced& traced, WallTime as_of) {
  cli::Table table({{"HOP", cli::Table::Align::right},
                    {"ID"},
                    {"HOST"},
                    {"ADDRESS"},
                    {"VIA"},
                    {"TIME", cli::Table::Align::right}});
  for (std::size_t i = 0; i < traced.hops.size(); ++i) {
    const ring::TraceHop& hop = traced.hops[i];
    const std::string host = known.name(hop.whom.host);
    if (s.json) {
      cli::JsonObject line;
      line.integer("hop", i)
          .text("id", chord::text(hop.whom.id))
          .text("host", host)
          .text("address", addresses.of(host))
          .text("via", said(hop.via))
          .boolean("answered", hop.answered);
      hop.answered ? line.seconds("rtt_s", hop.took) : line.null("rtt_s");
      cli::print(line.time("as_of", as_of).line());
    } else {
      table.row({std::to_string(i), shortened(hop.whom.id), host, addresses.of(host), said(hop.via),
                 hop.answered ? milliseconds(hop.took) : "no answer"});
    }
  }
  if (!s.json) cli::print(cli::for_stdout(table));
}

Result<cli::Exit> show_trace(const LookupSettings& s, Client& client, const Known& known, WallTime as_of) {
  if (!known.is_own() && !known.is_member()) return outside(s);
  const auto traced = trace(s, client, known);
  if (!traced) return traced.error();
  const auto addresses = client.addresses();
  if (!addresses) return addresses.error();
  print_hops(s, known, *addresses, *traced, as_of);
  if (!traced->owners.empty()) return cli::Exit::done;
  return Error{ErrorKind::unavailable, cli::shown(s.operands.front()),
               "the lookup found no owner: hosts do not answer", "see `dpeers`"};
}

void print_role(const LookupSettings& s, const Known& known, const char* role, const ring::Host& host,
                WallTime as_of) {
  const std::string name = known.name(host.host);
  const std::string& key = s.operands.front();
  if (!s.json) {
    const std::string zone = known.has_zones() ? fmt::format("\t{}", cli::shown(host.zone)) : "";
    return cli::print(fmt::format("{}\t{}{}\n", role, cli::shown(name), zone));
  }
  cli::JsonObject line;
  line.name("key", key).text("id", chord::text(ring::id_of_key(key))).text("role", role).text("host", name);
  add_zone(line, host);
  cli::print(line.time("as_of", as_of).line());
}

Result<cli::Exit> lookup(LookupSettings& s) {
  std::string& key = s.operands.front();
  if (Status right = check_key(key); !right) return right.error();
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  if (Status own = client->expand_own(s.common.ring, key); !own) return own.error();
  const WallTime as_of = wall_now();
  auto known = look_at_ring(s.common, *client, s.trace);
  if (!known) return known.error();
  // As the peer judges it where it is read.
  if (ring::is_foreign(key, known->here.user, ::geteuid() == 0)) {
    cli::notice("chordctl", fmt::format("{}: there is no such key", cli::shown(key)));
    return cli::Exit::no;
  }
  if (!s.json || !s.trace) {
    const ring::ReplicaSet set = known->placement().of_key(key);
    for (std::size_t i = 0; i < set.now.size(); ++i)
      print_role(s, *known, i == 0 ? "owner" : "replica", set.now[i], as_of);
  }
  return s.trace ? show_trace(s, *client, *known, as_of) : cli::Exit::done;
}

// ---- what a host knows

Result<std::vector<ring::PlaceKnown>> places_of(const LookupSettings& s, Client& client, const Known& known,
                                                NodeId host) {
  if (known.is_own()) return ring::places_known(ring::members_of(known.placement()), host, 1);
  auto answer = client.ask(ring::AskFingers{s.common.ring, host});
  if (!answer) return answer.error();
  if (const auto* refusal = std::get_if<ring::Refused>(&*answer)) return refused(*refusal, known.name(host));
  if (std::holds_alternative<ring::Absent>(*answer)) return not_in_ring(known.name(host));
  auto* fingers = std::get_if<ring::FingersOf>(&*answer);
  return fingers == nullptr ? unexpected_answer()
                            : Result<std::vector<ring::PlaceKnown>>(std::move(fingers->places));
}

void print_fingers_json(const Known& known, const Addresses& addresses, const std::string& host,
                        const ring::PlaceKnown& place, WallTime as_of) {
  for (const ring::Finger& finger : place.fingers) {
    const std::string name = known.name(finger.member.host);
    cli::JsonObject line;
    line.text("host", host).text("place", chord::text(place.place.id));
    if (place.view.predecessor) {
      line.text("predecessor", chord::text(place.view.predecessor->id));
    } else {
      line.null("predecessor");
    }
    cli::JsonArray successors;
    for (const chord::Member& member : place.view.successors) successors.text(chord::text(member.id));
    cli::print(line.array("successors", successors)
                   .integer("first", finger.first)
                   .integer("last", finger.last)
                   .object("finger", cli::JsonObject()
                                         .text("id", chord::text(finger.member.id))
                                         .text("host", name)
                                         .text("address", addresses.of(name)))
                   .time("as_of", as_of)
                   .line());
  }
}

void add_fingers(cli::Table& table, const Known& known, const Addresses& addresses,
                 const ring::PlaceKnown& place) {
  const auto row = [&](const std::string& what, const chord::Member& member, bool is_first) {
    const std::string name = known.name(member.host);
    table.row(
        {is_first ? shortened(place.place.id) : "", what, shortened(member.id), name, addresses.of(name)});
  };
  row("predecessor", place.view.predecessor.value_or(place.place), true);
  const chord::List& successors = place.view.successors;
  if (!successors.empty())
    row(fmt::format("successor 1 of {}", successors.size()), successors.front(), false);
  for (const ring::Finger& finger : place.fingers) {
    row(finger.first == finger.last ? fmt::format("finger {}", finger.first)
                                    : fmt::format("finger {}-{}", finger.first, finger.last),
        finger.member, false);
  }
}

Result<cli::Exit> fingers(const LookupSettings& s) {
  auto client = Client::open(s.common, s.patience);
  if (!client) return client.error();
  auto known = look_at_ring(s.common, *client, true);
  if (!known) return known.error();
  if (!known->is_own() && !known->is_member()) return outside(s);
  NodeId host = known->here.host;
  if (!s.operands.empty()) {
    const auto is_named = [&](const service::RingHost& each) {
      return known->name(each.host) == s.operands.front();
    };
    const auto found = std::ranges::find_if(known->view.hosts, is_named);
    if (found == known->view.hosts.end()) return not_in_ring(s.operands.front());
    host = found->host;
  }
  const WallTime as_of = wall_now();
  const auto places = places_of(s, *client, *known, host);
  if (!places) return places.error();
  const auto addresses = client->addresses();
  if (!addresses) return addresses.error();
  cli::Table table({{"PLACE"}, {"KNOWS AS"}, {"ID"}, {"HOST"}, {"ADDRESS"}});
  for (const ring::PlaceKnown& place : *places) {
    if (s.json) {
      print_fingers_json(*known, *addresses, known->name(host), place, as_of);
    } else {
      add_fingers(table, *known, *addresses, place);
    }
  }
  if (!s.json) cli::print(cli::for_stdout(table));
  return cli::Exit::done;
}

}  // namespace

void add_lookup(cli::Options& tool, const Common& common) {
  const auto s = std::make_shared<LookupSettings>(LookupSettings{common, {}, false, false, {}});
  auto& made = tool.verb("lookup", "which hosts keep a key: its owner first");
  made.synopsis("[--trace] [--json] KEY");
  made.operands("KEY", s->operands, 1, 1, "1 to 1024 bytes");
  made.flag("--trace", s->trace, "every step of Chord's way there, from host to host");
  made.flag("--json", s->json, "one host or step a line, as JSON");
  add_patience(made, s->patience);
  made.example("chordctl lookup config/limit", "");
  made.example("chordctl lookup --trace config/limit", "");
  made.does([s] { return lookup(*s); });
}

void add_fingers(cli::Options& tool, const Common& common) {
  const auto s = std::make_shared<LookupSettings>(LookupSettings{common, {}, false, false, {}});
  auto& made = tool.verb("fingers", "which places a host knows for lookups");
  made.synopsis("[--json] [HOST]", "without HOST: this one");
  made.operands("HOST", s->operands, 0, 1, "a host of the ring");
  made.operand_completes_from("chordctl ring 2>/dev/null | tail -n +3 | cut -f 1");
  made.flag("--json", s->json, "one finger a line, as JSON");
  add_patience(made, s->patience);
  made.example("chordctl fingers beta", "");
  made.does([s] { return fingers(*s); });
}

}  // namespace coord::chordctl
