// Leaderships from a snapshot.
#include "service/machine.hpp"

namespace coord::service {

Status Machine::rebuild_elections() {
  for (const auto& [name, leadership] : state_.elections.leaderships) {
    Status status = rebuild_leadership(name, leadership);
    if (!status) return status;
  }
  for (const auto& [name, nodes] : state_.elections.enrolled) {
    if (nodes.empty() || !valid_name(name, limits_)) return inconsistent("an enrolment of nobody");
  }
  slots_ = totals(state_.elections.books);
  return done();
}

Status Machine::rebuild_leadership(const std::string& name, const Leadership& leadership) {
  const bool led = leadership.leader != LogIndex{};
  const bool kept = !led && leadership.term != Token{};
  if (!valid_name(name, limits_) || (leadership.candidates.empty() && !kept) ||
      (led && (leadership.leading() == nullptr || leadership.term == Token{})) ||
      (kept != (leadership.kept > Duration::zero())) || leadership.kept > limits_.duration_high)
    return inconsistent("a malformed leadership");
  if (leadership.term > state_.last_token ||
      (leadership.term != Token{} &&
       (place_of_.contains(leadership.term) || state_.remnants.contains(leadership.term) ||
        !led_under_.emplace(leadership.term, name).second)))
    return inconsistent("a term that was given twice or not yet");
  for (const auto& [place, candidate] : leadership.candidates) {
    if (place.value == 0 || place > state_.applied) return inconsistent("a candidate from the future");
    if (!state_.sessions.contains(candidate.session))
      return inconsistent("a candidate whose session has ended");
    if (find_request(candidate.session, candidate.number) ||
        !candidacies_of_[candidate.session].emplace(candidate.number, name).second)
      return inconsistent("two requests of one number");
    if (candidate.min_hold < Duration::zero() || candidate.min_hold > limits_.duration_high)
      return inconsistent("a malformed candidate");
    ++candidates_;
  }
  return done();
}

}  // namespace coord::service
