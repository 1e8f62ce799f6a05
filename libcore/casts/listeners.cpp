// SPDX-License-Identifier: MIT
#include "casts/listeners.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "wire/codec.hpp"

namespace coord::casts {

namespace {

Bytes encoded(ToTool what) {
  return wire::encode(what, 2);
}

constexpr std::size_t most_gaps = 1024;  // that a listener was told of: so many are remembered

}  // namespace

bool Listeners::add(const Key& key, std::string name, Instant since, bool causal) {
  const auto of_connection =
      std::ranges::count_if(listeners_, [&](const auto& entry) { return entry.first.first == key.first; });
  const bool fits =
      listeners_.contains(key) ||
      (listeners_.size() < most && static_cast<std::size_t>(of_connection) < most_of_connection);
  if (!COORD_RULE(listeners_are_bounded, fits)) return false;
  Listener& listener = listeners_[key];
  listener.name = std::move(name);
  listener.since = since;
  listener.causal = causal;
  return true;
}

void Listeners::remove(replica::ConnectionId connection) {
  std::erase_if(listeners_, [&](const auto& entry) {
    if (entry.first.first != connection) return false;
    waiting_bytes_ -= entry.second.waiting_bytes;
    on_way_bytes_ -= entry.second.window_used;
    return true;
  });
}

// What was cast before it began is not missing to it.
Gap Listeners::gap_for(Listener& listener, const Missed& missed) const {
  Gap gap;
  for (const auto& [one, before] : missed) {
    if (before < listener.since || listener.gaps.contains(one.id)) continue;
    if (listener.gaps.size() >= most_gaps) listener.gaps.erase(listener.gaps.begin());
    listener.gaps.insert(one.id);
    gap.missing.push_back(one);
  }
  return gap;
}

void Listeners::tell(Instant born, const Came& what, const Missed& missed, bool causal,
                     node::PartActions& out, const Key* only) {
  std::shared_ptr<const Bytes> bytes;
  for (auto& [key, listener] : listeners_) {
    if (listener.name != what.letter.name || (only != nullptr && *only != key)) continue;
    if (listener.causal != causal) continue;
    if (!COORD_RULE(a_listener_hears_what_is_cast_from_then_on, born >= listener.since)) continue;
    if (!bytes) bytes = std::make_shared<const Bytes>(encoded(what));
    if (Gap gap = gap_for(listener, missed); !gap.missing.empty())
      put(key, listener, std::make_shared<const Bytes>(encoded(std::move(gap))), out);
    put(key, listener, bytes, out);
  }
}

void Listeners::put(const Key& key, Listener& listener, const std::shared_ptr<const Bytes>& bytes,
                    node::PartActions& out) {
  const std::size_t of_all =
      COORD_RULE_OR(what_is_on_its_way_counts, waiting_bytes_ + on_way_bytes_, waiting_bytes_);
  const bool has_none = listener.waiting.empty() && listener.on_way.empty();
  const bool fits = has_none || (listener.waiting.size() < most_waiting &&
                                 listener.waiting_bytes + bytes->size() <= most_bytes &&
                                 of_all + bytes->size() <= most_bytes_of_all);
  if (COORD_RULE(who_does_not_listen_is_bounded, fits)) {
    listener.waiting.push_back({bytes, 0});
    listener.waiting_bytes += bytes->size();
    waiting_bytes_ += bytes->size();
  } else {
    if (listener.waiting.empty() || listener.waiting.back().bytes) listener.waiting.push_back({nullptr, 0});
    ++listener.waiting.back().lost;
    ++dropped_;
    if (!std::exchange(listener.is_late, true))
      out.push_back(node::Report{
          fmt::format("casts: a listener of {} does not keep up: what comes meanwhile is dropped, and it is "
                      "told how many",
                      listener.name)});
  }
  go_on(key, listener, out);
}

void Listeners::go_on(const Key& key, Listener& listener, node::PartActions& out) {
  while (!listener.waiting.empty()) {
    const Item item = listener.waiting.front();
    const std::size_t size = item.bytes ? item.bytes->size() : 0;
    const bool has_room = listener.on_way.size() < window && listener.window_used + size <= window_bytes;
    if (!listener.on_way.empty() && !has_room) return;
    listener.waiting.pop_front();
    listener.waiting_bytes -= size;
    waiting_bytes_ -= size;
    on_way_bytes_ += size;
    listener.on_way.push_back(size);
    listener.window_used += size;
    out.push_back(node::ToTool{key.first, key.second, item.bytes ? *item.bytes : encoded(Lost{item.lost})});
  }
  listener.is_late = false;
}

void Listeners::took(const Key& key, std::size_t count, node::PartActions& out) {
  const auto found = listeners_.find(key);
  if (found == listeners_.end()) return;
  Listener& listener = found->second;
  for (; count > 0 && !listener.on_way.empty(); --count) {
    listener.window_used -= listener.on_way.front();
    on_way_bytes_ -= listener.on_way.front();
    listener.on_way.pop_front();
  }
  go_on(key, listener, out);
}

}  // namespace coord::casts
