// SPDX-License-Identifier: MIT
// Peers come to the group, and go: who they are is part of the state.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/rule.hpp"
#include "service/state_machine.hpp"

namespace coord::service {

// Two hosts that come under one name at the same time have each been told that nobody has it, or that who has
// it is gone: the first one has it, and the other one asks anew.
bool StateMachine::may_take_name(const Register& body) const {
  if (body.name.empty()) return true;
  return std::ranges::all_of(state_.registrations, [&](const auto& each) {
    const auto& [node, registration] = each;
    return node == body.node || registration.name != body.name || registration.named == body.instead_of;
  });
}

void StateMachine::on(const Register& body, Step& step) {
  const ClientId current = registration(body.node);
  const auto it = state_.registrations.find(body.node);
  if (it != state_.registrations.end() && it->second.nonce == body.nonce) {
    take_name_back(body, it->second, step.index);
    if (!body.zone.empty() && body.zone.size() <= limits_.peer_bytes) it->second.zone = body.zone;
    step.effects.push_back(Registered{body.node, body.nonce, current});
    return;
  }
  const bool full = it == state_.registrations.end() && state_.registrations.size() >= limits_.nodes;
  const bool below = COORD_RULE_OR(registers_at_level, body.knows < step.level, false);
  const bool too_long = body.name.size() > limits_.peer_bytes || body.address.size() > limits_.peer_bytes ||
                        body.zone.size() > limits_.peer_bytes;
  const bool is_lost = COORD_RULE_OR(retired_number_is_void, state_.retired.contains(body.node), false);
  // Of a disk that the group cannot note as lost it could not say later that it is refused.
  const bool retires = body.retires != NodeId{} && body.retires != body.node && !body.name.empty();
  const bool has_room = state_.retired.size() < limits_.retired || state_.retired.contains(body.retires);
  if (body.node.value == 0 || full || below || too_long || is_lost ||
      !COORD_RULE(lost_disk_is_noted, !retires || has_room) ||
      !COORD_RULE(late_register_void, body.replaces == current) ||
      !COORD_RULE(name_is_of_one_host, may_take_name(body))) {
    step.effects.push_back(NotRegistered{body.node, body.nonce, current});
    return;
  }
  const ClientId client{step.index.value};
  state_.put_out.erase(body.node);
  take_name(body, step.index);
  if (retires && has_room) retire(body.retires);
  // An operator knows better than a configuration that still says what it said before.
  std::string moved = it != state_.registrations.end() ? it->second.moved : std::string();
  const bool says_the_same =
      moved.empty() || it->second.address.empty() || it->second.address == body.address;
  if (!says_the_same) moved = body.address;
  const LogIndex moved_at = it == state_.registrations.end() ? LogIndex{}
                            : says_the_same                  ? it->second.moved_at
                                                             : step.index;
  const bool voted =
      (it != state_.registrations.end() && it->second.voted) || state_.voted_before.erase(body.node) > 0;
  state_.registrations.insert_or_assign(body.node, Registration{client,
                                                                body.nonce,
                                                                0,
                                                                {},
                                                                body.knows,
                                                                body.name,
                                                                body.address,
                                                                body.zone,
                                                                std::move(moved),
                                                                body.name.empty() ? LogIndex{} : step.index,
                                                                moved_at,
                                                                voted});
  step.effects.push_back(Registered{body.node, body.nonce, client});
}

void StateMachine::retire(NodeId node) {
  state_.retired.insert(node);
  state_.voted_before.erase(node);
}

// This very life had the name until another host took it, which is gone: its sessions go on under it.
void StateMachine::take_name_back(const Register& body, Registration& own, LogIndex index) {
  const bool too_long = body.name.size() > limits_.peer_bytes || body.address.size() > limits_.peer_bytes;
  if (!own.name.empty() || body.name.empty() || too_long || !may_take_name(body)) return;
  take_name(body, index);
  own.name = body.name;
  own.address = body.address;
  own.named = index;
}

// A host whose disk was lost comes again under its name, and is another node. What the former one holds is
// held until its lease is over.
void StateMachine::take_name(const Register& body, LogIndex index) {
  const auto before = state_.registrations.find(body.node);
  const bool same = before != state_.registrations.end() && before->second.name == body.name &&
                    before->second.address == body.address;
  if (same || (body.name.empty() && before == state_.registrations.end())) return;
  state_.roster_at = index;
  if (body.name.empty()) return;
  for (auto& [node, registration] : state_.registrations) {
    if (node != body.node && registration.name == body.name)
      registration.name = registration.address = registration.moved = {};
  }
}

// Whose number is not noted comes in as a new host with its next disk, and the old disk could come back.
bool StateMachine::may_forget(NodeId node) const {
  const auto it = state_.registrations.find(node);
  if (it == state_.registrations.end() || !it->second.voted || it->second.name.empty()) return true;
  return state_.voted_before.size() < limits_.retired || state_.voted_before.contains(node);
}

void StateMachine::on(const Forget& body, Step& step) {
  const auto it = state_.registrations.find(body.node);
  if (it == state_.registrations.end()) return;
  if (!COORD_RULE(forget_only_that_life, it->second.client == body.client)) return;
  if (!COORD_RULE(forget_frees_nothing, sessions_of(body.node).empty())) return;
  const bool has_room = may_forget(body.node);
  if (!COORD_RULE(forgotten_voter_is_noted, has_room)) return;
  if (it->second.voted && !it->second.name.empty() && has_room)
    state_.voted_before[body.node] = it->second.name;
  state_.registrations.erase(it);
  state_.roster_at = step.index;
  if (!body.is_ordered) return;
  if (state_.put_out.size() >= limits_.retired) state_.put_out.erase(state_.put_out.begin());
  state_.put_out.insert(body.node);
}

// What cannot be is void.
void StateMachine::on(const KeepVoters& body, Step& step) {
  constexpr Duration longest = std::chrono::hours(24 * 365);
  if (body.policy.count > VoterPolicy::most || body.policy.after < Duration{} ||
      body.policy.after > longest || body.policy.pause < Duration{} || body.policy.pause > longest)
    return;
  if (!COORD_RULE(kept_as_it_was_seen, body.seen == state_.kept_at)) return;
  state_.kept_voters = body.policy;
  state_.kept_at = step.index;
}

void StateMachine::on(const Move& body, Step& step) {
  const auto it = state_.registrations.find(body.node);
  if (it == state_.registrations.end() || body.address.size() > limits_.peer_bytes) return;
  if (!COORD_RULE(move_only_that_life, it->second.client == body.client)) return;
  if (!COORD_RULE(moved_as_it_was_seen, body.seen == it->second.moved_at)) return;
  it->second.moved = body.address;
  it->second.moved_at = step.index;
  state_.roster_at = step.index;
}

void StateMachine::on(const Replacing&, Step& step) {
  state_.replaced_at = step.index;
}

}  // namespace coord::service
