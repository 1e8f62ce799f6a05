// SPDX-License-Identifier: MIT
// PBFT: how the replicas leave a primary that does not do its work, without losing what it had ordered.
#include <algorithm>

#include "base/rule.hpp"
#include "protocol/consensus/pbft.hpp"

namespace coord::consensus::pbft {

namespace {

constexpr std::int64_t longest_time_out = 64;  // times the patience

}  // namespace

// ---- asking for it

void Replica::ask_for_view(Instant now, View view, Actions& actions) {
  view_ = view;
  active_ = false;
  view_changed_ = true;
  begun_.reset();
  give_up_at_.reset();
  resend_at_ = now + config_.patience;
  time_out_ = std::min(2 * time_out_, longest_time_out * config_.patience);
  demands_[config_.group.self] = own_demand();
  send_to_others(demands_[config_.group.self], actions);
  begin_view_if_asked(now, actions);
}

ViewChange Replica::own_demand() const {
  ViewChange demand{view_, stable_, {}, {}};
  for (const auto& [sequence, slot] : slots_) {
    if (slot.proof) demand.prepared.push_back(*slot.proof);
  }
  demand.signature = config_.notary->sign(demand.words().view());
  return demand;
}

void Replica::receive(Instant now, NodeId from, const ViewChange& message, Actions& actions) {
  if (is_full()) return prove_to(from, actions);
  // It has not heard of the new view. Its primary may have gone on to a later one: whoever is in the view
  // hands on what began it, or one whose help is needed for the next view waits in the last for ever.
  if (message.view < view_ || (message.view == view_ && active_)) {
    if (active_ && begun_ && begun_->view == view_) actions.push_back(Send{from, *begun_});
    return;
  }
  if (!is_valid(from, message, true)) return;
  ViewChange& latest = demands_[from];
  if (latest.view < message.view) latest = message;
  join_others(now, actions);
  begin_view_if_asked(now, actions);
}

// f+1 ask for later views: one of them is honest, and there is no point in waiting for one's own time-out.
void Replica::join_others(Instant now, Actions& actions) {
  std::vector<View> later;
  for (const auto& [node, demand] : demands_) {
    if (node != config_.group.self && demand.view > view_) later.push_back(demand.view);
  }
  if (later.size() <= faulty()) return;
  ask_for_view(now, *std::min_element(later.begin(), later.end()), actions);
}

void Replica::begin_view_if_asked(Instant now, Actions& actions) {
  if (active_) return;
  std::map<NodeId, ViewChange> reasons;
  std::size_t as_far = 0;
  for (const auto& [node, demand] : demands_) {
    if (demand.view == view_) reasons.emplace(node, demand);
    if (demand.view >= view_) ++as_far;
  }
  // From here on the new primary has all it needs. Those who are already further count too: they were here,
  // and without them whoever stayed behind would wait for ever.
  if (as_far >= quorum() && !give_up_at_) give_up_at_ = now + time_out_;
  if (reasons.size() < quorum() || primary(view_) != config_.group.self) return;
  NewView message{view_, reasons, {}, {}};
  for (auto& [node, demand] : message.reasons) {
    for (auto& proof : demand.prepared) proof.request = {};
  }
  for (const auto& [sequence, what] : proposals_of(reasons)) {
    PrePrepare proposal{view_, sequence, what.digest, what.request, {}};
    const auto words = pre_prepare_words(view_, sequence, proposal.digest);
    proposal.signature = config_.notary->sign(words.view());
    message.pre_prepares.push_back(std::move(proposal));
  }
  message.signature = config_.notary->sign(message.words().view());
  send_to_others(message, actions);
  enter_view(now, message, actions);
}

// What the demands oblige the new primary to: at each place after the latest stable checkpoint the
// certificate of the highest view, nothing where there is none.
std::map<Sequence, Replica::Proposal> Replica::proposals_of(
    const std::map<NodeId, ViewChange>& reasons) const {
  Sequence stable = 0;
  for (const auto& [node, demand] : reasons) stable = std::max(stable, demand.stable.sequence);
  std::map<Sequence, const PreparedProof*> highest;
  for (const auto& [node, demand] : reasons) {
    for (const auto& proof : demand.prepared) {
      if (proof.sequence <= stable) continue;
      const auto [known, first] = highest.emplace(proof.sequence, &proof);
      const bool later = COORD_RULE_OR(pbft_highest_view_wins, proof.view > known->second->view, false);
      if (!first && later) known->second = &proof;
    }
  }
  std::map<Sequence, Proposal> proposals;
  if (highest.empty()) return proposals;
  for (Sequence sequence = stable + 1; sequence <= highest.rbegin()->first; ++sequence) {
    const auto known = highest.find(sequence);
    if (known == highest.end()) {
      proposals[sequence] = {digest_of({}), {}};
    } else {
      proposals[sequence] = {known->second->digest, known->second->request};
    }
  }
  return proposals;
}

// ---- believing it

bool Replica::is_valid(const PreparedProof& proof, bool with_request) const {
  const NodeId leader = primary(proof.view);
  const auto first = pre_prepare_words(proof.view, proof.sequence, proof.digest);
  const auto others = prepare_words(proof.view, proof.sequence, proof.digest);
  const bool left_out = !with_request && proof.request.nothing();
  if (!is_authentic(proof.request)) return false;
  if (!left_out && proof.digest != digest_of(proof.request)) return false;
  if (!config_.notary->verify(leader, first.view(), proof.pre_prepare)) return false;
  if (proof.prepares.size() < prepares_needed() || proof.prepares.size() > config_.group.size()) return false;
  return std::all_of(proof.prepares.begin(), proof.prepares.end(), [&](const auto& prepare) {
    return prepare.first != leader && config_.group.knows(prepare.first) &&
           config_.notary->verify(prepare.first, others.view(), prepare.second);
  });
}

bool Replica::is_valid(NodeId from, const ViewChange& message, bool with_requests) const {
  if (!config_.notary->verify(from, message.words().view(), message.signature)) return false;
  if (!is_valid(message.stable) || message.prepared.size() > window()) return false;
  Sequence last = message.stable.sequence;
  for (const auto& proof : message.prepared) {
    if (proof.sequence <= last || proof.sequence > message.stable.sequence + window()) return false;
    if (proof.view >= message.view) return false;
    if (!COORD_RULE(pbft_certificates_are_verified, is_valid(proof, with_requests))) return false;
    last = proof.sequence;
  }
  return true;
}

bool Replica::is_valid(const NewView& message) const {
  if (message.reasons.size() < quorum() || message.reasons.size() > config_.group.size()) return false;
  if (!config_.notary->verify(primary(message.view), message.words().view(), message.signature)) return false;
  for (const auto& [node, demand] : message.reasons) {
    if (!config_.group.knows(node) || demand.view != message.view || !is_valid(node, demand, false))
      return false;
  }
  for (const auto& proposal : message.pre_prepares) {
    const auto words = pre_prepare_words(message.view, proposal.sequence, proposal.digest);
    if (proposal.view != message.view || proposal.digest != digest_of(proposal.request)) return false;
    if (!is_authentic(proposal.request)) return false;
    if (!config_.notary->verify(primary(message.view), words.view(), proposal.signature)) return false;
  }
  return COORD_RULE(pbft_new_view_is_worked_out, follows_from_reasons(message));
}

bool Replica::follows_from_reasons(const NewView& message) const {
  const auto expected = proposals_of(message.reasons);
  return std::equal(expected.begin(), expected.end(), message.pre_prepares.begin(),
                    message.pre_prepares.end(), [&](const auto& wanted, const PrePrepare& proposal) {
                      return wanted.first == proposal.sequence && wanted.second.digest == proposal.digest;
                    });
}

void Replica::receive(Instant now, NodeId, const NewView& message, Actions& actions) {
  if (message.view < view_ || (message.view == view_ && active_) || is_full()) return;
  if (!is_valid(message)) return;
  enter_view(now, message, actions);
}

// Pre-prepares that overtook the beginning of the view.
void Replica::take_early(Instant now, Actions& actions) {
  std::vector<PrePrepare> early;
  for (auto& [sequence, slot] : slots_) {
    const auto round = slot.rounds.find(view_);
    if (round == slot.rounds.end() || !round->second.early) continue;
    early.push_back(std::move(*round->second.early));
    round->second.early.reset();
  }
  for (const auto& message : early) receive(now, primary(view_), message, actions);
}

void Replica::enter_view(Instant now, const NewView& message, Actions& actions) {
  view_ = message.view;
  active_ = true;
  view_changed_ = true;
  begun_ = message;
  resend_at_.reset();
  give_up_at_.reset();
  ordered_.clear();
  actions.push_back(Entered{view_});
  const StableProof* stable = &stable_;
  for (const auto& [node, demand] : message.reasons) {
    if (demand.stable.sequence > stable->sequence) stable = &demand.stable;
  }
  next_sequence_ = stable->sequence + 1;
  for (const auto& proposal : message.pre_prepares) {
    next_sequence_ = std::max(next_sequence_, proposal.sequence + 1);
    ordered_.insert({proposal.request.client, proposal.request.timestamp});
  }
  make_stable(now, StableProof(*stable), actions);
  if (fetching_) resend_at_ = now + config_.patience;
  for (auto& [sequence, slot] : slots_)
    slot.rounds.erase(slot.rounds.begin(), slot.rounds.lower_bound(view_));
  for (const auto& proposal : message.pre_prepares) {
    if (in_window(proposal.sequence)) take_pre_prepare(now, proposal, actions);
  }
  watch_pending(now, true);
  take_early(now, actions);
  if (primary(view_) == config_.group.self) return order_pending(now, actions);
  for (const auto& [client, request] : pending_) actions.push_back(Send{primary(view_), request});
}

}  // namespace coord::consensus::pbft
