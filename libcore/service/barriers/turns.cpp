// SPDX-License-Identifier: MIT
// What ends a command of a generation does to the others; and who arrives only to say that it has failed.
#include <algorithm>

#include "base/rule.hpp"
#include "service/barriers/change.hpp"

namespace coord::service {

void Barriers::command_over(Change& change, GenerationRef ref, const std::string& id) {
  Generation& generation = ref.generation;
  if (!generation.terms.in_turn) return end_if_over(change, ref);
  const Arrival& arrival = generation.arrivals.at(id);
  if (generation.stopped_by.empty() && arrival.status.value_or(0) != 0) {
    generation.stopped_by = id;
    generation.cause = arrival.lost ? BreakCause::lost : BreakCause::failed;
  }
  // Who was lost without having had its turn ends nothing while another one runs: two never do.
  if (generation.turn == id) next_turn(change, ref);
}

void Barriers::next_turn(Change& change, GenerationRef ref) {
  Generation& generation = ref.generation;
  generation.turn.clear();
  if (COORD_RULE_OR(barrier_turns_end_with_failure, !generation.stopped_by.empty(), false)) {
    const std::string by = generation.stopped_by;
    break_up(change, ref, by, generation.cause);
    return tidy(change, ref.barrier);
  }
  const auto next =
      std::ranges::find_if(generation.arrivals, [](const auto& a) { return a.second.running(); });
  if (next == generation.arrivals.end()) return end_if_over(change, ref);
  generation.turn = next->first;
  change.effects.push_back(BarrierMoved{ref.barrier.first, ref.number, generation, {next->second.session}});
}

void Barriers::fail(Change& change, GenerationRef ref, const Arrive& body) {
  Generation& generation = ref.generation;
  generation.why = body.why;
  bytes_ += body.why.size();
  const auto before = ref.barrier.second.generations.find(ref.barrier.second.last);
  if (before != ref.barrier.second.generations.end()) close_late(change, before->second);
  break_up(change, ref, body.id, BreakCause::said);
  const bool all = generation.arrivals.size() >= generation.terms.count;
  if (COORD_RULE_OR(barrier_failure_is_kept, !all, false)) {
    generation.late_open = true;
    change.effects.push_back(
        TimerStarted{TimerKind::barrier_late, generation.timer(), core_->limits().late_window});
  }
  tidy(change, ref.barrier);
}

}  // namespace coord::service
