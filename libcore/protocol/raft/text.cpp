// SPDX-License-Identifier: MIT
#include "protocol/raft/text.hpp"

#include "base/format.hpp"

namespace coord::raft {

namespace {

std::string place(LogIndex index, Term term) {
  return fmt::format("{}@{}", index.value, term.value);
}
std::string in_term(const char* what, Term term) {
  return fmt::format("{} term {}", what, term.value);
}
const char* if_recovering(bool recovering) {
  return recovering ? " recovering" : "";
}

const char* state(DiskState disk) {
  if (disk == DiskState::full) return " full";
  return disk == DiskState::stalled ? " stalled" : "";
}

struct Writer {
  std::string operator()(const VoteRequest& m) const {
    return fmt::format("{} log {}{}", in_term(m.pre ? "pre-vote request" : "vote request", m.term),
                       place(m.last_index, m.last_term), m.transfer ? " transfer" : "");
  }
  std::string operator()(const VoteReply& m) const {
    return in_term(m.pre ? "pre-vote" : "vote", m.term) + (m.granted ? " granted" : " refused");
  }
  std::string operator()(const AppendRequest& m) const {
    std::string entries;
    if (!m.entries.empty()) {
      entries = fmt::format(" entries {}", m.entries.front().index.value);
      if (m.entries.size() > 1) entries += fmt::format("..{}", m.entries.back().index.value);
    }
    return fmt::format("{} after {}{} commit {}", in_term("append", m.term),
                       place(m.previous_index, m.previous_term), entries, m.commit.value);
  }
  std::string operator()(const AppendReply& m) const {
    if (m.accepted)
      return fmt::format("{} match {}{}", in_term("appended", m.term), m.match.value,
                         if_recovering(m.recovering));
    return fmt::format("{} after {} hint {}{}", in_term("append refused", m.term), m.match.value,
                       place(m.hint_index, m.hint_term), if_recovering(m.recovering));
  }
  std::string operator()(const Heartbeat& m) const {
    if (m.round == 0) return fmt::format("{} commit {}", in_term("committed", m.term), m.commit.value);
    std::string text =
        fmt::format("{} round {} commit {}", in_term("heartbeat", m.term), m.round, m.commit.value);
    for (const auto& [peer, disk] : m.disks) text += fmt::format(" disk {}{}", peer.value, state(disk));
    return text;
  }
  std::string operator()(const HeartbeatReply& m) const {
    return fmt::format("{} round {}{}{}", in_term("heartbeat reply", m.term), m.round,
                       if_recovering(m.recovering), state(m.disk));
  }
  std::string operator()(const SnapshotRequest& m) const {
    return fmt::format("{} of {} bytes {}+{}/{}", in_term("snapshot", m.term),
                       place(m.last_index, m.last_term), m.offset, m.data.size(), m.size);
  }
  std::string operator()(const SnapshotReply& m) const {
    return fmt::format("{} of {} {}{}", in_term("snapshot reply", m.term), m.last_index.value,
                       m.installed ? "installed" : fmt::format("has {}", m.received),
                       if_recovering(m.recovering));
  }
  std::string operator()(const TimeoutNow& m) const { return in_term("time out now", m.term); }
  std::string operator()(const NotVoter& m) const { return fmt::format("no voter by {}", m.index.value); }
  std::string operator()(const StateQuery& /*m*/) const { return "state query"; }
  std::string operator()(const StateAnswer& m) const {
    if (m.empty) return "state answer empty";
    return in_term("state answer", m.term) + (m.knows_you ? " knows you" : " does not know you");
  }
};

}  // namespace

std::string to_text(const Message& message) {
  return std::visit(Writer{}, message);
}

const char* to_text(Role role) {
  switch (role) {
    case Role::bootstrap:
      return "founding";
    case Role::follower:
      return "follower";
    case Role::pre_candidate:
      return "pre-candidate";
    case Role::candidate:
      return "candidate";
    case Role::leader:
      return "leader";
    case Role::halted:
      return "halted";
  }
  return "unknown";
}

}  // namespace coord::raft
