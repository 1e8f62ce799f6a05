// SPDX-License-Identifier: MIT
#include "replica/logged_group.hpp"

#include "wire/codec.hpp"

namespace coord::replica {

// A raise may be void, or never have been committed. An entry of its level was written by who had applied it,
// and the last raise before that one is what it had applied.
std::optional<service::GroupId> group_in(const std::vector<raft::Entry>& entries) {
  std::optional<service::GroupId> group;
  for (const raft::Entry& entry : entries) {
    if (entry.level >= 2) return group;
    if (entry.kind != raft::EntryKind::raise) continue;
    const auto raise = wire::decode<service::Raise>(entry.data);
    if (raise && raise->level >= 2) group = service::group_of(entry.index, *raise);
  }
  return std::nullopt;
}

}  // namespace coord::replica
