// SPDX-License-Identifier: MIT
#include "protocol/membership/detector.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::membership {

Detector::Detector(Instant now, Config config) : config_(std::move(config)), beat_at_(now) {
  config_.group.check();
  COORD_CHECK(config_.interval > Duration{} && config_.threshold > 0);
  const auto distribution =
      config_.rule == Rule::phi_exponential ? Distribution::exponential : Distribution::normal;
  config_.group.each_other([&](NodeId node) {
    const Arrivals::Config arrivals{distribution, config_.interval, 100, config_.least_deviation};
    const auto made = peers_.emplace(node, Peer{Arrivals(arrivals), {}}).first;
    made->second.suspect_at = now + patience(made->second);
  });
}

Duration Detector::patience(const Peer& peer) const {
  return config_.rule == Rule::time_out ? config_.time_out : peer.arrivals.patience(config_.threshold);
}

std::set<NodeId> Detector::suspected() const {
  std::set<NodeId> all;
  for (const auto& [node, peer] : peers_)
    if (peer.suspected) all.insert(node);
  return all;
}

Detector::Actions Detector::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

std::optional<Instant> Detector::deadline() const {
  Instant first = beat_at_;
  for (const auto& [node, peer] : peers_) {
    if (!peer.suspected) first = std::min(first, peer.suspect_at);
  }
  return first;
}

void Detector::on(Instant now, const Receive& what, Actions& actions) {
  const auto found = peers_.find(what.from);
  if (found == peers_.end()) return;
  Peer& peer = found->second;
  peer.arrivals.heard(now, peer.suspected);
  peer.suspect_at = COORD_RULE_OR(fd_heartbeat_renews_patience, now + patience(peer), peer.suspect_at);
  if (peer.suspected && COORD_RULE_OR(fd_heard_again_is_trusted_again, true, false)) {
    peer.suspected = false;
    actions.push_back(Trusts{what.from});
  }
}

void Detector::on(Instant now, const Tick&, Actions& actions) {
  const bool paused = now - beat_at_ > config_.own_pause;
  if (COORD_RULE_OR(fd_own_pause_excuses_others, paused, false)) {
    for (auto& [node, peer] : peers_) peer.suspect_at = std::max(peer.suspect_at, now + config_.excuse);
  }
  for (auto& [node, peer] : peers_) {
    if (peer.suspected || now < peer.suspect_at) continue;
    peer.suspected = true;
    actions.push_back(Suspects{node});
  }
  if (now < beat_at_) return;
  beat_at_ = now + config_.interval;
  config_.group.each_other([&](NodeId node) { actions.push_back(Send{node, Heartbeat{}}); });
}

}  // namespace coord::membership
