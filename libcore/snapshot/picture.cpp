// SPDX-License-Identifier: MIT
#include "snapshot/picture.hpp"

#include <algorithm>
#include <map>

#include "base/format.hpp"

namespace coord::record {
namespace {

using Printable = std::function<std::string(std::string_view)>;

// A message that crosses the cut, and the row of its sending.
struct Crossing {
  std::string from, to;
  std::string name, body, detail;
  std::uint64_t sum = 0;  // of its clock: causes have smaller ones
  std::size_t row = 0;
};

std::uint64_t sum_of(const VectorClock& clock) {
  std::uint64_t sum = 0;
  for (const auto& [id, count] : clock.counts()) sum += count;
  return sum;
}

std::vector<Crossing> crossings_of(const Snapshot& snapshot, const Printable& printable) {
  std::vector<Crossing> out;
  for (const Channel& channel : snapshot.channels) {
    for (const Message& message : channel.messages) {
      const auto drawn = static_cast<std::size_t>(&message - channel.messages.data());
      const std::size_t left = channel.messages.size() - drawn;
      const bool rest = drawn == most_drawn && left > 1;
      const std::string body = rest ? fmt::format("{} more messages", left) : printable(message.body);
      out.push_back({channel.from, channel.to,
                     fmt::format("{}={}", channel.from, message.clock.at(channel.from)), body,
                     fmt::format("{} > {} message {}: {}", channel.from, channel.to, message.number, body),
                     sum_of(message.clock), 0});
      if (rest) break;
    }
  }
  std::ranges::stable_sort(out, {}, &Crossing::sum);
  return out;
}

std::string kinds_text(const Kinds& kinds) {
  std::string out;
  for (const auto& [kind, count] : kinds) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, kind);
  return out;
}

// Of the group itself: a row for each peer, below the cut one for each link with something on it.
void draw_peers(const Snapshot& snapshot, const Printable& printable, clock::Diagram& diagram,
                const std::map<std::string, std::size_t, std::less<>>& lanes) {
  std::map<std::string, std::size_t, std::less<>> rows;
  for (const Peer& peer : snapshot.peers) {
    rows[peer.name] = diagram.events.size();
    const std::string text = fmt::format("{}, term {}, {} held", peer.role, peer.term, peer.holds.size());
    diagram.events.push_back({lanes.at(peer.name),
                              fmt::format("{}={}", printable(peer.name), peer.applied),
                              printable(text),
                              printable(text),
                              {}});
  }
  for (const Missing& missing : snapshot.missing) {
    const auto lane = lanes.find(missing.id);
    if (lane == lanes.end()) continue;
    const std::string why = fmt::format("no record: {}", to_string(missing.why));
    diagram.events.push_back({lane->second, fmt::format("{}=?", printable(missing.id)), why, why, {}});
  }
  diagram.cut = {diagram.events.size(), printable(snapshot.id)};
  for (const Link& link : snapshot.links) {
    const auto from = rows.find(link.from);
    if (link.messages.empty() || from == rows.end()) continue;
    const std::string text = fmt::format("{} (on the way)", printable(kinds_text(link.messages)));
    diagram.events.push_back({lanes.at(link.to),
                              printable(link.to),
                              text,
                              text,
                              {{from->second, diagram.events[from->second].name}}});
  }
}

}  // namespace

clock::Diagram picture_of(const Snapshot& snapshot, const Printable& printable) {
  clock::Diagram diagram;
  std::map<std::string, std::size_t, std::less<>> lanes;
  for (const Member& member : snapshot.members) {
    lanes.emplace(member.id, diagram.lanes.size());
    diagram.lanes.push_back(printable(member.id));
  }
  if (snapshot.of_peers()) {
    draw_peers(snapshot, printable, diagram, lanes);
    return diagram;
  }
  std::vector<Crossing> crossings = crossings_of(snapshot, printable);
  for (Crossing& crossing : crossings) {
    crossing.row = diagram.events.size();
    diagram.events.push_back({lanes.at(crossing.from),
                              printable(crossing.name),
                              fmt::format("to {}: {}", printable(crossing.to), crossing.body),
                              crossing.detail,
                              {}});
  }
  for (const Process& process : snapshot.processes) {
    const std::string state = printable(process.state) + (process.external ? " (external)" : "");
    const std::string name = fmt::format("{}={}", printable(process.id), process.clock.at(process.id));
    diagram.events.push_back({lanes.at(process.id), name, state, fmt::format("{}: {}", name, state), {}});
  }
  for (const Missing& missing : snapshot.missing) {
    const auto lane = lanes.find(missing.id);
    if (lane == lanes.end()) continue;
    const std::string why = fmt::format("no record: {}", to_string(missing.why));
    diagram.events.push_back({lane->second, fmt::format("{}=?", printable(missing.id)), why, why, {}});
  }
  diagram.cut = {diagram.events.size(), printable(snapshot.id)};
  for (const Crossing& crossing : crossings)
    diagram.events.push_back({lanes.at(crossing.to),
                              printable(crossing.to),
                              fmt::format("{} (on its way)", crossing.body),
                              crossing.detail,
                              {{crossing.row, printable(crossing.name)}}});
  return diagram;
}

}  // namespace coord::record
