// SPDX-License-Identifier: MIT
// Hosts that stand for a name by themselves.
#include "base/rule.hpp"
#include "service/core.hpp"
#include "service/elections/elections.hpp"
#include "service/ownership.hpp"

namespace coord::service {

// Whoever leads by an enrolment decides what runs where: other users of the host may not end that.
bool Elections::may_change(const std::string& name, NodeId node, std::uint32_t uid,
                           const std::string& user) const {
  const auto known = state().enrolled.find(name);
  if (known == state().enrolled.end()) return true;
  const auto here = known->second.find(node);
  if (here == known->second.end()) return true;
  return COORD_RULE(enrolment_is_its_users, uid == 0 || user == here->second.user);
}

void Elections::on(const Enroll& body, Step& step) {
  auto& enrolled = state().enrolled;
  std::size_t all = 0;
  for (const auto& [name, nodes] : enrolled) all += nodes.size();
  const auto known = enrolled.find(body.name);
  const bool is_new = known == enrolled.end() || !known->second.contains(step.to.node);
  Refusal why = Refusal::none;
  if (!valid_name(body.name, core_->limits()) || body.as.value.size() > core_->limits().value_bytes ||
      body.as.user.size() > core_->limits().owner_bytes)
    why = Refusal::invalid;
  if (is_new && all >= core_->limits().enrolments) why = Refusal::too_many_names;
  if (step.level >= 2 && !may_use(body.name, body.as.uid, body.as.user)) why = Refusal::not_yours;
  if (!may_change(body.name, step.to.node, body.as.uid, body.as.user)) why = Refusal::other_users_enrolment;
  if (why != Refusal::none) {
    return step.refuse(why);
  }
  enrolled[body.name].insert_or_assign(step.to.node, body.as);
  changed_.insert(body.name);
}

void Elections::on(const Withdraw& body, Step& step) {
  if (!may_change(body.name, step.to.node, body.uid, body.user)) {
    return step.refuse(Refusal::other_users_enrolment);
  }
  const auto found = state().enrolled.find(body.name);
  if (found == state().enrolled.end() || found->second.erase(step.to.node) == 0) {
    return step.refuse(Refusal::not_enrolled);
  }
  if (found->second.empty()) state().enrolled.erase(found);
  changed_.insert(body.name);
}

}  // namespace coord::service
