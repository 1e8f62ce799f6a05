// SPDX-License-Identifier: MIT
// Leaderships from a snapshot.
#include "service/core.hpp"
#include "service/elections/elections.hpp"

namespace coord::service {

Status Elections::rebuild(Rebuild& rebuild) {
  for (const auto& [name, leadership] : state().leaderships) {
    Status status = rebuild_leadership(name, leadership, rebuild);
    if (!status) return status;
  }
  for (const auto& [name, nodes] : state().enrolled) {
    if (nodes.empty() || !valid_name(name, core_->limits())) return inconsistent("an enrolment of nobody");
  }
  slots_ = totals(state().books);
  return done();
}

Status Elections::rebuild_leadership(const std::string& name, const Leadership& leadership,
                                     Rebuild& rebuild) {
  const bool led = leadership.leader != LogIndex{};
  const bool kept = !led && leadership.term != Token{};
  if (!valid_name(name, core_->limits()) || (leadership.candidates.empty() && !kept) ||
      (led && (leadership.leading() == nullptr || leadership.term == Token{})) ||
      (kept != (leadership.kept > Duration::zero())) || leadership.kept > core_->limits().duration_high)
    return inconsistent("a malformed leadership");
  if (leadership.term > core_->state().last_token ||
      (leadership.term != Token{} &&
       (!rebuild.is_new(leadership.term) || !led_under_.emplace(leadership.term, name).second)))
    return inconsistent("a term that was given twice or not yet");
  for (const auto& [place, candidate] : leadership.candidates) {
    if (place.value == 0 || place > core_->state().applied)
      return inconsistent("a candidate from the future");
    if (core_->session(candidate.session) == nullptr)
      return inconsistent("a candidate whose session has ended");
    if (!rebuild.is_new(candidate.session, candidate.number))
      return inconsistent("two requests of one number");
    candidacies_of_[candidate.session].emplace(candidate.number, name);
    if (candidate.min_hold < Duration::zero() || candidate.min_hold > core_->limits().duration_high)
      return inconsistent("a malformed candidate");
    ++candidates_;
  }
  return done();
}

}  // namespace coord::service
