// SPDX-License-Identifier: MIT
// Construction, the events, and the end of every step: what to persist, send and apply.
#include "protocol/raft/raft.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::raft {

namespace {

// What cannot be true of a disk that the store has checked; a later level's log, for one.
std::string flaw_of_disk(const Recovered& recovered, Level known, bool is_founder) {
  LogIndex index = recovered.snapshot ? recovered.snapshot->index : LogIndex{};
  Term term = recovered.snapshot ? recovered.snapshot->term : Term{};
  const auto too_new = [known](const char* what, Level level) {
    return fmt::format("{} of level {}, and this program knows level {}: install the release that wrote it",
                       what, level, known);
  };
  if (recovered.snapshot && recovered.snapshot->level > known)
    return too_new("the recovered snapshot is", recovered.snapshot->level);
  for (const Entry& entry : recovered.entries) {
    if (entry.index.value != ++index.value) return "the recovered log has a gap";
    if (entry.term < term) return "the recovered log's terms go back";
    const std::optional<Level> needed = level_needed(entry);
    if (!needed) return "the recovered log holds entries of a kind that is not known here";
    if (*needed > known) return too_new("the recovered log holds entries", *needed);
    term = entry.term;
  }
  if (term > recovered.hard_state.term) return "the recovered log is of a later term than the hard state";
  const bool is_seed = recovered.snapshot && recovered.entries.empty() &&
                       recovered.hard_state.term == recovered.snapshot->term;
  const bool is_empty = index.value == 0 && recovered.hard_state.term.value == 0;
  if (is_founder && recovered.hard_state.founders.empty() && !is_empty && !is_seed) {
    return "the recovered state has no founders";
  }
  return {};
}

}  // namespace

Raft::Raft(Config config, Recovered recovered, Random random, Instant now)
    : config_(std::move(config)),
      random_(random),
      now_(now),
      broken_(flaw_of_disk(recovered, config_.level, !joined_later())),
      hard_(std::move(recovered.hard_state)),
      log_(recovered.snapshot ? recovered.snapshot->index : LogIndex{},
           recovered.snapshot ? recovered.snapshot->term : Term{},
           broken_.empty() ? std::move(recovered.entries) : std::vector<Entry>{}),
      members_(log_.base(), recovered.snapshot ? recovered.snapshot->voters : Voters{}, config_.peers) {
  COORD_CHECK(config_.peers.size() <= Voters::limit && (config_.peers.size() >= 1 || joined_later()));
  COORD_CHECK(std::is_sorted(config_.peers.begin(), config_.peers.end()));
  COORD_CHECK(std::adjacent_find(config_.peers.begin(), config_.peers.end()) == config_.peers.end());
  COORD_CHECK(config_.heartbeat > Duration::zero() && config_.heartbeat < config_.election_low);
  COORD_CHECK(config_.election_low <= config_.election_high);
  if (recovered.snapshot) snapshot_ = std::make_shared<Snapshot>(*std::move(recovered.snapshot));
  for (LogIndex at{log_.base().value + 1}; at <= log_.last(); ++at.value) note_members(*log_.at(at));
  commit_ = applied_ = log_.base();
  bootstrap_.nonce = random_.next();
  bootstrap_.ask_at = now;
  if (hard_.founders.empty() && !joined_later()) role_ = Role::bootstrap;
  arm_election_timer();
  reported_ = {role_, hard_.term, leader_};
}

Actions Raft::step(Instant now, const Event& event) {
  if (role_ == Role::halted) return {};
  now_ = std::max(now_, now);
  if (broken_.empty()) std::visit([this](const auto& concrete) { on(concrete); }, event);
  return finish_step();
}

std::optional<Instant> Raft::deadline() const {
  switch (role_) {
    case Role::halted:
      return std::nullopt;
    case Role::bootstrap:
      return bootstrap_.write != 0 ? std::nullopt : std::optional<Instant>(bootstrap_.ask_at);
    case Role::leader:
      return progress_.empty() ? std::nullopt : std::optional<Instant>(heartbeat_due_);
    case Role::candidate:
      if (alone())
        return std::nullopt;  // its own vote is on its way to the disk: there is nothing else to wait for
      return election_deadline_;
    case Role::follower:
    case Role::pre_candidate:
      return election_deadline_;
  }
  return std::nullopt;
}

void Raft::on(const Tick& /*event*/) {
  if (role_ == Role::bootstrap) {
    if (now_ >= bootstrap_.ask_at) ask_for_state();
  } else if (role_ == Role::leader) {
    lead_on_tick();
  } else if (now_ >= election_deadline_) {
    election_timed_out();
  }
}

void Raft::on(const Propose& event) {
  std::size_t bytes = log_.bytes_after(std::min(commit_, log_.durable()));
  for (const Bytes& command : event.commands) bytes += command.size();
  if (role_ != Role::leader || transfer_ || bytes > config_.uncommitted_limit) {
    local_.emplace_back(ProposalDropped{event.commands});
    return;
  }
  for (const Bytes& command : event.commands) {
    log_.append({hard_.term, LogIndex{log_.last().value + 1}, EntryKind::command, command, event.level});
  }
  must_be_durable_ = must_be_durable_ || event.durable;
  send_to_all();
}

void Raft::on(const ProposeRaise& event) {
  if (role_ != Role::leader || transfer_) return;
  log_.append({hard_.term, LogIndex{log_.last().value + 1}, EntryKind::raise, event.data});
  must_be_durable_ = true;
  send_to_all();
}

void Raft::on(const Persisted& event) {
  COORD_CHECK(outbox_.was_given(event.id));
  if (event.id <= outbox_.durable_write()) return;
  outbox_.completed(event.id);
  writing_since_.reset();
  if (outbox_.next_write() > outbox_.durable_write() + 1) writing_since_ = now_;
  log_.persisted(event.id);
  if (role_ == Role::bootstrap) {
    if (bootstrap_.write != 0 && outbox_.is_durable(bootstrap_.write)) founded();
  } else if (role_ == Role::candidate) {
    if (outbox_.is_durable(hard_write_)) own_vote_is_durable();
  } else if (role_ == Role::leader) {
    advance_commit();
  }
}

// A failed write or sync says nothing about what the disk holds, and a retried one may report
// success for data that is gone (Rebello et al., "Can Applications Recover from fsync Failures?",
// ATC 2020): this peer is over.
void Raft::on(const PersistFailed& event) {
  if (COORD_RULE_OR(step_down_on_failed_write, true, false)) {
    halt(event.why);
  } else if (outbox_.next_write() > outbox_.durable_write() + 1) {
    on(Persisted{outbox_.next_write() - 1});
  }
}

void Raft::on(const SnapshotStored& event) {
  const LogIndex index = event.snapshot.index;
  if (snapshot_ && index <= snapshot_->index) return;  // the leader's newer one has overtaken it
  COORD_CHECK(index <= applied_);
  snapshot_ = std::make_shared<Snapshot>(event.snapshot);
  log_.snapshot_stored(index);
  if (index.value <= config_.entries_behind) return;
  log_.compact(LogIndex{index.value - config_.entries_behind});
  members_.compact(log_.base());
}

void Raft::halt(std::string why) {
  if (broken_.empty()) broken_ = std::move(why);
}

void Raft::refuse(NodeId peer, std::string why) {
  local_.emplace_back(Refused{peer, std::move(why)});
}

// The Persist before which nobody may hear of the present term and vote (figure 2); mostly long durable.
std::uint64_t Raft::write_of_term() const {
  return COORD_RULE_OR(term_durable_before_use, hard_write_, 0);
}

void Raft::send(NodeId to, Message message, std::uint64_t after) {
  outbox_.send(to, std::move(message), std::max(after, write_of_term()));
}

void Raft::hard_state_changed() {
  hard_unsaved_ = true;
  hard_write_ = outbox_.next_write();
}

void Raft::commit_upto(LogIndex index) {
  if (index <= commit_) return;
  commit_ = std::min(index, log_.last());
  unmute_if_caught_up();
}

Actions Raft::finish_step() {
  Actions out;
  if (!broken_.empty()) {
    role_ = Role::halted;
    leader_ = NodeId{};
    local_.clear();
    out.emplace_back(Halt{broken_});
    return out;
  }
  persist_what_changed(out);
  outbox_.release(out);
  hand_out_committed(out);
  for (Action& action : local_) out.push_back(std::move(action));
  local_.clear();
  const View view{role_, hard_.term, leader_};
  if (view != reported_) {
    reported_ = view;
    out.emplace_back(RoleChanged{view.role, view.term, view.leader});
  }
  return out;
}

void Raft::persist_what_changed(Actions& out) {
  const bool new_snapshot = installing_ && !outbox_.was_given(installing_->write);
  if (!hard_unsaved_ && !new_snapshot && !log_.has_unsaved()) return;
  Persist persist;
  persist.id = outbox_.begin_write();
  if (!writing_since_) writing_since_ = now_;
  if (new_snapshot) persist.snapshot = *installing_->snapshot;
  persist.entries = log_.unsaved();
  if (!persist.entries.empty()) persist.first = persist.entries.front().index;
  if (hard_unsaved_) persist.hard_state = hard_;
  // A group of one: whoever crashes the machine ends the users of its locks too, so only the order must hold.
  persist.sync = !always_alone() || hard_unsaved_ || new_snapshot || must_be_durable_;
  must_be_durable_ = false;
  if (new_snapshot || !persist.entries.empty()) log_.handed_over(persist.id);
  hard_unsaved_ = false;
  out.emplace_back(std::move(persist));
}

// Committed is durable on a majority; whether it is durable here too does not matter to who applies it.
void Raft::hand_out_committed(Actions& out) {
  if (installing_) {
    if (!outbox_.was_given(installing_->write) || !outbox_.is_durable(installing_->write)) return;
    applied_ = installing_->snapshot->index;
    out.emplace_back(Install{*installing_->snapshot});
    installing_.reset();
  }
  if (applied_ >= commit_) return;
  Apply apply{log_.slice(applied_, commit_, SIZE_MAX)};
  applied_ = commit_;
  if (!apply.entries.empty()) out.emplace_back(std::move(apply));
}

}  // namespace coord::raft
