// SPDX-License-Identifier: MIT
#include "base/format.hpp"
#include "base/rfc3339.hpp"
#include "snapshot/line_writer.hpp"
#include "snapshot/record_text.hpp"

namespace coord::record {
namespace {

const std::string& host_of(const Snapshot& snapshot, std::string_view id) {
  static const std::string unknown;
  for (const Member& member : snapshot.members) {
    if (member.id == id) return member.host;
  }
  return unknown;
}

void put_head(std::string& out, const Snapshot& snapshot, std::size_t lines) {
  LineWriter line(out, "snapshot");
  line.text("id", snapshot.id).bytes("group", snapshot.group).truth("complete", snapshot.complete());
  line.array("missing", snapshot.missing, [&](const Missing& missing) { append_json(out, missing.id); });
  line.array("why", snapshot.missing,
             [&](const Missing& missing) { append_json(out, to_string(missing.why)); });
  line.text("at", rfc3339(snapshot.at)).count("view", snapshot.view);
  line.array("members", snapshot.members, [&](const Member& member) {
    line.object().text("id", member.id).count("life", member.life).bytes("host", member.host).close('}');
  });
  line.count("lines", lines).end();
}

void put_process(std::string& out, const Snapshot& snapshot, const Process& process) {
  LineWriter line(out, "process");
  line.text("id", process.id).bytes("host", host_of(snapshot, process.id)).bytes("state", process.state);
  line.counts("clock", process.clock.counts()).truth("external", process.external);
  line.counts("sent", process.sent).counts("received", process.received).end();
}

void put_channel(std::string& out, const Channel& channel) {
  LineWriter line(out, "channel");
  line.text("from", channel.from).text("to", channel.to);
  line.array("messages", channel.messages, [&](const Message& message) {
    line.object().count("number", message.number).bytes("body", message.body);
    line.counts("clock", message.clock.counts()).close('}');
  });
  line.truth("full", channel.full).end();
}

Error too_large(const Snapshot& snapshot, const std::string& bound) {
  return Error{ErrorKind::data, fmt::format("snapshot {}", snapshot.id),
               fmt::format("is larger than {}", bound), "take it while less is on its way"};
}

std::size_t clock_entries(const Snapshot& snapshot) {
  std::size_t entries = 0;
  for (const Process& process : snapshot.processes) entries += process.clock.counts().size();
  for (const Channel& channel : snapshot.channels) {
    for (const Message& message : channel.messages) entries += message.clock.counts().size();
  }
  return entries;
}

}  // namespace

std::string head_line(const Snapshot& snapshot, std::size_t lines) {
  std::string out;
  put_head(out, snapshot, lines);
  return out;
}

Result<std::string> to_text(const Snapshot& snapshot) {
  if (clock_entries(snapshot) > most_clock_entries)
    return too_large(snapshot, fmt::format("{} entries of clocks", most_clock_entries));
  const Error bytes = too_large(snapshot, fmt::format("{} MiB", most_record_bytes >> 20U));
  std::string out;
  put_head(
      out, snapshot,
      snapshot.processes.size() + snapshot.channels.size() + snapshot.peers.size() + snapshot.links.size());
  for (const Process& process : snapshot.processes) {
    put_process(out, snapshot, process);
    if (out.size() > most_record_bytes) return bytes;
  }
  for (const Channel& channel : snapshot.channels) {
    put_channel(out, channel);
    if (out.size() > most_record_bytes) return bytes;
  }
  for (const Peer& peer : snapshot.peers) out += line_of(peer);
  for (const Link& link : snapshot.links) out += line_of(link);
  if (out.size() > most_record_bytes) return bytes;
  return out;
}

}  // namespace coord::record
