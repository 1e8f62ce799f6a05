// SPDX-License-Identifier: MIT
#include "catalogue/ring_disks.hpp"

#include <algorithm>
#include <vector>

#include "base/format.hpp"
#include "catalogue/ring_users.hpp"
#include "ring/replicas.hpp"

namespace coord::catalogue {

namespace {

const ring::Entry* entry_of(const RingTables& tables, const ring::Host& host, const std::string& key) {
  const auto table = tables.find(host.host);
  if (table == tables.end()) return nullptr;
  const auto found = table->second.entries.find({ring::joined_ring(ring_name, host.joined.value), key});
  return found == table->second.entries.end() ? nullptr : &found->second.entry;
}

}  // namespace

std::optional<RingObjection> objection_to_drop(const node::Work& work, const service::Ring& known,
                                               const RingTables& tables) {
  const auto* inner = dynamic_cast<const ring::InnerWork*>(&work);
  const auto* drop = inner == nullptr ? nullptr : std::get_if<ring::DropRow>(&inner->what);
  if (drop == nullptr || drop->entry.values().empty()) return std::nullopt;
  std::vector<ring::Dot> dots;
  for (const ring::Version& version : drop->entry.versions) dots.push_back(version.dot);
  for (const ring::Host& each : ring::Placement(known).of_key(drop->key).now) {
    const ring::Entry* entry = entry_of(tables, each, drop->key);
    if (entry != nullptr && entry->has_heard_of_all(dots)) continue;
    return RingObjection{"arcs_are_dropped_when_all_have_them",
                         fmt::format("{} goes, and node {} lacks it", drop->key, each.host.value)};
  }
  return std::nullopt;
}

std::optional<RingObjection> objection_to_disks(const service::Ring& ring, const RingTables& tables) {
  const ring::Placement placement(ring);
  std::map<std::string, ring::Entry> all;
  for (const auto& [node, table] : tables) {
    const auto host = std::ranges::find(ring.hosts, node, &ring::Host::host);
    const bool is_in = host != ring.hosts.end();
    const std::string own = is_in ? ring::joined_ring(ring_name, host->joined.value) : "";
    for (const auto& [place, kept] : table.entries) {
      const auto& [stored, key] = place;
      if (stored != own || !placement.of_key(key).is_kept_by(*host))
        return RingObjection{"rows_are_where_they_belong",
                             fmt::format("node {} keeps {} yet", node.value, key)};
      if (kept.entry.values().empty())
        return RingObjection{"removals_are_forgotten",
                             fmt::format("node {} keeps that of {}", node.value, key)};
      all[key] = kept.entry;
    }
  }
  for (const auto& [key, entry] : all) {
    for (const ring::Host& host : placement.of_key(key).now) {
      const ring::Entry* other = entry_of(tables, host, key);
      if (other == nullptr || *other != entry)
        return RingObjection{"copies_agree", fmt::format("node {} has another {}", host.host.value, key)};
    }
  }
  return std::nullopt;
}

}  // namespace coord::catalogue
