// SPDX-License-Identifier: MIT
// What is looked at while participants meet.
#include <algorithm>

#include "sweep/participants.hpp"

namespace coord::sweep {

namespace {

std::string text(const std::pair<std::string, std::uint64_t>& place) {
  return place.first + ", generation " + std::to_string(place.second);
}

}  // namespace

// The first to apply an entry decides what it did (ledger.hpp looks whether the others agree). The log of a
// peer alone may be taken back by a power cut, with all who were told of it, and that of an
// engine by a backup.
void Participants::applied(NodeId node, const replica::Applied& applied) {
  if (applied.index <= top_ || world_.nodes() == 1 || restored_) return;
  top_ = applied.index;
  for (const service::Effect& effect : applied.effects) {
    if (const auto* arrival = std::get_if<service::BarrierArrived>(&effect)) {
      const auto in_log = in_log_since_.find({arrival->to.client, arrival->to.sequence});
      first_arrival_.emplace(Place{arrival->name, arrival->generation},
                             in_log == in_log_since_.end() ? world_.now() : in_log->second);
    } else if (const auto* moved = std::get_if<service::BarrierMoved>(&effect)) {
      if (moved->generation.stage == service::GenerationStage::released) released(node, *moved);
    }
  }
}

void Participants::put_into_log(const service::Command& command) {
  if (std::holds_alternative<service::Arrive>(command.body))
    in_log_since_.emplace(std::pair(command.client, command.sequence), world_.now());
}

void Participants::released(NodeId node, const service::BarrierMoved& moved) {
  const Place place{moved.name, moved.number};
  if (!seen_released_.insert(place).second) return;
  const service::BarrierTerms& terms = moved.generation.terms;
  const auto there = moved.generation.arrivals.size();
  // `after` is measured by the clock of whoever leads, which may be a tenth off and more.
  const bool waited = world_.now() - first_arrival_[place] >= terms.after * 8 / 10;
  if (there < terms.count && !(terms.quorum > 0 && there >= terms.quorum && waited)) {
    return fail(node, text(place) + " is released with " + std::to_string(there) + " of " +
                          std::to_string(terms.count) + (waited ? "" : ", and too early"));
  }
  for (const auto& [id, arrival] : moved.generation.arrivals) {
    const bool real = arrived_.contains(arrival.key) && !withdrawn_.contains(arrival.key);
    if (!real) return fail(node, text(place) + " is released with " + id + ", who is not there");
    if (failing_.contains(arrival.key) && !arrival.late)
      return fail(node, text(place) + " is released with " + id + ", who has failed");
    auto& all = generations_of_[arrival.key];
    if (!all.empty()) return fail(node, id + " is in " + text(place) + " and in " + text(all.begin()->first));
    all.emplace(place, world_.now());
  }
}

void Participants::check_passed(const Member& member, const local::Passed& answer) {
  if (answer.late || world_.nodes() == 1 || restored_) return;
  const auto found = generations_of_.find(member.request.key);
  const Place place{member.request.name, answer.generation};
  if (found == generations_of_.end() || !found->second.contains(place))
    fail(member.host, member.request.id + " is told that it passed " + text(place) + ", and is not in it");
}

// A command whose wrapper was killed and whose peer is gone, or knows nothing of it any more, has no guard.
bool Participants::unguarded(const Member& member) const {
  const bool host_is_up = world_.state(member.host) == sim::NodeState::running;
  return !host_is_up || (!member.wrapper && member.disks != disks_of(member.host));
}

// The member's command is about to begin.
void Participants::check_turn(const Member& member) {
  if (!member.request.in_turn || world_.nodes() == 1) return;
  ++turns_;
  const Place place{member.request.name, member.request.generation};
  if (stopped_.contains(place))
    return fail(member.host, text(place) + ": " + member.request.id + " begins after another one has failed");
  for (const auto& [id, other] : members_) {
    const bool same = other.request.name == place.first && other.request.generation == place.second;
    if (same && other.command && !unguarded(other))
      return fail(member.host,
                  text(place) + ": " + member.request.id + " begins while " + other.request.id + " runs");
  }
}

void Participants::check_all_ended(const Member& member, const local::AllEnded& answer) {
  const Place place{member.request.name, answer.generation};
  all_ended_.insert(place);
  for (const auto& [id, other] : members_) {
    if (!other.command || other.request.name != place.first || other.request.generation != place.second)
      continue;
    if (unguarded(other)) continue;
    return fail(member.host, text(place) + ": " + member.request.id +
                                 " is told that all commands have ended, and " + other.request.id + " runs");
  }
}

}  // namespace coord::sweep
