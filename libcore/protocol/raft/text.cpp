// SPDX-License-Identifier: MIT
#include "protocol/raft/text.hpp"

namespace coord::raft {

namespace {

std::string number(std::uint64_t value) {
  return std::to_string(value);
}
std::string place(LogIndex index, Term term) {
  return number(index.value) + "@" + number(term.value);
}
std::string in_term(const char* what, Term term) {
  return std::string(what) + " term " + number(term.value);
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
    return in_term(m.pre ? "pre-vote request" : "vote request", m.term) + " log " +
           place(m.last_index, m.last_term) + (m.transfer ? " transfer" : "");
  }
  std::string operator()(const VoteReply& m) const {
    return in_term(m.pre ? "pre-vote" : "vote", m.term) + (m.granted ? " granted" : " refused");
  }
  std::string operator()(const AppendRequest& m) const {
    std::string text = in_term("append", m.term) + " after " + place(m.previous_index, m.previous_term);
    if (!m.entries.empty()) {
      text += " entries " + number(m.entries.front().index.value);
      if (m.entries.size() > 1) text += ".." + number(m.entries.back().index.value);
    }
    return text + " commit " + number(m.commit.value);
  }
  std::string operator()(const AppendReply& m) const {
    if (m.accepted)
      return in_term("appended", m.term) + " match " + number(m.match.value) + if_recovering(m.recovering);
    return in_term("append refused", m.term) + " after " + number(m.match.value) + " hint " +
           place(m.hint_index, m.hint_term) + if_recovering(m.recovering);
  }
  std::string operator()(const Heartbeat& m) const {
    if (m.round == 0) return in_term("committed", m.term) + " commit " + number(m.commit.value);
    std::string text =
        in_term("heartbeat", m.term) + " round " + number(m.round) + " commit " + number(m.commit.value);
    for (const auto& [peer, disk] : m.disks) text += " disk " + number(peer.value) + state(disk);
    return text;
  }
  std::string operator()(const HeartbeatReply& m) const {
    return in_term("heartbeat reply", m.term) + " round " + number(m.round) + if_recovering(m.recovering) +
           state(m.disk);
  }
  std::string operator()(const SnapshotRequest& m) const {
    return in_term("snapshot", m.term) + " of " + place(m.last_index, m.last_term) + " bytes " +
           number(m.offset) + "+" + number(m.data.size()) + "/" + number(m.size);
  }
  std::string operator()(const SnapshotReply& m) const {
    return in_term("snapshot reply", m.term) + " of " + number(m.last_index.value) +
           (m.installed ? " installed" : " has " + number(m.received)) + if_recovering(m.recovering);
  }
  std::string operator()(const TimeoutNow& m) const { return in_term("time out now", m.term); }
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
