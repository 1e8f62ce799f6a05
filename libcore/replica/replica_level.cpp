// SPDX-License-Identifier: MIT
// The group's level, as a replica of it sees and raises it (base/level.hpp, service/level.hpp).
//
// Announced is what a peer says in its greetings: for as long as a connection stands, and of one life. The
// leader proposes a raise once all who vote or learn have announced it, and lists their lives; whether that
// still holds is decided when the entry is applied. Nothing of a level is written or sent before, not even by
// the leader that has proposed it: the entry may be overwritten, or be void.
#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "replica/raise_counts.hpp"
#include "replica/replica.hpp"
#include "wire/codec.hpp"

namespace coord::replica {

void Replica::on(Instant, const Greeted& event) {
  announced_[event.from] = Announcement{event.knows, event.life};
  // What it was sent before may have gone into a connection that was dead already: again, and not after
  // config_.resend only. A cut that has healed shows in this.
  commands_.sent_in_vain_to(event.from);
  if (event.from != raft_.leader()) return;
  for (auto& [id, reading] : reads_) {
    if (reading.asker == NodeId{}) reading.asked.reset();
  }
}

void Replica::on(Instant, const Parted& event) {
  announced_.erase(event.from);
  feed_.parted(event.from);
}

void Replica::on(Instant, const RaiseNow&) {
  asked_ = raise_now_ = true;
}

// Nothing: it has announced `level`.
std::optional<LevelView::Missing> Replica::why_missing(NodeId voter, Level level) const {
  const auto announced = announced_.find(voter);
  const bool is_self = voter == config_.raft.self;
  if (!is_self && announced == announced_.end()) return LevelView::Missing::unreachable;
  const Announcement& said = is_self ? Announcement{config_.level, life()} : announced->second;
  if (!COORD_RULE(raise_counts_who_knows_it, said.knows >= level)) return LevelView::Missing::earlier;
  const auto registered = machine_.state().registrations.find(voter);
  const bool lives = registered != machine_.state().registrations.end() &&
                     COORD_RULE(announcement_of_one_life, registered->second.nonce == said.life);
  return lives ? std::nullopt : std::optional(LevelView::Missing::unregistered);
}

// The newest level above the present one that every voter knows; the present one: none.
Level Replica::known_by_all() const {
  Level known = machine_.level();
  const std::vector<NodeId> all = who_must_know(raft_.voters(), machine_.level());
  while (known < config_.level &&
         std::ranges::none_of(all, [&](NodeId voter) { return why_missing(voter, known + 1).has_value(); }))
    ++known;
  return known;
}

LevelView Replica::level_view() const {
  LevelView view;
  view.level = machine_.level();
  view.next = std::max(view.level, std::min(view.level + 1, config_.level));
  if (view.next == view.level) return view;
  for (const NodeId voter : who_must_know(raft_.voters(), view.level)) {
    if (const auto why = why_missing(voter, view.next)) view.missing.emplace(voter, *why);
  }
  view.due = raise_due();
  return view;
}

std::optional<Instant> Replica::raise_due() const {
  if (!raise_ready_since_ || raise_at_) return std::nullopt;
  return *raise_ready_since_ + config_.raise_after;
}

void Replica::raise_if_due(Instant now) {
  if (raft_.role() != raft::Role::leader || machine_.level() >= config_.level) {
    raise_ready_since_.reset();
    raise_now_ = false;
    return;
  }
  if (raise_at_ && applied_ < *raise_at_) return;
  raise_at_.reset();
  const Level level = known_by_all();
  if (level == machine_.level()) {
    raise_ready_since_.reset();
    return;
  }
  if (!raise_ready_since_) raise_ready_since_ = now;
  const bool is_new = founded_at_ && now < *founded_at_ + config_.new_group_for;
  if (raise_now_ || is_new || now >= *raise_due()) propose_raise(now, level);
}

void Replica::propose_raise(Instant now, Level level) {
  raise_now_ = false;
  raise_ready_since_.reset();
  service::Raise raise{level, {}};
  for (const NodeId voter : who_must_know(raft_.voters(), machine_.level()))
    raise.lives[voter] = machine_.state().registrations.at(voter).nonce;
  const LogIndex before = raft_.last_index();
  tell_raft(now, raft::ProposeRaise{wire::encode(raise)});
  if (raft_.last_index() > before) raise_at_ = LogIndex{before.value + 1};
  if (COORD_RULE_OR(raise_in_force_when_applied, false, raise_at_.has_value())) speak(level);
}

bool Replica::apply_raise(Instant now, const raft::Entry& entry) {
  const auto raise = wire::decode<service::Raise>(entry.data);
  if (!raise) {
    halt_on(entry, raise.error());
    return false;
  }
  const std::vector<NodeId> all = who_must_know(voters_of(raft_, entry.index), machine_.level());
  service::Effects effects = machine_.apply_raise(entry.index, *raise, all);
  timers_.applied(now, effects, machine_);
  if (std::get<service::RaiseApplied>(effects.front()).in_force) level_has_changed();
  out_.push_back(Applied{entry.index, std::move(effects)});
  return true;
}

void Replica::level_has_changed() {
  speak(machine_.level());
  waiting_for_tokens_.clear();
  commands_.level_has_changed(machine_);
}

void Replica::speak(Level level) {
  if (level <= spoken_) return;
  spoken_ = level;
  if (COORD_RULE_OR(links_greeted_at_level, true, false)) out_.push_back(SpeakLevel{level});
}

}  // namespace coord::replica
