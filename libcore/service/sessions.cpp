// SPDX-License-Identifier: MIT
// Sessions: opened by an Acquire, kept by Renew, ended by Close or Expire.
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "service/state_machine.hpp"

namespace coord::service {

void Step::refuse(Refusal why, SessionId session, std::uint64_t request, Cycle cycle) {
  effects.push_back(Refused{to, session, request, why, std::move(cycle)});
}

std::size_t bytes_of_owner(const Owner& owner) {
  return owner.peer.size() + owner.host.size() + owner.user.size() + owner.command.size();
}

std::size_t bytes_of_names(const std::vector<std::string>& names) {
  std::size_t bytes = 0;
  for (const std::string& name : names) bytes += name.size();
  return bytes;
}

Refusal Core::check_open(const Open& open, NodeId node) const {
  const std::size_t bytes = bytes_of_owner(open.owner);
  const auto of_user = sessions_of_user_.find({node, open.owner.uid});
  if (open.ttl < limits_.ttl_low || open.ttl > limits_.duration_high) return Refusal::invalid;
  if (bytes > limits_.owner_bytes) return Refusal::owner_too_long;
  if (state_.sessions.size() >= limits_.sessions) return Refusal::too_many_sessions;
  if (of_user != sessions_of_user_.end() && of_user->second >= limits_.sessions_of_user)
    return Refusal::too_many_of_user;
  if (owner_bytes_ + bytes > limits_.all_owner_bytes) return Refusal::too_many_owner_bytes;
  return Refusal::none;
}

Refusal Core::check_session(SessionId session, NodeId node) const {
  const auto it = state_.sessions.find(session);
  if (it == state_.sessions.end()) return Refusal::no_such_session;
  if (!COORD_RULE(release_only_own_session, it->second.node == node)) return Refusal::not_your_session;
  return Refusal::none;
}

Refusal Core::check_sender(const std::optional<Open>& open, SessionId session, NodeId node) const {
  if (!open) return check_session(session, node);
  return session.value != 0 ? Refusal::invalid : check_open(*open, node);
}

const Session& Core::add_session(const Open& open, SessionId id, const Step& step) {
  const Session session{step.to.node, open.owner, open.ttl, open.nonce, 0, step.wall};
  count_session(session);
  return state_.sessions.emplace(id, session).first->second;
}

void Core::open_session(const Open& open, SessionId id, Step& step) {
  const Session& session = add_session(open, id, step);
  step.effects.push_back(Opened{step.to, id, session.node, session.nonce, session.ttl});
}

const Session* Core::session(SessionId id) const {
  const auto it = state_.sessions.find(id);
  return it == state_.sessions.end() ? nullptr : &it->second;
}

void Core::count_session(const Session& session) {
  ++sessions_of_user_[{session.node, session.owner.uid}];
  owner_bytes_ += bytes_of_owner(session.owner);
}

void Core::uncount_session(const Session& session) {
  const auto it = sessions_of_user_.find({session.node, session.owner.uid});
  COORD_CHECK(it != sessions_of_user_.end());
  if (--it->second == 0) sessions_of_user_.erase(it);
  owner_bytes_ -= bytes_of_owner(session.owner);
}

void StateMachine::on(const Close& body, Step& step) {
  // Not whoever came after it, when it is gone already (CURATOR-486).
  const auto named = COORD_RULE_OR(close_names_its_session, state_.sessions.find(body.session),
                                   state_.sessions.lower_bound(body.session));
  const SessionId id = named == state_.sessions.end() ? body.session : named->first;
  Refusal why = check_session(id, step.to.node);
  if (why == Refusal::none && body.why > CloseReason::broken) why = Refusal::invalid;
  if (why != Refusal::none) {
    return step.refuse(why, body.session);
  }
  end_session(id, {body.why, body.status}, step, step.to);
}

void StateMachine::on(const Renew& body, Step& step) {
  if (body.sessions.size() > limits_.sessions_a_renew) {
    return step.refuse(Refusal::invalid);
  }
  Renewed renewed{step.to, {}, {}};
  for (const SessionId id : body.sessions) {
    // A voter passes a member's renewal on, and makes none in its name.
    const bool is_own = check_session(id, step.to.node) == Refusal::none;
    if (COORD_RULE_OR(renewed_by_its_own_host, is_own, session(id) != nullptr)) {
      renewed.renewed.emplace_back(id, ++state_.sessions.at(id).renewal);
    } else {
      renewed.gone.push_back(id);
    }
  }
  step.effects.push_back(std::move(renewed));
}

void StateMachine::on(const Expire& body, Step& step) {
  const auto it = state_.sessions.find(body.session);
  if (it == state_.sessions.end()) return;
  if (!COORD_RULE(expire_only_unrenewed, it->second.renewal == body.renewal)) return;
  end_session(body.session, {CloseReason::expired, {}}, step, {});
}

void StateMachine::on(const Break& body, Step& step) {
  const auto it = state_.sessions.find(body.session);
  if (it == state_.sessions.end()) {
    return step.refuse(Refusal::no_such_session, body.session);
  }
  const bool may = body.uid == 0 || body.user == it->second.owner.user;
  if (!COORD_RULE(break_only_own_or_root, may)) {
    return step.refuse(Refusal::not_permitted, body.session);
  }
  it->second.breaking = true;
  step.effects.push_back(BreakAsked{step.to, body.session, it->second.node, body.user});
}

// What it takes part in ends before what it holds.
void StateMachine::end_session(SessionId id, End end, Step& step, AnswerTo to) {
  each([&]<class F>(F& family) {
    if constexpr (F::ends_before_holds) family.session_ends(id, end, step);
  });
  each([&]<class F>(F& family) {
    if constexpr (!F::ends_before_holds) family.session_ends(id, end, step);
  });
  const auto session = state_.sessions.find(id);
  step.effects.push_back(Closed{to, id, session->second.node, end.why});
  uncount_session(session->second);
  state_.sessions.erase(session);
}

}  // namespace coord::service
