// SPDX-License-Identifier: MIT
#include "dpeers/check.hpp"

#include <sys/statvfs.h>

#include <cmath>

namespace coord::dpeers {

namespace {

constexpr double full_disk = 0.8;  // of the state directory's file system

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::optional<double> used_of(const std::string& directory) {
  struct statvfs space {};
  if (directory.empty() || ::statvfs(directory.c_str(), &space) != 0 || space.f_blocks == 0)
    return std::nullopt;
  const double free = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
  return 1 - free / (static_cast<double>(space.f_blocks) * static_cast<double>(space.f_frsize));
}

std::string in_one_line(const Error& error) {
  std::string text = error.text();
  for (char& c : text)
    if (c == '\n' || c == '|') c = ' ';  // what follows '|' would be figures
  return text;
}

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
      troubles.push_back(peer.name + (peer.state == "left" ? " has left" : " is " + peer.state));
    }
    if (peer.role == "leader") leader = peer.name;
    if (peer.local) term = peer.term.value_or(0);
    if (peer.disk == "full" || peer.disk == "stalled")
      troubles.push_back("the disk of " + peer.name + (peer.disk == "full" ? " is full" : " takes nothing"));
  }
  if (used && *used >= full_disk)
    troubles.push_back("the disk of the state directory is " + std::to_string(std::lround(*used * 100)) +
                       " % full");
  for (const Finding& finding : clock)
    if (finding.object == "rate" && finding.health != Health::ok)
      troubles.push_back("the clock's rate is " + finding.what);

  Check check;
  std::string what = std::to_string(alive) + " of " + std::to_string(group.peers.size()) + " peers alive";
  if (leader.empty()) {
    check.verdict = Verdict::critical;
    what += group.not_begun.empty() ? ", nobody leads: nothing is granted"
                                    : ", " + group.not_begun + ": nothing is granted";
  } else {
    what += ", " + leader + " leads";
    if (!troubles.empty()) check.verdict = Verdict::warning;
  }
  if (!troubles.empty()) what += ": " + joined(troubles);
  static constexpr const char* words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  check.line = std::string("COORDUTILS ") + words[static_cast<int>(check.verdict)] + " - " + what +
               " | alive=" + std::to_string(alive) + " peers=" + std::to_string(group.peers.size()) +
               " term=" + std::to_string(term);
  if (used) check.line += " disk_used=" + std::to_string(std::lround(*used * 100)) + "%;80";
  return check;
}

Check check(const cli::ConnectOptions& options) {
  const auto answer = ask_peer(options);
  if (!answer) return {Verdict::unknown, "COORDUTILS UNKNOWN - " + in_one_line(answer.error())};
  Findings ignored, clock;
  const Examined examined = examine_configuration(options, ignored);
  examine_clock(clock);
  return judge(*answer, used_of(examined.state_dir), clock);
}

}  // namespace coord::dpeers
