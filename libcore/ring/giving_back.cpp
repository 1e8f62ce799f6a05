// SPDX-License-Identifier: MIT
// What a host keeps beyond its arcs, and when it may go.
//
// Problem: when a host comes, others are no longer to keep some of their keys, and their disks fill with what
// is nobody's. The obvious answer, dropping it when the change is settled, loses values: who came has read a
// majority of those of before, and not each of them, so of three copies of a write that two have acknowledged
// one may be on the host that is no longer to keep it. Algorithm: such a key is sent to all hosts that are to
// keep it, as a write is, and is dropped here once each of them has said that it is on its disk.
//
// A host that leaves sends all that it has, before its change is settled: what was written to it alone, where
// no majority answered (one_copy.cpp), would go with it. There a majority of those who are to keep a key is
// enough, as for a write; what its disk has stays.
#include <algorithm>

#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr std::size_t surplus_at_once = 16;
constexpr std::size_t most_at_once = 1024;  // with those that were tried several times

}  // namespace

void Replicas::begin_giving_back(const std::string& name, Ring& ring) {
  std::erase_if(deliveries_,
                [&](const auto& each) { return each.second.is_surplus && each.second.ring == name; });
  ring.surplus = {};
  ring.surplus.more = !ring.placement.is_changing() || ring.placement.is_leaving(self_);
  tick_at_ = now_;
}

// Reads on through what is here, and sends what is not to be.
void Replicas::give_back(const std::string& name, Ring& ring) {
  const bool leaves = ring.placement.is_leaving(self_);
  if (leaves ? !memberships_ : !is_complete(name, ring) || ring.placement.is_changing()) return;
  const auto is_its = [&](const auto& each) { return each.second.is_surplus && each.second.ring == name; };
  const auto is_new = [&](const auto& each) { return is_its(each) && holds_others_up(each.second); };
  auto open = static_cast<std::size_t>(std::ranges::count_if(deliveries_, is_new));
  auto all_open = static_cast<std::size_t>(std::ranges::count_if(deliveries_, is_its));
  for (; !ring.surplus.rows.empty() && open < surplus_at_once && all_open < most_at_once;
       ++open, ++all_open) {
    Delivery delivery;
    delivery.ring = name;
    delivery.number = ring.placement.number();
    const auto first = ring.surplus.rows.begin();
    delivery.row = {first->first, std::move(first->second)};
    ring.surplus.rows.erase(first);
    delivery.is_surplus = true;
    delivery.holders = own_values(delivery.row.entry);
    const std::uint64_t id = ++last_;
    ring.surplus.on_their_way[delivery.row.key] = id;
    deliver(id, std::move(delivery));
    send_again(id);
  }
  if (leaves && has_handed_over(name, ring) && own(ring) != nullptr && !ring.have_read.contains(*own(ring)))
    return check_hand_over(name, ring);
  if (!ring.surplus.more || ring.surplus.is_reading || !ring.surplus.rows.empty()) return;
  if (now_ < ring.surplus.not_before) return;
  ring.surplus.is_reading = true;
  const Token number = ring.placement.number();
  perform(ReadRows{stored_ring(name), {}, ring.surplus.after, {}, false},
          [this, name, number](InnerWork& work) {
            const auto found = rings_.find(name);
            if (found == rings_.end() || found->second.placement.number() != number) return;
            Ring& mine = found->second;
            mine.surplus.is_reading = false;
            auto& read = std::get<ReadRows>(work.what);
            if (work.failed) mine.surplus.not_before = now_ + disk_rests_for;
            if (work.failed || own(mine) == nullptr) return;
            const bool reads_again = std::exchange(mine.surplus.reads_again, false);
            mine.surplus.more = reads_again || (read.more && !read.rows.empty());
            const bool all = mine.placement.is_leaving(self_);
            for (Storage::Row& row : read.rows) {
              if (!reads_again) mine.surplus.after = row.key;
              if (all || !mine.placement.of_key(row.key).is_kept_by(*own(mine)))
                add_surplus(mine, row.key, std::move(row.entry));
            }
            give_back(name, mine);
          });
}

bool Replicas::has_handed_over(const std::string& name, const Ring& ring) const {
  const auto is_its = [&](const auto& each) { return each.second.is_surplus && each.second.ring == name; };
  return memberships_ && !ring.surplus.more && !ring.surplus.is_reading && ring.surplus.rows.empty() &&
         std::ranges::none_of(deliveries_, is_its);
}

void Replicas::tick_giving_back() {
  for (auto& [name, ring] : rings_) give_back(name, ring);
}

}  // namespace coord::ring
