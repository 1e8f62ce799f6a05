// Users: whose names may be used, who may end what others have, and how much of the names one may take.
#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "service/machine.hpp"
#include "service/ownership.hpp"

namespace coord::service {

// From level 2 on. Before, only the peer of the tool that asks looks.
Refusal Machine::check_user(const Acquire& body, Level level) const {
  if (level < 2) return Refusal::none;
  const Owner& owner = body.open ? body.open->owner : state_.sessions.at(body.session).owner;
  const auto own = [&](const std::string& name) { return may_use(name, owner.uid, owner.user); };
  if (!std::ranges::all_of(body.names, own)) return Refusal::not_yours;
  if (body.candidacy && !may_preempt(body.names.front(), *body.candidacy, owner.uid, owner.user))
    return Refusal::not_yours;
  const auto taken = names_of_user_.find(owner.user);
  const std::size_t has = taken == names_of_user_.end() ? 0 : taken->second;
  if (owner.uid != 0 && !body.candidacy &&
      !COORD_RULE(names_of_user_bounded, has + body.names.size() <= limits_.names_of_user))
    return Refusal::too_many_names_of_user;
  return Refusal::none;
}

// Of a hold, a wait or what a hold leaves behind: `owner` has these names, or no longer.
void Machine::count_names(const Owner& owner, const std::vector<std::string>& names) {
  name_bytes_ += bytes_of_names(names);
  names_of_user_[owner.user] += names.size();
}

void Machine::uncount_names(const Owner& owner, const std::vector<std::string>& names) {
  name_bytes_ -= bytes_of_names(names);
  const auto of_user = names_of_user_.find(owner.user);
  COORD_CHECK(of_user != names_of_user_.end() && of_user->second >= names.size());
  of_user->second -= names.size();
  if (of_user->second == 0) names_of_user_.erase(of_user);
}

bool Machine::may_depose(const Candidate& leader, std::uint32_t uid, const std::string& user) const {
  const Session* session = this->session(leader.session);
  return COORD_RULE(deposes_only_own, uid == 0 || session == nullptr || session->owner.user == user);
}

bool Machine::may_preempt(const std::string& name, const Candidacy& wish, std::uint32_t uid,
                          const std::string& user) const {
  const auto found = state_.elections.leaderships.find(name);
  const Candidate* leader = found == state_.elections.leaderships.end() ? nullptr : found->second.leading();
  if (!wish.preempt || leader == nullptr || wish.priority <= leader->wish.priority) return true;
  return may_depose(*leader, uid, user);
}

bool Machine::may_reset(const std::string& name, std::uint32_t uid, const std::string& user) const {
  const auto found = state_.barriers.barriers.find(name);
  if (uid == 0 || found == state_.barriers.barriers.end()) return true;
  // Of those who are gone the arrival says whose they were, from level 2 on.
  const auto is_users = [&](const auto& entry) {
    const Session* session = this->session(entry.second.session);
    const std::string& owner = session != nullptr ? session->owner.user : entry.second.user;
    return owner.empty() || owner == user;
  };
  return COORD_RULE(
      resets_only_own, std::ranges::all_of(found->second.generations, [&](const auto& generation) {
        return generation.second.over() || std::ranges::all_of(generation.second.arrivals, is_users);
      }));
}

}  // namespace coord::service
