// SPDX-License-Identifier: MIT
#include "protocol/chord/ring_check.hpp"

#include <algorithm>
#include <set>

#include "base/format.hpp"

namespace coord::chord {

namespace {

// Members skipped by an adjacent pair of an extended list: self, then its successors.
std::set<Member> skipped(const List& sorted, const std::vector<MemberState>& members) {
  std::set<Member> all;
  for (const MemberState& member : members) {
    const Member* from = &member.self;
    for (const Member& to : member.view.successors) {
      for (const Member& other : sorted) {
        if (in_open(from->id, other.id, to.id)) all.insert(other);
      }
      from = &to;
    }
  }
  return all;
}

}  // namespace

std::optional<std::string> objection_to_invariant(const std::vector<MemberState>& members,
                                                  std::size_t hosts) {
  List sorted;
  for (const MemberState& member : members) sorted.push_back(member.self);
  std::ranges::sort(sorted);
  for (const MemberState& member : members) {
    const auto lives = [&](const Member& other) { return std::ranges::binary_search(sorted, other); };
    if (members.size() > 1 && std::ranges::none_of(member.view.successors, lives))
      return fmt::format("{} has no live successor: {}", text(member.self), text(member.view.successors));
  }
  const std::set<Member> not_principal = skipped(sorted, members);
  std::set<NodeId> principals;
  for (const Member& member : sorted) {
    if (!not_principal.contains(member)) principals.insert(member.host);
  }
  if (principals.size() <= hosts)
    return fmt::format("only {} hosts are skipped by no list", principals.size());
  return std::nullopt;
}

std::optional<std::string> objection_to_ideal(const std::vector<MemberState>& members, std::size_t hosts) {
  List sorted;
  for (const MemberState& member : members) sorted.push_back(member.self);
  std::ranges::sort(sorted);
  for (const MemberState& member : members) {
    const View ideal = ideal_view(member.self, sorted, hosts);
    if (member.view.successors != ideal.successors)
      return fmt::format("{} is followed by {} and not by {}", text(member.self),
                         text(member.view.successors), text(ideal.successors));
    if (members.size() > 1 && member.view.predecessor != ideal.predecessor)
      return fmt::format("{} comes after {} and not after {}", text(member.self),
                         member.view.predecessor ? text(*member.view.predecessor) : "nobody",
                         text(*ideal.predecessor));
  }
  return std::nullopt;
}

}  // namespace coord::chord
