// SPDX-License-Identifier: MIT
// What dpeers --check makes of what a peer tells.
#include <cmath>

#include "base/counted.hpp"
#include "base/format.hpp"
#include "dpeers/check.hpp"
#include "dpeers/doctor_told.hpp"

namespace coord::dpeers {

namespace {

constexpr double full_disk = 0.8;  // of the state directory's file system

}  // namespace

Check judge(const local::Peers& group, std::optional<double> used, const Findings& clock) {
  std::size_t alive = 0;
  std::string leader;
  std::uint64_t term = 0;
  std::vector<std::string> troubles;
  for (const local::PeerRecord& peer : group.peers) {
    if (peer.state == "alive") {
      ++alive;
    } else {
      troubles.push_back(peer.name +
                         (peer.state == "left" ? " has left" : fmt::format(" is {}", peer.state)));
    }
    if (peer.role == "leader") leader = peer.name;
    if (peer.local) term = peer.term.value_or(0);
    if (peer.disk == "full" || peer.disk == "stalled")
      troubles.push_back(
          fmt::format("the disk of {}{}", peer.name, peer.disk == "full" ? " is full" : " takes nothing"));
  }
  if (used && *used >= full_disk)
    troubles.push_back(fmt::format("the disk of the state directory is {} % full", std::lround(*used * 100)));
  for (const local::PeerRecord& peer : group.peers) {
    Findings offset;
    if (peer.state == "alive") examine_offset(peer, group, offset);
    Findings rate;
    if (peer.state == "alive") examine_rate(peer, rate);
    for (const Finding& finding : rate)
      troubles.push_back(fmt::format("the clock of {}: {}", peer.name, finding.what));
    for (const Finding& finding : offset)
      if (finding.health != Health::ok)
        troubles.push_back(fmt::format("the clock of {} is {}", peer.name, finding.what));
  }
  for (const Finding& finding : clock)
    if (finding.object == "rate" && finding.health != Health::ok)
      troubles.push_back(fmt::format("the clock's rate is {}", finding.what));

  Check check;
  std::string what = fmt::format("{} of {} peers alive", alive, group.peers.size());
  if (leader.empty()) {
    check.verdict = Verdict::critical;
    what += group.not_begun.empty() ? ", nobody leads: nothing is granted"
                                    : fmt::format(", {}: nothing is granted", group.not_begun);
  } else {
    what += fmt::format(", {} leads", leader);
    if (!troubles.empty()) check.verdict = Verdict::warning;
  }
  if (!troubles.empty()) what += fmt::format(": {}", joined(troubles));
  static constexpr const char* words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  check.line = fmt::format("COORDUTILS {} - {} | alive={} peers={} term={}",
                           words[static_cast<int>(check.verdict)], what, alive, group.peers.size(), term);
  if (used) check.line += fmt::format(" disk_used={}%;80", std::lround(*used * 100));
  return check;
}

}  // namespace coord::dpeers
