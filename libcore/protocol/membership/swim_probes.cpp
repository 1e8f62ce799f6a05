// SPDX-License-Identifier: MIT
// The probes of a member, and its pings for others.
#include <algorithm>

#include "base/rule.hpp"
#include "protocol/membership/swim.hpp"

namespace coord::membership {

void Swim::advance_probe() {
  if (probe_ && !probe_->helpers_asked && now_ >= probe_->direct_ends) {
    if (COORD_RULE_OR(swim_helpers_before_suspicion, true, false)) {
      ask_helpers();
    } else {
      probe_failed();
    }
  }
  if (probe_ && probe_->helpers_asked && now_ >= probe_->ends) probe_failed();
  if (now_ >= period_at_) begin_probe();
}

void Swim::begin_probe() {
  period_at_ = now_ + stretched(config_.period);
  const auto target = next_target();
  if (!target) return;
  probe_ = Probe{*target, ++last_number_, now_ + stretched(config_.time_out), period_at_, false, {}, {}};
  send(*target, Ping{probe_->number, news_for(*target)});
}

// By turns; who joins meanwhile has its turn when the order is drawn anew.
std::optional<NodeId> Swim::next_target() {
  for (std::size_t tried = 0; tried <= 2 * roster_.size(); ++tried) {
    if (place_ >= order_.size()) {
      order_ = Shuffle(roster_.size(), random_.next());
      place_ = 0;
    }
    const std::size_t place = order_(place_++);
    if (place >= roster_.size()) continue;  // some were forgotten meanwhile
    const NodeId node = roster_.at(place);
    if (node != config_.self && is_present(roster_.find(node)->state)) return node;
  }
  return std::nullopt;
}

// Helpers that said nothing at all make it likely that this member is the slow one.
void Swim::probe_failed() {
  const Probe probe = std::move(*probe_);
  probe_.reset();
  worse(probe.helpers.empty() ? 1 : probe.silent_helpers.size());
  const auto known = roster_.find(probe.target);
  if (known && is_present(known->state))
    hear_of(config_.self, {probe.target, known->incarnation, State::suspect, config_.self}, Heard::as_news);
}

void Swim::worse(std::size_t by) {
  awareness_ = std::min(awareness_ + by, config_.worst_awareness);
}

void Swim::answered(NodeId by, std::uint64_t number) {
  if (probe_ && probe_->number == number && (by == probe_->target || probe_->helpers.contains(by))) {
    probe_.reset();
    return better();
  }
  const auto found = relayed_.find(number);
  if (found == relayed_.end() || found->second.target != by) return;
  const Relayed relayed = found->second;
  relayed_.erase(found);
  send(relayed.asker, Ack{relayed.number, news_for(relayed.asker)});
}

void Swim::relay_overdue() {
  for (auto at = relayed_.begin(); at != relayed_.end();) {
    Relayed& relayed = at->second;
    if (!relayed.told && now_ >= relayed.nack_at) {
      relayed.told = true;
      send(relayed.asker, Nack{relayed.number});
    }
    at = now_ >= relayed.ends ? relayed_.erase(at) : std::next(at);
  }
}

void Swim::receive(NodeId from, const Ping& message) {
  hear(from, message.rumours, Heard::as_news, datagram_rumours);
  send(from, Ack{message.number, news_for(from)});
}

void Swim::receive(NodeId from, const Ack& message) {
  hear(from, message.rumours, Heard::as_news, datagram_rumours);
  answered(from, message.number);
}

void Swim::receive(NodeId from, const PingRequest& message) {
  constexpr std::size_t at_a_time = 256;
  hear(from, message.rumours, Heard::as_news, datagram_rumours);
  if (message.target == config_.self) return send(from, Ack{message.number, news_for(from)});
  if (!roster_.find(message.target) || relayed_.size() >= at_a_time) return;
  relayed_[++last_number_] = {
      from, message.number, message.target, now_ + config_.time_out * 4 / 5, now_ + config_.period, false};
  send(message.target, Ping{last_number_, news_for(message.target)});
}

void Swim::receive(NodeId from, const Nack& message) {
  if (probe_ && probe_->number == message.number) probe_->silent_helpers.erase(from);
}

void Swim::receive(NodeId from, const StreamPing& message) {
  send(from, StreamAck{message.number});
}

void Swim::receive(NodeId from, const StreamAck& message) {
  if (probe_ && from == probe_->target) answered(from, message.number);
}

}  // namespace coord::membership
