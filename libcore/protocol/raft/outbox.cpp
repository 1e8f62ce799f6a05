// SPDX-License-Identifier: MIT
#include "protocol/raft/outbox.hpp"

#include <utility>

namespace coord::raft {

void Outbox::send(NodeId to, Message message, std::uint64_t after) {
  if (held_.size() >= held_limit) held_.pop_front();
  held_.push_back({after, {to, std::move(message)}});
}

void Outbox::release(Actions& out) {
  if (held_.empty()) return;
  std::deque<Held> later;
  for (Held& held : held_) {
    if (is_durable(held.after)) {
      out.emplace_back(std::move(held.send));
    } else {
      later.push_back(std::move(held));
    }
  }
  held_ = std::move(later);
}

}  // namespace coord::raft
