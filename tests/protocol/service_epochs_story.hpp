// SPDX-License-Identifier: MIT
// Peers whose tools take part in one name, as the log sees them: for scenarios, and for the removal of rules.
#pragma once

#include "service_scenario.hpp"

namespace coord::service {

struct Gate {
  Log log;
  Peer a, b;

  Gate() : log{StateMachine::at_level(2)}, a(log, 1), b(log, 2) {}

  static TakePart part(EnterBy by = EnterBy::ricart_agrawala, Token closes = {}) {
    return {by, {{NodeId{1}, 11, 101, "web1"}, {NodeId{2}, 12, 102, "web2"}}, closes};
  }
  std::string join(Peer& peer, TakePart how = part(), std::string name = "door") {
    Acquire acquire;
    acquire.names = {std::move(name)};
    acquire.terms.mode = Mode::shared;
    acquire.part = std::move(how);
    return peer.lock(std::move(acquire));
  }
  std::string end(Peer& peer) {
    Acquire acquire;
    acquire.names = {"door"};
    acquire.wait = false;
    acquire.part = TakePart{EnterBy::ricart_agrawala, {}, {}, true};
    return peer.lock(std::move(acquire));
  }
  // The minute after the last one has left.
  Duration idle() const {
    return epoch() == nullptr ? Duration{}
                              : log.machine.of<Locks>().timer_length(TimerKind::idle_epoch, epoch()->number);
  }
  void idle_is_over() { (void)log.leader(TimerOver{TimerKind::idle_epoch, epoch()->number}); }
  const Epoch* epoch() const { return log.machine.of<Locks>().epoch_of("door"); }
  // NUMBER, with ! if it is closed.
  std::string is() const {
    const Epoch* now = epoch();
    return now == nullptr ? "none" : std::to_string(now->number.value) + (now->closed ? "!" : "");
  }
};

}  // namespace coord::service
