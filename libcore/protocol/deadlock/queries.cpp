// SPDX-License-Identifier: MIT
#include "protocol/deadlock/queries.hpp"

#include "base/rule.hpp"

namespace coord::deadlock {

Queries::Actions Queries::step(Instant now, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

void Queries::on(Instant now, const Ask& ask, Actions& actions) {
  if (begin(ask, actions)) rounds_.begin(now);
}

void Queries::on(Instant now, const Tick&, Actions& actions) {
  if (!waits() || !rounds_.is_due(now)) return;
  engage(self(), self(), rounds_.next(now), actions);
}

void Queries::on(Instant, const Receive& what, Actions& actions) {
  if (const auto* request = std::get_if<Request>(&what.message)) return hear(what.from, *request, actions);
  if (const auto* cancel = std::get_if<Cancel>(&what.message)) return hear(what.from, *cancel);
  if (const auto* reply = std::get_if<Reply>(&what.message)) {
    hear(what.from, *reply, actions);
    return;
  }
  if (const auto* query = std::get_if<Query>(&what.message)) return queried(what.from, *query, actions);
  answered(std::get<Answer>(what.message), actions);
}

void Queries::engage(NodeId engager, NodeId initiator, std::uint64_t round, Actions& actions) {
  engaged_[initiator] = {round, wait(), engager, waits_for().size(), age()};
  for (const NodeId next : waits_for()) actions.push_back(Send{next, Query{initiator, round, age().time}});
}

void Queries::queried(NodeId from, const Query& query, Actions& actions) {
  saw(query.time);
  if (!waits()) {
    if (COORD_RULE_OR(or_who_goes_on_answers_nobody, false, true))
      actions.push_back(Send{from, Answer{query.initiator, query.round, {}}});
    return;
  }
  const auto found = engaged_.find(query.initiator);
  const bool is_first = found == engaged_.end() || found->second.round < query.round;
  if (is_first) return engage(from, query.initiator, query.round, actions);
  const bool waited_since = found->second.round == query.round && found->second.wait == wait();
  if (!COORD_RULE(or_waited_since_the_first_query, waited_since)) return;
  actions.push_back(Send{from, Answer{query.initiator, query.round, age()}});
}

void Queries::answered(const Answer& answer, Actions& actions) {
  saw(answer.youngest.time);
  const auto found = engaged_.find(answer.initiator);
  if (found == engaged_.end() || !waits()) return;
  Engagement& engagement = found->second;
  if (engagement.round != answer.round || engagement.open == 0) return;
  if (!COORD_RULE(or_answers_are_of_this_wait, engagement.wait == wait())) return;
  engagement.youngest = std::max(engagement.youngest, answer.youngest);
  if (--engagement.open > 0 && COORD_RULE_OR(or_all_answers_are_needed, true, false)) return;
  if (answer.initiator != self()) {
    actions.push_back(Send{engagement.engager, Answer{answer.initiator, answer.round, engagement.youngest}});
  } else if (COORD_RULE(or_one_canonical_victim, engagement.youngest == age())) {
    give_up(actions);
  }
}

}  // namespace coord::deadlock
