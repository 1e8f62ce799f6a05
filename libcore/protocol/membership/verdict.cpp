// SPDX-License-Identifier: MIT
#include "protocol/membership/verdict.hpp"

#include <algorithm>

namespace coord::membership {

void Observation::suspects(Instant now, NodeId observer, NodeId subject) {
  if (!suspected_.emplace(std::pair(observer, subject), now).second) return;
  if (!crashed_.contains(subject)) mistakes_.push_back({observer, subject, now});
}

void Observation::trusts(Instant now, NodeId observer, NodeId subject) {
  if (suspected_.erase({observer, subject}) == 0) return;
  for (auto& mistake : mistakes_) {
    if (mistake.observer == observer && mistake.subject == subject) mistake.to = std::min(mistake.to, now);
  }
}

void Observation::crashed(Instant now, NodeId node) {
  if (!crashed_.emplace(node, now).second) return;
  for (auto& mistake : mistakes_) {  // a suspicion that has come true
    if (mistake.subject == node || mistake.observer == node) mistake.to = std::min(mistake.to, now);
  }
}

void Observation::recovered(NodeId node) {
  crashed_.erase(node);
  std::erase_if(suspected_, [&](const auto& one) { return one.first.first == node; });
}

Observation::Verdict Observation::verdict(Instant end, Duration calm) const {
  Verdict verdict;
  std::set<NodeId> live = nodes_;
  for (const auto& [node, when] : crashed_) live.erase(node);
  verdict.strong_completeness = verdict.weak_completeness = true;
  for (const auto& [node, when] : crashed_) {
    std::size_t noticed = 0;
    for (const NodeId observer : live) {
      const auto since = suspected_.find({observer, node});
      if (since == suspected_.end()) continue;
      ++noticed;
      verdict.detection.push_back(std::max(since->second, when) - when);
    }
    if (noticed < live.size()) verdict.strong_completeness = false;
    if (noticed == 0 && !live.empty()) verdict.weak_completeness = false;
  }
  std::sort(verdict.detection.begin(), verdict.detection.end());
  verdict.mistakes = mistakes_.size();
  std::set<NodeId> ever, lately;  // live nodes that were suspected
  for (const auto& mistake : mistakes_) {
    const Instant to = std::min(mistake.to, end);
    verdict.longest_mistake = std::max(verdict.longest_mistake, to - mistake.from);
    ever.insert(mistake.subject);
    if (to > end - calm && live.contains(mistake.observer)) lately.insert(mistake.subject);
  }
  for (const auto& [who, since] : suspected_)
    if (live.contains(who.first) && live.contains(who.second)) lately.insert(who.second);
  const auto spared = [&](const std::set<NodeId>& suspected) {
    return std::any_of(live.begin(), live.end(), [&](NodeId node) { return !suspected.contains(node); });
  };
  const auto nobody = [&](const std::set<NodeId>& suspected) {
    return std::none_of(live.begin(), live.end(), [&](NodeId node) { return suspected.contains(node); });
  };
  verdict.strong_accuracy = mistakes_.empty() && lately.empty();
  verdict.weak_accuracy = spared(ever);
  verdict.eventual_strong_accuracy = nobody(lately);
  verdict.eventual_weak_accuracy = spared(lately);
  const bool strong = verdict.strong_completeness;
  verdict.name = "none";
  if (!verdict.weak_completeness) return verdict;
  if (verdict.strong_accuracy) {
    verdict.name = strong ? "P" : "Q";
  } else if (verdict.eventual_strong_accuracy) {
    verdict.name = strong ? "<>P" : "<>Q";
  } else if (verdict.weak_accuracy) {
    verdict.name = strong ? "S" : "W";
  } else if (verdict.eventual_weak_accuracy) {
    verdict.name = strong ? "<>S" : "<>W";
  }
  return verdict;
}

}  // namespace coord::membership
