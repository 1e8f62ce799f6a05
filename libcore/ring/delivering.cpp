// SPDX-License-Identifier: MIT
// Entries on their way to all who are to keep them, for which nobody waits: what a tool was told is stored on
// enough disks goes on to the others, what one copy has written by itself goes to all, and what a host keeps
// beyond its arcs goes to those whose it is (giving_back.cpp).
//
// Their values are not kept here: those who have them on disk are named, and who lacks one asks for it.
#include <algorithm>

#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr Duration sent_again_after = std::chrono::seconds(2);
constexpr Duration sent_rarely_after = std::chrono::seconds(10);
constexpr std::size_t tried_before_others = 3;
constexpr std::size_t most_deliveries = 16384;

}  // namespace

// What was sent under this number. Too much at once: comparing finds it.
void Replicas::deliver(std::uint64_t id, Delivery delivery) {
  const bool is_awaited = delivery.is_surplus || delivery.awaited_by;
  if (!is_awaited) end_older(delivery);
  if (!is_awaited && deliveries_.size() >= most_deliveries) return;
  if (!is_awaited) going_on_[{delivery.ring, delivery.row.key}] = id;
  delivery.again = now_ + sent_again_after;
  deliveries_.emplace(id, std::move(delivery));
  tick_at_ = tick_at_.value_or(now_ + sent_again_after);
}

// Of a key that is written often the newest goes on alone: whoever was away gets all of it at once.
void Replicas::end_older(const Delivery& delivery) {
  const auto older = going_on_.find({delivery.ring, delivery.row.key});
  if (older == going_on_.end()) return;
  const Entry& entry = deliveries_.at(older->second).row.entry;
  if (merged(entry, delivery.row.entry) == delivery.row.entry) end_delivery(older->second);
}

void Replicas::end_delivery(std::uint64_t id) {
  const auto delivery = deliveries_.find(id);
  const auto newest = going_on_.find({delivery->second.ring, delivery->second.row.key});
  if (newest != going_on_.end() && newest->second == id) going_on_.erase(newest);
  deliveries_.erase(delivery);
}

// A surplus row for which its hosts have no room, or that are away: the next ones have their turn.
bool Replicas::holds_others_up(const Delivery& delivery) {
  return !delivery.is_surplus || delivery.tries <= tried_before_others;
}

void Replicas::send_again(std::uint64_t id) {
  Delivery& delivery = deliveries_.at(id);
  ++delivery.tries;
  delivery.again = now_ + (holds_others_up(delivery) ? sent_again_after : sent_rarely_after);
  copies::Store store{
      id, delivery.ring, delivery.number, delivery.row.key, delivery.row.entry, delivery.holders, {}, {}};
  store.is_acknowledged = true;
  const ReplicaSet set = rings_.at(delivery.ring).placement.of_key(delivery.row.key);
  for (const Host& host : delivery.is_surplus ? set.now : set.all()) {
    if (!delivery.stored.contains(host)) send(host.host, store);
  }
  if (!delivery.is_surplus) send_hints(store, delivery.stored, delivery.hints);
}

void Replicas::delivered(std::uint64_t id, const Host& by) {
  Delivery& delivery = deliveries_.at(id);
  const auto found = rings_.find(delivery.ring);
  if (found == rings_.end() || found->second.placement.number() != delivery.number) return;
  delivery.stored.insert(by);
  const ReplicaSet set = found->second.placement.of_key(delivery.row.key);
  const auto has_it = [&](const Host& host) { return delivery.stored.contains(host); };
  if (!delivery.is_surplus) {
    if (delivery.awaited_by)
      count_written(*delivery.awaited_by, static_cast<std::uint32_t>(lasting(set, delivery.stored)));
    if (std::ranges::all_of(set.all(), has_it)) end_delivery(id);
    return;
  }
  if (found->second.placement.is_leaving(self_)) {
    if (!ReplicaSet{set.now, {}}.is_written(delivery.stored)) return;
  } else {
    if (!COORD_RULE(ring_arc_is_dropped_when_all_have_it, std::ranges::all_of(set.now, has_it))) return;
    perform(DropRow{stored_ring(delivery.ring), delivery.row.key, delivery.row.entry, {}},
            [this, name = delivery.ring, number = delivery.number](InnerWork& work) {
              const auto ring = rings_.find(name);
              // Else all is read again that is here.
              if (ring == rings_.end() || ring->second.placement.number() != number) return;
              auto& drop = std::get<DropRow>(work.what);
              // Hints of writes beside each other are one row.
              if (drop.stays) keep_hint(name, drop.key, std::move(*drop.stays));
              if (!work.failed) return;
              ring->second.surplus.not_before = now_ + disk_rests_for;
              read_surplus_again(ring->second.surplus);
              tick_at_ = tick_at_.value_or(ring->second.surplus.not_before);
            });
  }
  const std::string name = delivery.ring;
  found->second.surplus.on_their_way.erase(delivery.row.key);
  deliveries_.erase(id);
  give_back(name, found->second);
}

void Replicas::tick_deliveries() {
  std::vector<std::uint64_t> late;
  for (const auto& [id, delivery] : deliveries_) {
    if (delivery.again <= now_ || (delivery.until && *delivery.until <= now_)) late.push_back(id);
  }
  for (const std::uint64_t id : late) {
    Delivery& delivery = deliveries_.at(id);
    const auto ring = rings_.find(delivery.ring);
    const bool is_over = ring == rings_.end() || (delivery.until && *delivery.until <= now_);
    const bool is_other = !is_over && ring->second.placement.number() != delivery.number;
    if (is_over || (is_other && delivery.is_surplus)) {
      end_delivery(id);
      continue;
    }
    // Others are to have it now.
    if (is_other) {
      delivery.number = ring->second.placement.number();
      delivery.stored.clear();
    }
    send_again(id);
  }
}

}  // namespace coord::ring
