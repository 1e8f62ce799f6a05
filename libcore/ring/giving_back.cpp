// SPDX-License-Identifier: MIT
// What a host keeps beyond its arcs, and when it may go.
//
// Problem: when a host comes, others are no longer to keep some of their keys, and their disks fill with what
// is nobody's. The obvious answer, dropping it when the change is settled, loses values: who came has read a
// majority of those of before, and not each of them, so of three copies of a write that two have acknowledged
// one may be on the host that is no longer to keep it. Algorithm: such a key is sent to all hosts that are to
// keep it, as a write is, and is dropped here once each of them has said that it is on its disk.
#include <algorithm>

#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr std::size_t handings_at_once = 16;
constexpr Duration hand_again_after = std::chrono::seconds(2);

}  // namespace

void Replicas::begin_giving_back(const std::string& name, Ring& ring) {
  std::erase_if(handings_, [&](const auto& each) { return each.second.ring == name; });
  ring.surplus = {};
  ring.surplus.more = !ring.placement.is_changing();
  tick_at_ = now_;
}

// Reads on through what is here, and sends what is not to be.
void Replicas::give_back(const std::string& name, Ring& ring) {
  if (!is_complete(name, ring) || ring.placement.is_changing()) return;
  const auto is_its = [&](const auto& each) { return each.second.ring == name; };
  auto open = static_cast<std::size_t>(std::ranges::count_if(handings_, is_its));
  for (; !ring.surplus.rows.empty() && open < handings_at_once; ++open) {
    const std::uint64_t id = ++last_;
    Handing& handing = handings_[id];
    handing.ring = name;
    handing.number = ring.placement.number();
    handing.row = std::move(ring.surplus.rows.front());
    ring.surplus.rows.pop_front();
    hand(id);
  }
  if (!ring.surplus.more || ring.surplus.is_reading || !ring.surplus.rows.empty()) return;
  ring.surplus.is_reading = true;
  const Token number = ring.placement.number();
  perform(ReadRows{stored_ring(name), {}, ring.surplus.after, {}, false},
          [this, name, number](InnerWork& work) {
            const auto found = rings_.find(name);
            if (found == rings_.end() || found->second.placement.number() != number) return;
            Ring& mine = found->second;
            mine.surplus.is_reading = false;
            auto& read = std::get<ReadRows>(work.what);
            mine.surplus.more = !work.failed && read.more && !read.rows.empty();
            if (work.failed || own(mine) == nullptr) return;
            for (Storage::Row& row : read.rows) {
              mine.surplus.after = row.key;
              if (!mine.placement.of_key(row.key).is_kept_by(*own(mine)))
                mine.surplus.rows.push_back({std::move(row.key), std::move(row.entry)});
            }
            give_back(name, mine);
          });
}

void Replicas::hand(std::uint64_t id) {
  Handing& handing = handings_.at(id);
  handing.again = now_ + hand_again_after;
  copies::Store store{id, handing.ring, handing.number, handing.row.key, handing.row.entry, {}, {}, {}};
  for (const Version& version : handing.row.entry.versions) {
    if (!version.removed) store.holders.push_back({version.dot, self_});
  }
  for (const Host& host : rings_.at(handing.ring).placement.of_key(handing.row.key).now) {
    if (!handing.stored.contains(host)) send(host.host, store);
  }
}

void Replicas::handed(std::uint64_t id, const Host& by) {
  Handing& handing = handings_.at(id);
  const auto found = rings_.find(handing.ring);
  if (found == rings_.end() || found->second.placement.number() != handing.number) return;
  handing.stored.insert(by);
  const Hosts set = found->second.placement.of_key(handing.row.key).now;
  const auto has_it = [&](const Host& host) { return handing.stored.contains(host); };
  if (!COORD_RULE(ring_arc_is_dropped_when_all_have_it, std::ranges::all_of(set, has_it))) return;
  perform(DropRow{stored_ring(handing.ring), handing.row.key, handing.row.entry}, [](InnerWork&) {});
  const std::string name = handing.ring;
  handings_.erase(id);
  give_back(name, found->second);
}

void Replicas::tick_giving_back() {
  for (auto& [name, ring] : rings_) give_back(name, ring);
  std::vector<std::uint64_t> late;
  for (const auto& [id, handing] : handings_) {
    if (handing.again <= now_) late.push_back(id);
  }
  for (const std::uint64_t id : late) {
    const auto ring = rings_.find(handings_.at(id).ring);
    if (ring == rings_.end() || ring->second.placement.number() != handings_.at(id).number) {
      handings_.erase(id);
    } else {
      hand(id);
    }
  }
}

}  // namespace coord::ring
