// SPDX-License-Identifier: MIT
#include "delect/standby.hpp"

#include <chrono>

#include "base/format.hpp"
#include "cli/held_session.hpp"
#include "cli/names.hpp"
#include "process/boot_time.hpp"

namespace coord::delect {

void Standby::show() {
  if (!active()) return;
  if (!peer_) {
    auto peer = cli::connect_again(settings_.peer, "delect");
    if (peer && peer->peer.send(local::WatchLeader{cli::only_request, settings_.name()}))
      peer_.emplace(std::move(peer->peer));
  }
  while (peer_) {
    auto answer = peer_->receive();
    if (!answer) peer_.reset();
    if (!answer || !answer->has_value()) break;
    const auto* leaders = std::get_if<local::Leaders>(&**answer);
    if (leaders != nullptr && !leaders->leaders.empty()) leader_ = leader_text(leaders->leaders.front());
  }
  const auto waited = std::chrono::duration_cast<std::chrono::seconds>(process::boot_now() - began_);
  progress_.show(fmt::format("{}: standing by for {} s; led by {}", cli::shown(settings_.name()),
                             waited.count(), leader_));
}

void Standby::over() {
  progress_.clear();
  peer_.reset();
}

}  // namespace coord::delect
