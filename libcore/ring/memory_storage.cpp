// SPDX-License-Identifier: MIT
#include "ring/memory_storage.hpp"

#include <algorithm>

namespace coord::ring {

namespace {

bool is_live(const Entry& entry) {
  return std::ranges::any_of(entry.versions, [](const Version& version) { return !version.removed; });
}

std::uint64_t bytes_of_values(const Entry& entry) {
  std::uint64_t bytes = 0;
  for (const Version& version : entry.versions) bytes += version.size;
  return bytes;
}

class MemoryStorage final : public Storage {
 public:
  explicit MemoryStorage(MemoryTable& table) : table_(table), now_(table) {}

  Status begin() override {
    now_ = table_;
    return done();
  }
  Status commit() override {
    const bool is_full = table_.is_full;
    table_ = now_;
    table_.is_full = is_full;
    return done();
  }
  void roll_back() override { now_ = table_; }

  Result<std::uint64_t> last_write() override { return now_.last_write; }
  Result<std::uint64_t> last_change() override { return now_.last_change; }
  Status set_last_write(std::uint64_t number) override { return set(now_.last_write, number); }
  Result<std::uint64_t> last_life() override { return now_.last_life; }
  Status set_last_life(std::uint64_t life) override { return set(now_.last_life, life); }

  Result<std::optional<Entry>> find(const std::string& ring, const std::string& key) override {
    const auto found = now_.entries.find({ring, key});
    if (found == now_.entries.end()) return std::optional<Entry>();
    return std::optional(found->second.entry);
  }
  Status keep(const std::string& ring, const std::string& key, const Entry& entry) override {
    if (entry.versions.empty()) {
      now_.entries.erase({ring, key});
      return done();
    }
    if (table_.is_full) return full_error("memory");
    now_.entries[{ring, key}] = {entry, ++now_.last_change};
    return done();
  }
  Result<std::map<std::string, std::uint64_t>> memberships() override { return now_.memberships; }
  Status set_membership(const std::string& ring, std::uint64_t joined) override {
    if (table_.is_full) return full_error("memory");
    now_.memberships.erase(ring);
    if (joined != 0) now_.memberships.emplace(ring, joined);
    return done();
  }
  Result<std::vector<std::string>> joined_rings() override {
    std::vector<std::string> rings;
    for (const auto& [place, kept] : now_.entries) {
      if (read_joined_ring(place.first) && (rings.empty() || rings.back() != place.first))
        rings.push_back(place.first);
    }
    return rings;
  }
  Result<bool> drop_some(const std::string& ring) override {
    std::erase_if(now_.values, [&](const auto& each) { return std::get<0>(each.first) == ring; });
    return std::erase_if(now_.entries, [&](const auto& each) { return each.first.first == ring; }) > 0;
  }
  Status forget_removed() override {
    std::erase_if(now_.entries, [](const auto& each) {
      return !read_joined_ring(each.first.first) && !is_live(each.second.entry);
    });
    return done();
  }
  Status keep_value(const std::string& ring, const std::string& key, const Dot& dot,
                    ByteView value) override {
    if (table_.is_full) return full_error("memory");
    now_.values[{ring, key, dot}] = Bytes(value.begin(), value.end());
    return done();
  }
  Status drop_value(const std::string& ring, const std::string& key, const Dot& dot) override {
    now_.values.erase({ring, key, dot});
    return done();
  }
  Result<Bytes> value(const std::string& ring, const std::string& key, const Dot& dot, std::uint64_t offset,
                      std::size_t most) override {
    const auto found = now_.values.find({ring, key, dot});
    if (found == now_.values.end())
      return Error{ErrorKind::unavailable, "memory", "it lacks the value of a version that it names", ""};
    const std::size_t first = std::min<std::size_t>(offset, found->second.size());
    const auto begin = found->second.begin() + static_cast<std::ptrdiff_t>(first);
    const std::size_t length = std::min(most, found->second.size() - first);
    return Bytes(begin, begin + static_cast<std::ptrdiff_t>(length));
  }
  Result<std::vector<Row>> keys_after(const std::string& ring, const std::string& prefix,
                                      const std::string& after, std::size_t most) override {
    return rows(ring, after, most,
                [&](const Row& row) { return row.key.starts_with(prefix) && is_live(row.entry); });
  }
  Result<std::vector<Row>> entries_after(const std::string& ring, const std::string& prefix,
                                         const std::string& after, std::size_t most) override {
    return rows(ring, after, most, [&](const Row& row) { return row.key.starts_with(prefix); });
  }
  Result<std::vector<Row>> removed_after(const std::string& ring, const std::string& after,
                                         std::size_t most) override {
    return rows(ring, after, most, [](const Row& row) { return !is_live(row.entry); });
  }
  Result<std::vector<Row>> changes_after(const std::string& ring, std::uint64_t change,
                                         std::size_t most) override {
    auto changed = rows(ring, {}, now_.entries.size(), [&](const Row& row) { return row.change > change; });
    std::ranges::sort(changed, {}, &Row::change);
    if (changed.size() > most) changed.resize(most);
    return changed;
  }
  Result<Totals> totals(const std::string& ring) override {
    return counted([&](const std::string& of, const std::string&) { return of == ring; });
  }
  Result<Totals> totals_of_all_rings(const std::string& prefix) override {
    return counted([&](const std::string& ring, const std::string& key) {
      const auto joined = read_joined_ring(ring);
      const auto now = joined ? now_.memberships.find(joined->first) : now_.memberships.end();
      const bool is_over = joined && (now == now_.memberships.end() || now->second != joined->second);
      return !is_over && key.starts_with(prefix);
    });
  }
  Result<std::uint64_t> bytes_on_disk() override {
    std::uint64_t bytes = 0;
    for (const auto& [place, value] : now_.values) bytes += value.size();
    return bytes;
  }

 private:
  Status set(std::uint64_t& counter, std::uint64_t number) const {
    if (table_.is_full) return full_error("memory");
    counter = number;
    return done();
  }
  template <class Wanted>
  std::vector<Row> rows(const std::string& ring, const std::string& after, std::size_t most,
                        const Wanted& is_wanted) const {
    std::vector<Row> rows;
    for (auto each = now_.entries.lower_bound({ring, after});
         each != now_.entries.end() && each->first.first == ring && rows.size() < most; ++each) {
      Row row{each->first.second, each->second.entry, each->second.change};
      if (row.key > after && is_wanted(row)) rows.push_back(std::move(row));
    }
    return rows;
  }
  template <class Wanted>
  Totals counted(const Wanted& is_wanted) const {
    Totals totals;
    for (const auto& [place, kept] : now_.entries) {
      if (!is_live(kept.entry) || !is_wanted(place.first, place.second)) continue;
      ++totals.keys;
      totals.bytes += bytes_of_values(kept.entry);
      totals.siblings += kept.entry.values().size() > 1 ? 1 : 0;
    }
    return totals;
  }

  MemoryTable& table_;
  MemoryTable now_;  // with what the transaction has changed
};

}  // namespace

std::unique_ptr<Storage> open_memory(MemoryTable& table) {
  return std::make_unique<MemoryStorage>(table);
}

}  // namespace coord::ring
