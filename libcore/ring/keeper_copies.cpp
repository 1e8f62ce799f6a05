// SPDX-License-Identifier: MIT
// What the storage does for a ring of several hosts.
#include <algorithm>
#include <charconv>
#include <utility>

#include "base/rule.hpp"
#include "ring/work.hpp"
#include "wire/codec.hpp"

namespace coord::ring {

namespace {

constexpr std::uint64_t most_bytes_of_key = 2 * largest_value;

}  // namespace

bool fits_one_key(const Entry& entry) {
  std::uint64_t bytes = 0;
  std::size_t carried = 0, carried_bytes = 0;
  for (const Version& version : entry.versions) {
    bytes += version.size;
    carried += version.after.size();
    for (const Dependency& each : version.after) carried_bytes += each.key.size();
  }
  return entry.versions.size() <= most_siblings && bytes <= most_bytes_of_key &&
         carried <= most_siblings * most_dependencies && carried_bytes <= most_siblings * dependency_bytes;
}

Status StorageWorker::on(Reserve& reserve) {
  auto last = storage_->last_write();
  if (!last) return last.error();
  reserve.first = *last + 1;
  if (reserve.begins_life) {
    auto life = storage_->last_life();
    if (!life) return life.error();
    reserve.life = *life + 1;
    if (Status begun = storage_->set_last_life(reserve.life); !begun) return begun;
  }
  return storage_->set_last_write(*last + reserve.count);
}

Status StorageWorker::on(Look& look) {
  auto found = storage_->find(look.ring, look.key);
  if (!found) return found.error();
  look.entry = found->value_or(Entry{});
  return done();
}

// All of it or nothing: a copy that says of a version that it has heard of it, and lacks its value, would be
// taken for one that knows of something newer.
Status StorageWorker::on(Merge& merge) {
  merge.lacks.clear();
  auto found = storage_->find(merge.ring, merge.key);
  if (!found) return found.error();
  const Entry here = found->value_or(Entry{});
  const Entry both = merged(here, merge.entry);
  if (both == here) return done();
  for (const Version& version : both.versions) {
    if (!version.removed && here.find(version.dot) == nullptr && !merge.values.contains(version.dot))
      merge.lacks.push_back(version.dot);
  }
  if (!COORD_RULE(ring_entry_comes_with_its_values, merge.lacks.empty())) return done();
  merge.lacks.clear();
  if (merge.is_new) {
    if (Status fits = check_quota(merge.key, here, both); !fits) return fits;
  }
  for (const Version& version : here.versions) {
    if (version.removed || both.find(version.dot) != nullptr) continue;
    if (Status dropped = storage_->drop_value(merge.ring, merge.key, version.dot); !dropped) return dropped;
  }
  for (const Version& version : both.versions) {
    const auto value = merge.values.find(version.dot);
    if (version.removed || here.find(version.dot) != nullptr || value == merge.values.end()) continue;
    if (Status kept = storage_->keep_value(merge.ring, merge.key, version.dot, value->second); !kept)
      return kept;
  }
  return keep(merge.ring, merge.key, here, both);
}

// In one transaction: the next number, what is replaced, and what is new.
Status StorageWorker::on(WriteHere& write) {
  auto found = storage_->find(write.ring, write.key);
  if (!found) return found.error();
  Entry entry = found->value_or(Entry{});
  write.dot.reset();
  write.entry = entry;
  // Else it would stand beside what it follows, as if it were concurrent with it.
  write.is_behind =
      !COORD_RULE(ring_causal_write_follows_its_past, entry.has_heard_of_all(write.past.at_least)) ||
      (write.replaces &&
       !COORD_RULE(ring_one_copy_knows_what_is_named, entry.has_heard_of_all(*write.replaces)));
  if (write.is_behind) return done();
  if (write.removed && entry.values().empty()) return done();
  auto last = storage_->last_write();
  if (!last) return last.error();
  const Dot dot{write.host, *last + 1};
  if (entry.has_heard_of(dot)) return given_before();
  const Entry before = entry;
  ring::write(
      entry,
      Version{dot, write.time, write.removed, write.value.size(),
              COORD_RULE_OR(ring_version_carries_its_past, write.past.after, std::vector<Dependency>())},
      write.replaces, write.past.at_least, not_shown_to(write.user, write.all_users));
  // Else the other copies could never take it.
  write.too_many_siblings = !COORD_RULE(ring_key_stays_small_enough_to_copy, fits_one_key(entry));
  if (write.too_many_siblings) return done();
  if (Status fits = check_quota(write.key, before, entry); !fits) return fits;
  if (Status set = storage_->set_last_write(dot.number); !set) return set;
  for (const Version& old : before.versions) {
    if (old.removed || entry.find(old.dot) != nullptr) continue;
    if (Status dropped = storage_->drop_value(write.ring, write.key, old.dot); !dropped) return dropped;
  }
  if (!write.removed) {
    if (Status kept = storage_->keep_value(write.ring, write.key, dot, write.value); !kept) return kept;
  }
  if (Status kept = keep(write.ring, write.key, before, entry); !kept) return kept;
  write.dot = dot;
  write.entry = std::move(entry);
  return done();
}

Status StorageWorker::on(ReadChunk& read) {
  read.chunk.reset();
  auto found = storage_->find(read.ring, read.key);
  if (!found) return found.error();
  const Version* version = *found ? (*found)->find(read.dot) : nullptr;
  if (version == nullptr || version->removed) return done();
  auto chunk = storage_->value(read.ring, read.key, read.dot, read.offset, chunk_bytes);
  if (!chunk) return chunk.error();
  read.chunk = std::move(*chunk);
  return done();
}

Status StorageWorker::on(ReadRows& read) {
  auto rows = storage_->entries_after(read.ring, read.prefix, read.after, page_rows);
  if (!rows) return rows.error();
  read.more = rows->size() == page_rows;
  std::size_t bytes = 0, kept = 0;
  constexpr std::size_t of_version = 64;
  for (; kept < rows->size() && bytes < page_bytes; ++kept) {
    const Storage::Row& row = (*rows)[kept];
    bytes += row.key.size() + of_version * (1 + row.entry.versions.size() + row.entry.context.size());
    for (const Version& version : row.entry.versions) {
      for (const Dependency& each : version.after) bytes += of_version + each.key.size();
    }
  }
  read.more = read.more || kept < rows->size();
  rows->resize(kept);
  read.rows = std::move(*rows);
  return done();
}

std::size_t bucket_of(const std::string& key) {
  constexpr unsigned unused_bits = 20;  // of 32: 4096 buckets
  return id_of_key(key).words[0] >> unused_bits;
}

Status StorageWorker::on(ReadDigests& read) {
  auto rows = storage_->entries_after(read.ring, {}, read.after, page_rows);
  if (!rows) return rows.error();
  read.more = rows->size() == page_rows;
  for (const Storage::Row& row : *rows) {
    read.after = row.key;
    const ReplicaSet set = read.placement->of_key(row.key);
    if (!set.is_kept_by(read.own)) continue;
    const Bytes said = COORD_RULE_OR(ring_digest_covers_the_entry, wire::encode(row.entry), Bytes());
    const chord::Id id = id_of_key(row.key + std::string(said.begin(), said.end()));
    constexpr unsigned word = 32;
    for (std::size_t i = 0; i < read.others.size(); ++i) {
      if (set.is_kept_by(read.others[i]))
        read.digests[i][bucket_of(row.key)] ^= (std::uint64_t{id.words[0]} << word) | id.words[1];
    }
  }
  return done();
}

Status StorageWorker::on(ReadRemoved& read) {
  auto rows = storage_->removed_after(read.ring, read.after, most_buried);
  if (!rows) return rows.error();
  // A message takes so much.
  std::size_t bytes = 0, kept = 0;
  constexpr std::size_t of_row = 256;
  for (; kept < rows->size() && bytes < page_bytes; ++kept) {
    const Storage::Row& row = (*rows)[kept];
    bytes += wire::encode(row.entry).size() + row.key.size() + of_row;
  }
  rows->resize(kept);
  read.rows = std::move(*rows);
  return done();
}

Status StorageWorker::on(KeepRemoved& keep) {
  keep.others.clear();
  for (const copies::KeyAndEntry& row : keep.rows) {
    Merge merge{keep.ring, row.key, row.entry, {}, {}};
    auto found = storage_->find(keep.ring, row.key);
    if (!found) return found.error();
    if (!*found) continue;
    if (Status merged = on(merge); !merged) return merged;
    found = storage_->find(keep.ring, row.key);
    if (!found) return found.error();
    if (!*found || **found != row.entry) keep.others.push_back(row.key);
  }
  return done();
}

Status StorageWorker::on(DropRow& drop) {
  drop.stays.reset();
  auto found = storage_->find(drop.ring, drop.key);
  if (!found) return found.error();
  if (!*found) return done();
  if (**found != drop.entry) {
    drop.stays = std::move(**found);
    return done();
  }
  for (const Version& version : drop.entry.versions) {
    if (version.removed) continue;
    if (Status dropped = storage_->drop_value(drop.ring, drop.key, version.dot); !dropped) return dropped;
  }
  return keep(drop.ring, drop.key, drop.entry, Entry{});
}

Status StorageWorker::on(ReadChanges& read) {
  auto last = storage_->last_change();
  if (!last) return last.error();
  read.last = *last;
  if (!read.since) return done();
  auto rows = storage_->changes_after(read.ring, *read.since, page_rows);
  if (!rows) return rows.error();
  read.more = rows->size() == page_rows;
  if (read.more) read.last = rows->back().change;
  std::size_t bytes = 0;
  for (Storage::Row& row : *rows) {
    if (!row.key.starts_with(read.prefix)) continue;
    for (Version& version : row.entry.versions) version.after.clear();
    bytes += wire::encode(row.entry).size() + row.key.size();
    if (bytes > page_bytes && !read.rows.empty()) {
      read.last = read.rows.back().change;
      break;
    }
    read.rows.push_back(std::move(row));
  }
  return done();
}

std::string joined_ring(const std::string& ring, std::uint64_t joined) {
  const std::string mark(1, '\0');
  return mark + ring + mark + std::to_string(joined);
}

std::optional<std::pair<std::string, std::uint64_t>> read_joined_ring(const std::string& stored) {
  const std::size_t end = stored.rfind('\0');
  if (stored.empty() || stored.front() != '\0' || end == 0) return std::nullopt;
  std::uint64_t joined = 0;
  const char* const last = stored.data() + stored.size();
  const auto [behind, error] = std::from_chars(stored.data() + end + 1, last, joined);
  if (error != std::errc() || behind != last) return std::nullopt;
  return std::pair(stored.substr(1, end - 1), joined);
}

Status StorageWorker::on(DropEnded& drop) {
  drop.more = false;
  auto rings = storage_->joined_rings();
  if (!rings) return rings.error();
  for (const std::string& stored : *rings) {
    const auto ring = read_joined_ring(stored);
    const auto now = ring ? drop.joined.find(ring->first) : drop.joined.end();
    const bool is_older = now != drop.joined.end() && ring->second < now->second;
    if (!is_older && !drop.ended.contains(stored)) continue;
    used_.clear();  // they were counted
    auto more = storage_->drop_some(stored);
    if (!more) return more.error();
    drop.more = *more || &stored != &rings->back();
    return done();
  }
  return done();
}

Status StorageWorker::on(ReadMemberships& read) {
  auto all = storage_->memberships();
  if (!all) return all.error();
  read.joined = std::move(*all);
  return done();
}

Status StorageWorker::on(const SetMembership& set) {
  used_.clear();  // other rows count from now on
  return storage_->set_membership(set.ring, set.joined);
}

}  // namespace coord::ring
