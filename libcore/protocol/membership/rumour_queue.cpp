// SPDX-License-Identifier: MIT
#include "protocol/membership/rumour_queue.hpp"

#include "base/rule.hpp"

namespace coord::membership {

void RumourQueue::put(const Rumour& rumour) {
  Waiting& waiting = rumours_[rumour.node];
  order_.erase({waiting.told, waiting.age, rumour.node});
  waiting = {rumour, next_age_--, 0};
  order_.insert({waiting.told, waiting.age, rumour.node});
}

Rumours RumourQueue::take(std::size_t count, std::size_t limit) {
  Rumours taken;
  std::set<Place> again;
  while (taken.size() < count && !order_.empty()) {
    const auto [told, age, node] = *order_.begin();
    order_.erase(order_.begin());
    Waiting& waiting = rumours_.at(node);
    taken.push_back(waiting.rumour);
    waiting.told = told + 1;
    if (COORD_RULE_OR(swim_news_is_told_so_often, waiting.told >= limit, false)) {
      rumours_.erase(node);
    } else {
      again.insert({waiting.told, age, node});
    }
  }
  order_.merge(again);
  return taken;
}

}  // namespace coord::membership
