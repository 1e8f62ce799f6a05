// SPDX-License-Identifier: MIT
#include "protocol/snapshot/lai_yang.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::snapshot {

LaiYang::LaiYang(Group group, Amount balance) : group_(std::move(group)), account_{balance} {
  group_.check();
}

LaiYang::Actions LaiYang::step(Instant, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(what, actions); }, event);
  return actions;
}

void LaiYang::on(const Begin&, Actions& actions) {
  if (recordings_.size() >= most_at_once) return;
  record_up_to(colour_ + 1, actions);
  close_whole(actions);
}

void LaiYang::on(const Hand& hand, Actions& actions) {
  if (hand.to == group_.self || !group_.knows(hand.to)) return;
  actions.push_back(Send{hand.to, Payment{account_.pay(hand), colour_}});
}

void LaiYang::on(const Receive& receive, Actions& actions) {
  if (receive.from == group_.self || !group_.knows(receive.from)) return;
  std::visit([&](const auto& message) { received(receive.from, message, actions); }, receive.message);
}

void LaiYang::received(NodeId from, const Payment& payment, Actions& actions) {
  // A colour that is far ahead is no process's: the others wait for this one's counts.
  if (payment.colour > colour_ + most_at_once) return;
  const bool first = COORD_RULE_OR(ly_records_before_a_later_colour, true, false);
  if (first) record_up_to(payment.colour, actions);
  account_.take(from, payment.amount);
  record_up_to(payment.colour, actions);
  for (auto& [colour, recording] : recordings_) {
    if (payment.colour >= colour) continue;
    // By colour alone: that the sender's count has come says nothing of what it has overtaken.
    if (!COORD_RULE_OR(ly_overtaken_is_on_its_way, true, !recording.told.contains(from))) continue;
    recording.record.on_way[from].push_back(payment.amount);
  }
  actions.push_back(Handed{from, payment.amount});
  close_whole(actions);
}

void LaiYang::received(NodeId from, const Count& count, Actions& actions) {
  if (count.colour > colour_ + most_at_once) return;
  record_up_to(count.colour, actions);
  const auto found = recordings_.find(count.colour);
  if (found != recordings_.end()) found->second.told[from] = count.sent;
  close_whole(actions);
}

void LaiYang::record_up_to(Colour colour, Actions& actions) {
  while (colour_ < colour) {
    ++colour_;
    recordings_[colour_].record = account_.record({NodeId{0}, colour_});
    group_.each_other([&](NodeId other) {
      actions.push_back(Send{other, Count{colour_, account_.sent[other]}});
    });
  }
}

bool LaiYang::arrived(const Recording& recording, NodeId from) const {
  const auto told = recording.told.find(from);
  if (told == recording.told.end()) return false;
  const auto before = recording.record.received.find(from);
  const auto after = recording.record.on_way.find(from);
  const std::uint64_t here = (before == recording.record.received.end() ? 0 : before->second) +
                             (after == recording.record.on_way.end() ? 0 : after->second.size());
  return COORD_RULE(ly_waits_for_all_that_was_sent, here >= told->second);
}

void LaiYang::close_whole(Actions& actions) {
  for (auto entry = recordings_.begin(); entry != recordings_.end();) {
    Recording& recording = entry->second;
    bool whole = true;
    group_.each_other([&](NodeId other) { whole = whole && arrived(recording, other); });
    if (!whole) {
      ++entry;
      continue;
    }
    actions.push_back(std::move(recording.record));
    entry = recordings_.erase(entry);
  }
}

std::set<NodeId> LaiYang::missing() const {
  std::set<NodeId> all;
  for (const auto& [colour, recording] : recordings_) {
    group_.each_other([&](NodeId other) {
      if (!arrived(recording, other)) all.insert(other);
    });
  }
  return all;
}

std::string text(const LaiYang::Message& message) {
  if (const auto* count = std::get_if<LaiYang::Count>(&message))
    return fmt::format("count {}, colour {}", count->sent, count->colour);
  const auto& payment = std::get<LaiYang::Payment>(message);
  return fmt::format("pays {}, colour {}", payment.amount, payment.colour);
}

}  // namespace coord::snapshot
