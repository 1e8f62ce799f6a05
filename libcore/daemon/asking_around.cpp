// SPDX-License-Identifier: MIT
#include "daemon/asking_around.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/level.hpp"
#include "base/rule.hpp"

namespace coord::daemon {

namespace {

constexpr Duration asking_patience = std::chrono::seconds(1);  // of each of the two; so long a stop may take

}  // namespace

void AroundAsker::perform(std::vector<std::shared_ptr<node::Work>>& batch) {
  for (const auto& work : batch) {
    if (const auto* remind = dynamic_cast<const Remind*>(work.get()))
      net::tell_introduction(remind->keys, remind->addresses, remind->question, asking_patience);
    if (auto* ask = dynamic_cast<AskAround*>(work.get()))
      ask->answer = net::ask_introduction_of_any(ask->keys, ask->addresses, ask->question, asking_patience);
  }
}

OwnPlace own_place(const wire::Introduction& said, const std::string& group, std::vector<NodeId> founders,
                   LogIndex seen) {
  if (!said.why_not.empty() || said.group.empty() || said.level > newest_level) return OwnPlace::unknown;
  std::vector<NodeId> theirs = said.founders;
  std::ranges::sort(theirs);
  std::ranges::sort(founders);
  const bool same = (group.empty() || said.group == group) && (founders.empty() || theirs == founders);
  if (!COORD_RULE(place_in_own_group_only, same)) return OwnPlace::foreign;
  // One that was just started, or learns, sees who leads before it has heard what was decided.
  if (!COORD_RULE(place_by_who_is_not_behind, said.at >= seen)) return OwnPlace::unknown;
  return COORD_RULE(out_before_it_comes_anew, said.is_out) ? OwnPlace::out : OwnPlace::kept;
}

bool is_heard_by_its_word(LogIndex word, LogIndex own, bool is_named_here) {
  return COORD_RULE(introduced_by_a_later_word, is_named_here || word > own);
}

}  // namespace coord::daemon
