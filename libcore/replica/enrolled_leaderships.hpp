// SPDX-License-Identifier: MIT
// What becomes of the leaderships that this host has by enrolment, for the log: no tool is told of them.
//
// The problem. A peer that starts applies its whole log again, and a snapshot of a leader's takes the place
// of many entries: who prints a line at each effect prints again what an earlier life has printed, or misses
// what a snapshot holds. So it is the state that is compared, with what was last told, from the moment on at
// which this life has registered with the group: all before it is an old log. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "replica/events.hpp"
#include "service/state_machine.hpp"

namespace coord::replica {

class EnrolledLeaderships {
 public:
  struct Change {
    bool gained = false;  // else lost, against its user's will
    std::string name{};
    std::string user{};
    Token token{};
    std::string why{};  // of a loss

    bool operator==(const Change&) const = default;
  };

  // After each Applied. `client`: this life's registration; 0 until it has one.
  std::vector<Change> after(const Applied& event, NodeId self, service::ClientId client,
                            const service::StateMachine& machine);

 private:
  struct Led {
    Token token;
    service::Enrolment as;
    bool deposed = false;
  };

  std::map<std::string, Led> led_by(NodeId self, const service::StateMachine& machine) const;

  bool begun_ = false;
  LogIndex seen_;  // of the log
  std::map<std::string, Led> led_;
};

}  // namespace coord::replica
