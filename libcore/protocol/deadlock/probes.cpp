// SPDX-License-Identifier: MIT
#include "protocol/deadlock/probes.hpp"

#include "base/rule.hpp"

namespace coord::deadlock {

Probes::Actions Probes::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

void Probes::on(Instant now, const Ask& ask, Actions& actions) {
  if (begin(ask, actions)) rounds_.begin(now);
}

void Probes::on(Instant now, const Tick&, Actions& actions) {
  if (!waits() || !rounds_.is_due(now)) return;
  pass_on(Probe{self(), rounds_.next(now), age()}, actions);
}

void Probes::on(Instant, const Receive& what, Actions& actions) {
  if (const auto* request = std::get_if<Request>(&what.message)) return hear(what.from, *request, actions);
  if (const auto* cancel = std::get_if<Cancel>(&what.message)) return hear(what.from, *cancel);
  if (const auto* reply = std::get_if<Reply>(&what.message)) {
    hear(what.from, *reply, actions);
    return;
  }
  chase(what.from, std::get<Probe>(what.message), actions);
}

void Probes::chase(NodeId from, const Probe& probe, Actions& actions) {
  saw(probe.youngest.time);
  if (!COORD_RULE(cmh_edge_is_there, is_asked_by(from))) return;
  if (!waits()) return;
  if (probe.initiator == self()) {
    // Somebody younger is on the cycle: it finds itself by a probe of its own.
    if (COORD_RULE(cmh_one_canonical_victim, probe.youngest == age())) give_up(actions);
    return;
  }
  std::uint64_t& last = dependent_[probe.initiator];
  if (!COORD_RULE_OR(cmh_new_round_new_flag, last < probe.round, last == 0)) return;
  last = probe.round;
  pass_on(
      Probe{probe.initiator, probe.round,
            COORD_RULE_OR(cmh_probe_carries_the_youngest, std::max(probe.youngest, age()), probe.youngest)},
      actions);
}

void Probes::pass_on(const Probe& probe, Actions& actions) const {
  for (const NodeId next : waits_for()) actions.push_back(Send{next, probe});
}

}  // namespace coord::deadlock
