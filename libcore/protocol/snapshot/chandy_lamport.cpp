// SPDX-License-Identifier: MIT
#include "protocol/snapshot/chandy_lamport.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::snapshot {

ChandyLamport::ChandyLamport(Group group, Amount balance) : group_(std::move(group)), account_{balance} {
  group_.check();
}

ChandyLamport::Actions ChandyLamport::step(Instant, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(what, actions); }, event);
  return actions;
}

void ChandyLamport::on(const Begin&, Actions& actions) {
  if (recordings_.size() >= most_at_once) return;
  const Id snapshot{group_.self, ++begun_};
  record(snapshot, actions);
  close(snapshot, std::nullopt, actions);
}

void ChandyLamport::on(const Hand& hand, Actions& actions) {
  if (hand.to == group_.self || !group_.knows(hand.to)) return;
  actions.push_back(Send{hand.to, Payment{account_.pay(hand)}});
  for (const Marker& marker : late_[hand.to]) actions.push_back(Send{hand.to, marker});
  late_[hand.to].clear();
}

void ChandyLamport::on(const Receive& receive, Actions& actions) {
  if (receive.from == group_.self || !group_.knows(receive.from)) return;
  std::visit([&](const auto& message) { received(receive.from, message, actions); }, receive.message);
}

void ChandyLamport::received(NodeId from, const Payment& payment, Actions& actions) {
  account_.take(from, payment.amount);
  for (auto& [id, recording] : recordings_) {
    const bool open = recording.open.contains(from);
    if (COORD_RULE_OR(cl_marker_closes_its_channel, open, true))
      recording.record.on_way[from].push_back(payment.amount);
  }
  actions.push_back(Handed{from, payment.amount});
}

void ChandyLamport::received(NodeId from, const Marker& marker, Actions& actions) {
  const Id id = marker.snapshot;
  const auto last = whole_.find(id.initiator);
  if (last != whole_.end() && id.number <= last->second) return;
  if (!recordings_.contains(id)) {
    if (recordings_.size() >= most_at_once) return;
    if (!COORD_RULE_OR(cl_snapshots_are_told_apart, true, recordings_.empty())) return;
    record(id, actions);
  }
  close(id, from, actions);
}

// The markers leave in the step of the record: nothing is sent in between.
void ChandyLamport::record(Id snapshot, Actions& actions) {
  Recording& recording = recordings_[snapshot];
  recording.record = account_.record(snapshot);
  group_.each_other([&](NodeId other) {
    recording.open.insert(other);
    if (COORD_RULE_OR(cl_marker_before_the_next_message, true, false)) {
      actions.push_back(Send{other, Marker{snapshot}});
    } else {
      late_[other].push_back(Marker{snapshot});
    }
  });
}

void ChandyLamport::close(Id snapshot, std::optional<NodeId> channel, Actions& actions) {
  Recording& recording = recordings_.at(snapshot);
  if (channel) recording.open.erase(*channel);
  if (!recording.open.empty()) return;
  if (!COORD_RULE_OR(cl_state_at_the_first_marker, true, false)) {
    recording.record.state = account_.balance;
    recording.record.received = account_.received;
  }
  actions.push_back(std::move(recording.record));
  recordings_.erase(snapshot);
  std::uint64_t& last = whole_[snapshot.initiator];
  last = std::max(last, snapshot.number);
}

std::set<NodeId> ChandyLamport::missing() const {
  std::set<NodeId> all;
  for (const auto& [id, recording] : recordings_) all.insert(recording.open.begin(), recording.open.end());
  return all;
}

std::string text(const Id& snapshot) {
  return fmt::format("{}{}",
                     snapshot.initiator.value == 0 ? "" : fmt::format("{}.", snapshot.initiator.value),
                     snapshot.number);
}

std::string text(const ChandyLamport::Message& message) {
  if (const auto* marker = std::get_if<ChandyLamport::Marker>(&message))
    return fmt::format("marker {}", text(marker->snapshot));
  return fmt::format("pays {}", std::get<ChandyLamport::Payment>(message).amount);
}

}  // namespace coord::snapshot
