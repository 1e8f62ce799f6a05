// SPDX-License-Identifier: MIT
#include "replica/enrolled_leaderships.hpp"

#include <algorithm>
#include <utility>

namespace coord::replica {

namespace {

bool concerns_leaders(const service::Effects& effects) {
  return std::ranges::any_of(effects, [](const service::Effect& effect) {
    return std::holds_alternative<service::LeadershipChanged>(effect) ||
           std::holds_alternative<service::StepDown>(effect);
  });
}

const service::Enrolment* enrolment(const service::ElectionState& elections, const std::string& name,
                                    NodeId node) {
  const auto nodes = elections.enrolled.find(name);
  if (nodes == elections.enrolled.end()) return nullptr;
  const auto found = nodes->second.find(node);
  return found == nodes->second.end() ? nullptr : &found->second;
}

}  // namespace

std::map<std::string, EnrolledLeaderships::Led> EnrolledLeaderships::led_by(
    NodeId self, const service::StateMachine& machine) const {
  std::map<std::string, Led> led;
  const service::ElectionState& elections = machine.state().elections;
  const auto look_at = [&](const std::string& name) {
    const auto leadership = elections.leaderships.find(name);
    const service::Candidate* const leader =
        leadership == elections.leaderships.end() ? nullptr : leadership->second.leading();
    if (leader == nullptr || !leader->wish.enrolled) return;
    const service::Session* const session = machine.session(leader->session);
    if (session == nullptr || session->node != self) return;
    const service::Enrolment* const as = enrolment(elections, name, self);
    const auto before = led_.find(name);
    const bool same = before != led_.end() && before->second.token == leadership->second.term;
    if (as == nullptr && !same) return;
    const service::Enrolment& led_as = same ? before->second.as : *as;
    led.emplace(name, Led{leadership->second.term, led_as, leadership->second.deposed});
  };
  for (const auto& [name, nodes] : elections.enrolled) look_at(name);
  for (const auto& [name, before] : led_) look_at(name);  // withdrawn, and not let go yet
  return led;
}

std::vector<EnrolledLeaderships::Change> EnrolledLeaderships::after(const Applied& event, NodeId self,
                                                                    service::ClientId client,
                                                                    const service::StateMachine& machine) {
  std::vector<Change> changes;
  if (client == service::ClientId{}) return changes;
  const bool is_next = event.index.value == seen_.value + 1;  // else a snapshot may have come between
  seen_ = event.index;
  if (begun_ && is_next && !concerns_leaders(event.effects)) return changes;
  std::map<std::string, Led> now = led_by(self, machine);
  std::swap(led_, now);
  if (!std::exchange(begun_, true)) return changes;
  for (const auto& [name, before] : now) {
    const auto still = led_.find(name);
    if (still != led_.end() && still->second.token == before.token) continue;
    const service::Enrolment* const as = enrolment(machine.state().elections, name, self);
    if (as == nullptr || *as != before.as) continue;  // its user has withdrawn it, or enrolled it anew
    changes.push_back({false, name, before.as.user, before.token,
                       before.deposed ? "it was told to step down" : "its lease ended"});
  }
  for (const auto& [name, led] : led_) {
    const auto before = now.find(name);
    if (before != now.end() && before->second.token == led.token) continue;
    changes.push_back({true, name, led.as.user, led.token, ""});
  }
  return changes;
}

}  // namespace coord::replica
