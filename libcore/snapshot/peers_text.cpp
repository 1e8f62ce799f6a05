// SPDX-License-Identifier: MIT
// The lines of peers and links, written and read.
#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "snapshot/field_reader.hpp"
#include "snapshot/line_writer.hpp"
#include "snapshot/peers.hpp"

namespace coord::record {
namespace {

void put(LineWriter& line, std::string& out, const Claim& claim) {
  line.object().text("kind", claim.kind).array("names", claim.names, [&](const std::string& name) {
    LineWriter::put_bytes(out, name);
  });
  line.count("token", claim.token).count("session", claim.session);
  line.text("host", LineWriter::shown(claim.host)).text("user", LineWriter::shown(claim.user)).close('}');
}

void put(LineWriter& line, const BarrierGeneration& generation) {
  line.object().text("name", LineWriter::shown(generation.name)).count("generation", generation.generation);
  line.count("arrived", generation.arrived)
      .count("count", generation.count)
      .text("stage", generation.stage)
      .close('}');
}

// Counts how many items an array has, and refuses more than `most`.
template <class Item>
auto up_to(JsonReader& in, std::size_t most, std::vector<Item>& out, bool (*read)(JsonReader&, Item&)) {
  return in.array([&] {
    if (out.size() >= most) return in.refuse("there are too many entries");
    return read(in, out.emplace_back());
  });
}

bool read_text(JsonReader& in, std::string& out) {
  return Fields(in).text(out, longest_name * 4);
}

bool read_kinds(JsonReader& in, Kinds& out) {
  return in.object([&](const std::string& kind) {
    if (out.size() >= most_kinds || kind.size() > longest_name) return in.refuse("there are too many kinds");
    return in.count(out[kind]);
  });
}

bool read_claim(JsonReader& in, Claim& claim) {
  Fields fields(in);
  return in.object([&](const std::string& name) {
    fields.found(name);
    if (name == "kind") return read_text(in, claim.kind);
    if (name == "names") return up_to(in, 64, claim.names, read_text);
    if (name == "token") return in.count(claim.token);
    if (name == "session") return in.count(claim.session);
    if (name == "host") return read_text(in, claim.host);
    if (name == "user") return read_text(in, claim.user);
    return in.skip();
  }) && fields.complete({"kind", "names", "token", "session", "host", "user"});
}

bool read_meeting(JsonReader& in, BarrierGeneration& generation) {
  Fields fields(in);
  return in.object([&](const std::string& name) {
    fields.found(name);
    if (name == "name") return read_text(in, generation.name);
    if (name == "generation") return in.count(generation.generation);
    if (name == "arrived") return in.count(generation.arrived);
    if (name == "count") return in.count(generation.count);
    if (name == "stage") return read_text(in, generation.stage);
    return in.skip();
  }) && fields.complete({"name", "generation", "arrived", "count", "stage"});
}

bool read_run(JsonReader& in, Run& run) {
  Fields fields(in);
  return in.object([&](const std::string& name) {
    fields.found(name);
    if (name == "index") return in.count(run.index);
    return name == "term" ? in.count(run.term) : in.skip();
  }) && fields.complete({"index", "term"});
}

bool read_member(JsonReader& in, std::pair<std::string, std::string>& member) {
  Fields fields(in);
  return in.object([&](const std::string& name) {
    fields.found(name);
    if (name == "name") return read_text(in, member.first);
    return name == "state" ? read_text(in, member.second) : in.skip();
  }) && fields.complete({"name", "state"});
}

bool read_clock(JsonReader& in, Peer& peer) {
  Fields fields(in);
  std::string wall;
  double running = 0;
  const bool read = in.object([&](const std::string& name) {
    fields.found(name);
    if (name == "wall") return read_text(in, wall);
    return name == "running_s" ? in.number(running) : in.skip();
  }) && fields.complete({"wall", "running_s"});
  if (!read) return false;
  const auto time = parse_rfc3339(wall);
  if (!time) return in.refuse("\"wall\" is not a time of RFC 3339");
  if (running < 0 || running > 9e9) return in.refuse("\"running_s\" is no time that a host runs");
  peer.wall = *time;
  // Written in milliseconds.
  peer.running = std::chrono::milliseconds(static_cast<std::int64_t>(running * 1000 + 0.5));
  return true;
}

std::string in_seconds(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return fmt::format("{}.{}", ms / 1000, std::to_string(ms % 1000 + 1000).substr(1));
}

}  // namespace

Kinds in_flight_or_lost(const Link& link) {
  Kinds out;
  for (const auto& [kind, sent] : link.datagrams_sent) {
    const auto found = link.datagrams_received.find(kind);
    const std::uint64_t received = found == link.datagrams_received.end() ? 0 : found->second;
    if (sent > received) out[kind] = sent - received;
  }
  return out;
}

std::string line_of(const Peer& peer) {
  std::string out;
  LineWriter line(out, "peer");
  line.text("name", peer.name).text("node", peer.node).text("life", peer.life);
  line.text("role", peer.role)
      .text("leader", peer.leader)
      .count("term", peer.term)
      .count("level", peer.level);
  line.count("first_index", peer.first_index).count("last_index", peer.last_index);
  line.count("commit_index", peer.commit_index).count("applied", peer.applied);
  line.array("runs", peer.runs, [&](const Run& run) {
    line.object().count("index", run.index).count("term", run.term).close('}');
  });
  line.count("last_token", peer.last_token).count("sessions", peer.sessions);
  line.array("holds", peer.holds, [&](const Claim& claim) { put(line, out, claim); });
  line.array("waits", peer.waits, [&](const Claim& claim) { put(line, out, claim); });
  line.array("barriers", peer.barriers, [&](const BarrierGeneration& generation) { put(line, generation); });
  line.count("left_out", peer.left_out);
  line.array("members", peer.members, [&](const auto& member) {
    line.object().text("name", member.first).text("state", member.second).close('}');
  });
  line.raw("clock", "").object().text("wall", rfc3339(peer.wall));
  line.raw("running_s", in_seconds(peer.running)).close('}').counts("links", peer.links).end();
  return out;
}

std::string line_of(const Link& link) {
  std::string out;
  LineWriter line(out, "link");
  line.text("from", link.from).text("to", link.to).counts("messages", link.messages);
  line.truth("marked", link.marked).truth("broke", link.broke);
  line.count("sent", link.sent).count("received", link.received).count("earlier", link.earlier);
  line.counts("in_flight_or_lost", in_flight_or_lost(link));
  line.counts("datagrams_sent", link.datagrams_sent).counts("datagrams_received", link.datagrams_received);
  line.array("each", link.each, [&](const std::string& text) { LineWriter::put_bytes(out, text); }).end();
  return out;
}

bool read_peer(JsonReader& in, Peer& peer) {
  Fields fields(in);
  const std::map<std::string_view, std::uint64_t*> counts = {{"term", &peer.term},
                                                             {"level", &peer.level},
                                                             {"first_index", &peer.first_index},
                                                             {"last_index", &peer.last_index},
                                                             {"commit_index", &peer.commit_index},
                                                             {"applied", &peer.applied},
                                                             {"last_token", &peer.last_token},
                                                             {"sessions", &peer.sessions},
                                                             {"left_out", &peer.left_out}};
  const std::map<std::string_view, std::string*> texts = {{"name", &peer.name},
                                                          {"node", &peer.node},
                                                          {"life", &peer.life},
                                                          {"role", &peer.role},
                                                          {"leader", &peer.leader}};
  const bool read = in.object([&](const std::string& name) {
    fields.found(name);
    if (const auto count = counts.find(name); count != counts.end()) return in.count(*count->second);
    if (const auto text = texts.find(name); text != texts.end()) return fields.text(*text->second);
    if (name == "runs") return up_to(in, most_claims, peer.runs, read_run);
    if (name == "holds") return up_to(in, most_claims, peer.holds, read_claim);
    if (name == "waits") return up_to(in, most_claims, peer.waits, read_claim);
    if (name == "barriers") return up_to(in, most_claims, peer.barriers, read_meeting);
    if (name == "members") return up_to(in, most_members, peer.members, read_member);
    if (name == "clock") return read_clock(in, peer);
    if (name == "links") return fields.counts(peer.links);
    return in.skip();
  });
  return read &&
         fields.complete({"name",       "node",        "life",       "role",         "leader",   "term",
                          "level",      "first_index", "last_index", "commit_index", "applied",  "runs",
                          "last_token", "sessions",    "holds",      "waits",        "barriers", "left_out",
                          "members",    "clock",       "links"});
}

bool read_link(JsonReader& in, Link& link) {
  Fields fields(in);
  const bool read = in.object([&](const std::string& name) {
    fields.found(name);
    if (name == "from") return fields.text(link.from);
    if (name == "to") return fields.text(link.to);
    if (name == "messages") return read_kinds(in, link.messages);
    if (name == "marked") return in.boolean(link.marked);
    if (name == "broke") return in.boolean(link.broke);
    if (name == "sent") return in.count(link.sent);
    if (name == "received") return in.count(link.received);
    if (name == "earlier") return in.count(link.earlier);
    if (name == "datagrams_sent") return read_kinds(in, link.datagrams_sent);
    if (name == "datagrams_received") return read_kinds(in, link.datagrams_received);
    if (name == "each") return up_to(in, most_each, link.each, read_text);
    return in.skip();
  });
  return read && fields.complete({"from", "to", "messages", "marked", "broke", "sent", "received", "earlier",
                                  "datagrams_sent", "datagrams_received", "each"});
}

}  // namespace coord::record
