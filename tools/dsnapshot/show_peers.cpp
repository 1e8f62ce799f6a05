// SPDX-License-Identifier: MIT
#include "show_peers.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/table.hpp"
#include "stored.hpp"

namespace coord::dsnapshot {
namespace {

using Align = cli::Table::Align;

std::string kinds_text(const record::Kinds& kinds) {
  std::string out;
  for (const auto& [kind, count] : kinds) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, kind);
  return out;
}

std::uint64_t count_of(const std::vector<record::Claim>& claims, bool leadership) {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      claims, [&](const record::Claim& claim) { return (claim.kind == "leadership") == leadership; }));
}

std::string names_of(const record::Claim& claim) {
  std::string out;
  for (const auto& name : claim.names) out += (out.empty() ? "" : ",") + name;
  return out;
}

void show_states(const record::Snapshot& snapshot) {
  cli::Table table({{"PEER"},
                    {"ROLE"},
                    {"TERM", Align::right},
                    {"PLACE", Align::right},
                    {"LOG", Align::right},
                    {"HOLDS", Align::right},
                    {"WAITS", Align::right},
                    {"LEADS", Align::right},
                    {"BARRIERS", Align::right},
                    {"SEES"}});
  for (const auto& peer : snapshot.peers) {
    const auto seen =
        std::ranges::count_if(peer.members, [](const auto& m) { return m.second == "connected"; });
    table.row({peer.name, peer.role, std::to_string(peer.term), std::to_string(peer.applied),
               std::to_string(peer.last_index), std::to_string(count_of(peer.holds, false)),
               std::to_string(peer.waits.size()), std::to_string(count_of(peer.holds, true)),
               std::to_string(peer.barriers.size()), fmt::format("{} of {}", seen, peer.members.size())});
  }
  for (const auto& missing : snapshot.missing) {
    if (missing.id.find(' ') == std::string::npos)
      table.row({missing.id, std::string(to_string(missing.why))}, cli::Tone::bad);
  }
  cli::print(cli::for_stdout(table));
}

void show_links(const record::Snapshot& snapshot, bool each) {
  cli::Table table({{"LINK"}, {"ON ITS WAY", Align::left, true}, {"IN FLIGHT OR LOST", Align::left, true}});
  std::size_t empty = 0;
  for (const auto& link : snapshot.links) {
    const std::string name = fmt::format("{} > {}", link.from, link.to);
    const auto missing = std::ranges::find(snapshot.missing, name, &record::Missing::id);
    const std::string datagrams = kinds_text(in_flight_or_lost(link));
    std::string messages = kinds_text(link.messages);
    if (missing != snapshot.missing.end()) messages = fmt::format("not known: {}", to_string(missing->why));
    if (messages.empty() && datagrams.empty()) {
      ++empty;
      continue;
    }
    table.row({name, messages.empty() ? "-" : messages, datagrams.empty() ? "-" : datagrams});
    for (std::size_t i = 0; each && i < link.each.size(); ++i)
      table.row({"", fmt::format("{} {}", i + 1, link.each[i])});
  }
  if (!table.empty()) cli::print(fmt::format("\n{}", cli::for_stdout(table)));
  if (empty > 0)
    cli::print((table.empty() ? "\nnothing is on its way: " : "nothing on ") + plural(empty, "link") +
               (table.empty() ? "\n" : " more\n"));
}

// The newest state that a peer has is what is shown of the group's.
void show_claims(const record::Snapshot& snapshot) {
  constexpr std::size_t most = 8;
  const auto newest = std::ranges::max_element(snapshot.peers, {}, &record::Peer::applied);
  if (newest == snapshot.peers.end()) return;
  cli::Table table({{"WHAT"}, {"NAME"}, {"TOKEN", Align::right}, {"HOST"}, {"USER"}});
  std::size_t left = newest->left_out;
  std::size_t shown = 0;
  for (const auto* claims : {&newest->holds, &newest->waits}) {
    for (const auto& claim : *claims) {
      if (++shown > most) {
        ++left;
        continue;
      }
      table.row({claim.kind + (claims == &newest->waits ? ", waits" : ""), names_of(claim),
                 claim.token == 0 ? "-" : std::to_string(claim.token), claim.host, claim.user});
    }
  }
  for (const auto& generation : newest->barriers) {
    if (++shown > most) {
      ++left;
      continue;
    }
    table.row({fmt::format("barrier {}, {}", generation.generation, generation.stage), generation.name, "-",
               fmt::format("{} of {}", generation.arrived, generation.count), ""});
  }
  if (table.empty()) return;
  cli::print(fmt::format("\n{}", cli::for_stdout(table)));
  if (left > 0) cli::print(fmt::format("and {} more: see --json\n", left));
}

}  // namespace

void show_peers(const record::Snapshot& snapshot, bool each) {
  cli::print(fmt::format("{}\n", headline(snapshot)));
  show_states(snapshot);
  show_claims(snapshot);
  show_links(snapshot, each);
}

}  // namespace coord::dsnapshot
