// SPDX-License-Identifier: MIT
// PBFT: checkpoints, what they let a replica forget, and how one that is behind catches up.
#include <algorithm>

#include "protocol/consensus/pbft.hpp"

namespace coord::consensus::pbft {

namespace {

constexpr std::size_t checkpoints_kept = 4;  // of each replica that are not stable yet

}  // namespace

void Replica::make_checkpoint(Instant now, Actions& actions) {
  const Sequence sequence = state_.sequence;
  Checkpoint checkpoint{sequence, config_.notary->digest(state_.words().view()), {}};
  checkpoint.signature = config_.notary->sign(checkpoint_words(sequence, checkpoint.digest).view());
  snapshots_[sequence] = state_;
  checkpoints_[config_.group.self][sequence] = checkpoint;
  state_changed_ = true;
  send_to_others(checkpoint, actions);
  look_for_stable(now, sequence, actions);
}

void Replica::receive(Instant now, NodeId from, const Checkpoint& message, Actions& actions) {
  if (message.sequence <= stable_.sequence || message.sequence % config_.checkpoint_every != 0) return;
  const auto words = checkpoint_words(message.sequence, message.digest);
  if (!config_.notary->verify(from, words.view(), message.signature)) return;
  auto& known = checkpoints_[from];
  known.emplace(message.sequence, message);
  if (known.size() > checkpoints_kept) known.erase(known.begin());
  look_for_stable(now, message.sequence, actions);
}

void Replica::look_for_stable(Instant now, Sequence sequence, Actions& actions) {
  std::map<Digest, Signatures> alike;
  for (const auto& [node, known] : checkpoints_) {
    const auto found = known.find(sequence);
    if (found != known.end()) alike[found->second.digest][node] = found->second.signature;
  }
  for (const auto& [digest, signatures] : alike) {
    if (signatures.size() >= quorum()) return make_stable(now, {sequence, digest, signatures}, actions);
  }
}

bool Replica::is_valid(const StableProof& proof) const {
  if (proof.sequence == 0) return proof.signatures.empty();
  if (proof.signatures.size() < quorum() || proof.signatures.size() > config_.group.size()) return false;
  const auto words = checkpoint_words(proof.sequence, proof.digest);
  return std::all_of(proof.signatures.begin(), proof.signatures.end(), [&](const auto& signature) {
    return config_.group.knows(signature.first) &&
           config_.notary->verify(signature.first, words.view(), signature.second);
  });
}

void Replica::make_stable(Instant now, const StableProof& proof, Actions& actions) {
  if (proof.sequence <= stable_.sequence) return;
  stable_ = proof;
  state_changed_ = true;
  const Sequence all_before = proof.sequence;
  slots_.erase(slots_.begin(), slots_.upper_bound(all_before));
  snapshots_.erase(snapshots_.begin(), snapshots_.lower_bound(all_before));
  for (auto& [node, known] : checkpoints_) known.erase(known.begin(), known.upper_bound(all_before));
  next_sequence_ = std::max(next_sequence_, all_before + 1);
  if (state_.sequence < all_before) {
    fetching_ = true;
    return fetch_state(now, actions);
  }
  order_pending(now, actions);  // there is room again
}

void Replica::fetch_state(Instant now, Actions& actions) {
  resend_at_ = now + config_.patience;
  for (const auto& [node, signature] : stable_.signatures) {
    if (node != config_.group.self) actions.push_back(Send{node, FetchState{stable_.sequence}});
  }
}

void Replica::receive(Instant, NodeId from, const FetchState& message, Actions& actions) {
  const auto snapshot = snapshots_.find(stable_.sequence);
  if (message.at_least > stable_.sequence || snapshot == snapshots_.end()) return;
  actions.push_back(Send{from, StateIs{stable_, snapshot->second}});
}

void Replica::receive(Instant now, NodeId, const StateIs& message, Actions& actions) {
  if (message.state.sequence != message.proof.sequence || message.proof.sequence <= state_.sequence) return;
  const Digest digest = config_.notary->digest(message.state.words().view());
  if (digest != message.proof.digest || !is_valid(message.proof)) return;
  state_ = message.state;
  snapshots_[state_.sequence] = state_;
  state_changed_ = true;
  fetching_ = false;
  if (active_) resend_at_.reset();
  std::erase_if(pending_, [&](const auto& pending) { return was_executed(pending.second); });
  watch_pending(now, true);
  actions.push_back(Installed{state_.sequence, digest});
  make_stable(now, message.proof, actions);
  execute_ready(now, actions);
}

}  // namespace coord::consensus::pbft
