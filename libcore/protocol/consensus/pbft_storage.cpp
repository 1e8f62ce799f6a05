// SPDX-License-Identifier: MIT
// PBFT: what a replica stores before it speaks, and how it goes on after a restart.
#include <algorithm>
#include <iterator>
#include <utility>

#include "base/rule.hpp"
#include "protocol/consensus/pbft.hpp"

namespace coord::consensus::pbft {

// What has changed in this step goes before all that the step says. A checkpoint goes behind what was
// executed up to it: that is told again until then.
void Replica::store_changes(Actions& actions) {
  Actions stored;
  if (std::exchange(view_changed_, false)) stored.push_back(PersistView{view_, active_, begun_});
  for (const Sequence sequence : std::exchange(changed_places_, {})) {
    const auto slot = slots_.find(sequence);
    if (slot == slots_.end()) continue;  // a checkpoint has forgotten it
    PersistPlace place{sequence, sequence % window(), {}, slot->second.proof, slot->second.committed};
    const auto round = slot->second.rounds.find(view_);
    if (round != slot->second.rounds.end()) place.accepted = round->second.pre_prepare;
    stored.push_back(std::move(place));
  }
  if (std::exchange(state_changed_, false)) {
    const auto told = std::stable_partition(actions.begin(), actions.end(), [](const Action& action) {
      return std::holds_alternative<Executed>(action);
    });
    stored.insert(stored.end(), std::make_move_iterator(actions.begin()), std::make_move_iterator(told));
    actions.erase(actions.begin(), told);
    stored.push_back(PersistState{stable_, snapshots_, checkpoints_[config_.group.self]});
  }
  const auto at = COORD_RULE_OR(pbft_stored_before_it_is_said, actions.begin(), actions.end());
  actions.insert(at, std::make_move_iterator(stored.begin()), std::make_move_iterator(stored.end()));
}

// What it has said in this view it would say again: signatures are the same each time.
void Replica::restore(const Durable& stored) {
  view_ = stored.view.view;
  active_ = stored.view.active;
  begun_ = stored.view.begun;
  stable_ = stored.state.stable;
  snapshots_ = stored.state.snapshots;
  checkpoints_[config_.group.self] = stored.state.checkpoints;
  if (!snapshots_.empty()) state_ = snapshots_.rbegin()->second;
  next_sequence_ = stable_.sequence + 1;
  for (const auto& [key, place] : stored.places) {
    if (!in_window(place.sequence)) continue;
    Slot& slot = slots_[place.sequence];
    slot.proof = place.proof;
    slot.committed = place.committed;
    if (!active_ || !place.accepted || place.accepted->view != view_) continue;
    Round& round = slot.rounds[view_];
    round.pre_prepare = place.accepted;
    next_sequence_ = std::max(next_sequence_, place.sequence + 1);
    ordered_.insert({place.accepted->request.client, place.accepted->request.timestamp});
    if (primary(view_) != config_.group.self)
      round.prepares[config_.group.self] = prepare_of(*place.accepted);
    round.prepared = place.proof && place.proof->view == view_;
    if (round.prepared) round.commits[config_.group.self] = commit_of(*place.accepted);
  }
  if (!active_) demands_[config_.group.self] = own_demand();
  fetching_ = state_.sequence < stable_.sequence;
  if (!active_ || fetching_) resend_at_ = Instant{};
}

}  // namespace coord::consensus::pbft
