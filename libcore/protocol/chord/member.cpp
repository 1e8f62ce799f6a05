// SPDX-License-Identifier: MIT
#include "protocol/chord/member.hpp"

#include <set>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::chord {

List cut_to_hosts(const Member& self, const List& members, std::size_t hosts) {
  List cut;
  std::set<NodeId> named;
  Id last = self.id;
  for (const Member& member : members) {
    if (!in_open(last, member.id, self.id) || cut.size() == list_limit) break;
    cut.push_back(member);
    last = member.id;
    if (member.host != self.host) named.insert(member.host);
    if (COORD_RULE_OR(chord_list_names_distinct_hosts, named.size(), cut.size()) >= hosts) break;
  }
  return cut;
}

std::size_t hosts_named(const Member& self, const List& members) {
  std::set<NodeId> named;
  for (const Member& member : members) {
    if (member.host != self.host) named.insert(member.host);
  }
  return named.size();
}

View ideal_view(const Member& self, const List& all, std::size_t hosts) {
  const auto own = std::ranges::lower_bound(all, self.id, {}, &Member::id);
  COORD_CHECK(own != all.end() && *own == self);
  View view;
  if (all.size() == 1) return view;
  view.predecessor = own == all.begin() ? all.back() : *(own - 1);
  // No further than needed: a ring may have many members.
  List following;
  std::set<NodeId> named;
  for (auto next = own + 1;; ++next) {
    if (next == all.end()) next = all.begin();
    if (next == own || named.size() >= hosts) break;
    following.push_back(*next);
    if (next->host != self.host) named.insert(next->host);
  }
  view.successors = cut_to_hosts(self, following, hosts);
  return view;
}

std::string text(const Member& member) {
  return fmt::format("{}..{} on {}", text(member.id).substr(0, 4),
                     member.life > 1 ? fmt::format("#{}", member.life) : "", member.host.value);
}

std::string text(const List& members) {
  std::string all;
  for (const Member& member : members) all += (all.empty() ? "" : ", ") + text(member);
  return fmt::format("[{}]", all);
}

}  // namespace coord::chord
