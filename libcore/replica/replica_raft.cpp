// SPDX-License-Identifier: MIT
// What Raft answers, carried over into the replica's own actions and the machine.
#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/raise_counts.hpp"
#include "replica/replica.hpp"
#include "wire/codec.hpp"
#include "wire/state_sections.hpp"

namespace coord::replica {

void Replica::tell_raft(Instant now, const raft::Event& event) {
  for (raft::Action& action : raft_.step(now, event)) {
    std::visit([&](auto& concrete) { perform(now, std::move(concrete)); }, action);
  }
}

void Replica::perform(Instant, raft::Persist&& action) {
  if (action.snapshot) speak(action.snapshot->level);
  for (const raft::Entry& entry : action.entries) speak(entry.level);
  const std::uint64_t job = next_job_++;
  jobs_[job].persist = action.id;
  out_.push_back(DiskJob{job, std::move(action)});
}

void Replica::perform(Instant, raft::Send&& action) {
  if (!at_level_two() || !raft::may_go_by_datagram(action.message))
    return send_peer(action.to, std::move(action.message));
  const auto known = directories_.find(action.to);
  EitherWay message{config_.raft.incarnation, {}, std::move(action.message)};
  if (known != directories_.end()) message.to = known->second;
  out_.push_back(SendPeer{.to = action.to,
                          .message = std::move(message),
                          .level = spoken_,
                          .datagram_also = known != directories_.end()});
}

// A datagram may have been under way since before this peer, or that one, was given another state directory.
// A stream is of one life of both, so what it says of the other's directory is true now.
bool Replica::is_for_us(const FromPeer& event, const EitherWay& message) {
  if (!event.datagram) {
    directories_[event.from] = message.from;
    return true;
  }
  if (!COORD_RULE(only_so_by_datagram, raft::may_go_by_datagram(message.message))) return false;
  const auto known = directories_.find(event.from);
  return COORD_RULE(datagram_of_these_directories, message.to == config_.raft.incarnation &&
                                                       known != directories_.end() &&
                                                       known->second == message.from);
}

bool Replica::has_log(NodeId node) const {
  return raft_.voters().has(node);
}

void Replica::feed_members() {
  if (feed_.size() == 0 || !at_level_two()) return;
  const raft::Voters voters = voters_of(raft_, applied_);
  const Feed::Source source{raft_.log(), applied_, machine_, voters, raft_.leader(), raft_.term()};
  for (auto& [node, message] : feed_.due(source)) send_peer(node, std::move(message));
}

void Replica::send_peer(NodeId to, PeerMessage message) {
  out_.push_back(SendPeer{.to = to, .message = std::move(message), .level = spoken_});
}

void Replica::perform(Instant now, raft::Apply&& action) {
  for (raft::Entry& entry : action.entries) {
    COORD_CHECK(entry.index.value == applied_.value + 1);
    applied_ = entry.index;
    applied_term_ = entry.term;
    ++applied_since_snapshot_;
    bytes_since_snapshot_ += entry.data.size();
    if (!apply(now, entry)) return;
  }
  take_snapshot_if_due();
}

// False: this peer halts, for it cannot read what the others may have applied.
bool Replica::apply(Instant now, const raft::Entry& entry) {
  if (entry.kind == raft::EntryKind::raise) return apply_raise(now, entry);
  if (entry.kind == raft::EntryKind::members) {
    if (auto voters = raft::decode_voters(entry.data)) {
      service::Effects effects = machine_.apply_voters(entry.index, voters->voters);
      timers_.applied(now, effects, machine_);
      if (!effects.empty()) out_.push_back(Applied{entry.index, std::move(effects)});
      out_.push_back(VotersChanged{entry.index, std::move(*voters)});
    }
  }
  if (entry.kind != raft::EntryKind::command) return true;
  const auto command = wire::decode<service::Command>(entry.data, {.version = entry.level});
  if (!command) {
    halt_on(entry, command.error());
    return false;
  }
  service::Effects effects = machine_.apply(entry.index, *command);
  timers_.applied(now, effects, machine_);
  commands_.applied(*command, effects, machine_, out_);
  out_.push_back(Applied{entry.index, std::move(effects)});
  return true;
}

void Replica::halt_on(const raft::Entry& entry, const Error& why) {
  halted_ = true;
  out_.push_back(Halted{fmt::format(
      "log entry {}, of level {}, cannot be read ({}): install the release that the other peers have",
      entry.index.value, entry.level, why.what)});
}

void Replica::perform(Instant, raft::Install&& action) {
  auto machine = machine_from(action.snapshot);
  if (!machine) {
    // It came from a leader whose checksum held: the two of us do not run the same program.
    halted_ = true;
    out_.push_back(Halted{fmt::format("the leader's snapshot cannot be read: {}", machine.error().text())});
    return;
  }
  const Level before = machine_.level();
  machine_ = std::move(*machine);
  if (machine_.level() != before) level_has_changed();
  applied_ = action.snapshot.index;
  applied_term_ = action.snapshot.term;
  applied_since_snapshot_ = 0;
  bytes_since_snapshot_ = 0;
  snapshot_bytes_ = action.snapshot.data.size();
  out_.push_back(Replaced{});
  commands_.replaced(machine_, out_);
}

void Replica::perform(Instant, raft::ReadReady&& action) {
  const auto found = reads_.find(action.id);
  if (found == reads_.end()) return;
  Reading& reading = found->second;
  if (reading.asker == NodeId{}) {
    reading.index = action.index;
    return;
  }
  send_peer(reading.asker, ReadAnswer{reading.asker_id, true, action.index});
  reads_.erase(found);
}

void Replica::perform(Instant, raft::ReadDropped&& action) {
  const auto found = reads_.find(action.id);
  if (found == reads_.end()) return;
  Reading& reading = found->second;
  if (reading.asker == NodeId{}) return;  // asked again when its time has come
  send_peer(reading.asker, ReadAnswer{reading.asker_id, false, LogIndex{}});
  reads_.erase(found);
}

void Replica::perform(Instant, raft::ProposalDropped&&) {
  // Nothing was promised: what is pending goes again to the next leader, or after config_.resend.
}

void Replica::perform(Instant now, raft::RoleChanged&& action) {
  raise_at_.reset();
  raise_ready_since_.reset();
  if (may_found_ && !founded_at_) founded_at_ = now;
  if (action.role == raft::Role::leader) {
    timers_.became_leader(now, machine_);
    floor_due_ = std::max(lone() ? tokens_reserved_ : Token{}, inherited_);
  } else {
    timers_.lost_leadership();
    waiting_for_tokens_.clear();  // they are still pending
  }
  out_.push_back(LeaderChanged{action.role, action.term, action.leader});
}

void Replica::perform(Instant, raft::Refused&& action) {
  out_.push_back(Report{std::move(action.why)});
}

void Replica::perform(Instant, raft::Halt&& action) {
  out_.push_back(Halted{std::move(action.why)});
}

void Replica::take_snapshot_if_due() {
  if (snapshot_in_flight_) return;
  // A large state is not written anew for each small change: of what is written, at most two thirds are it.
  if (bytes_since_snapshot_ < snapshot_bytes_ / 2) return;
  if (applied_since_snapshot_ < config_.snapshot_every_entries &&
      bytes_since_snapshot_ < config_.snapshot_every_bytes)
    return;
  const std::size_t expected = snapshot_bytes_ + bytes_since_snapshot_;
  snapshot_in_flight_ = true;
  applied_since_snapshot_ = 0;
  bytes_since_snapshot_ = 0;
  raft::Snapshot snapshot{applied_, applied_term_, wire::encode_state(machine_.state(), expected),
                          machine_.level(), raft_.voters_said_at(applied_)};
  snapshot_bytes_ = snapshot.data.size();
  const std::uint64_t job = next_job_++;
  jobs_[job].snapshot = snapshot;
  out_.push_back(DiskJob{job, std::move(snapshot)});
}

}  // namespace coord::replica
