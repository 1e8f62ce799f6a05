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
  again_ -= listener.again.size();
  listener.again.clear();
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
    again_ -= entry.second.again.size();
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
                     node::PartActions& out) {
  std::shared_ptr<const Bytes> bytes;
  for (auto& [key, listener] : listeners_) {
    if (listener.name != what.letter.name) continue;
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
  const bool has_none = listener.waiting.empty() && listener.on_way.empty() && listener.again.empty();
  const bool fits = has_none || (listener.waiting.size() < most_waiting &&
                                 listener.waiting_bytes + bytes->size() <= most_bytes &&
                                 all_bytes() + bytes->size() <= most_bytes_of_all);
  if (COORD_RULE(who_does_not_listen_is_bounded, fits)) {
    listener.waiting.push_back({bytes, 0});
    listener.waiting_bytes += bytes->size();
    waiting_bytes_ += bytes->size();
  } else {
    if (listener.waiting.empty() || listener.waiting.back().bytes) listener.waiting.push_back({nullptr, 0});
    ++listener.waiting.back().lost;
    ++dropped_;
    if (!std::exchange(listener.is_late, true))
      out.push_back(node::Report{fmt::format(
          "casts: a listener of {} does not keep up: further casts are dropped, and counted for it",
          listener.name)});
  }
  if (listener.again.empty()) go_on(key, listener, out);
}

std::size_t Listeners::all_bytes() const {
  return COORD_RULE_OR(what_is_on_its_way_counts, waiting_bytes_ + on_way_bytes_, waiting_bytes_);
}

bool Listeners::is_causal(const Key& key) const {
  const auto found = listeners_.find(key);
  return found != listeners_.end() && found->second.causal;
}

void Listeners::tell_again(const Key& key, std::vector<CastId> casts, const LookUp& look_up,
                           node::PartActions& out) {
  Listener& listener = listeners_.at(key);
  const std::size_t room = most_again - std::min(again_, most_again);
  const std::size_t first = casts.size() - std::min(casts.size(), room);
  listener.lost_again = first;
  listener.again.assign(casts.begin() + static_cast<std::ptrdiff_t>(first), casts.end());
  again_ += listener.again.size();
  if (go_on_again(key, listener, look_up, out)) go_on(key, listener, out);
}

// False: some are left, and wait until it takes what is on its way.
bool Listeners::go_on_again(const Key& key, Listener& listener, const LookUp& look_up,
                            node::PartActions& out) {
  const auto tell_lost = [&] {
    if (const std::uint64_t lost = std::exchange(listener.lost_again, 0); lost > 0)
      send(key, listener, encoded(Lost{lost}), out);
  };
  while (!listener.again.empty()) {
    const bool has_room = listener.on_way.size() < window && listener.window_used < window_bytes &&
                          all_bytes() < most_bytes_of_all;
    if (!listener.on_way.empty() && !has_room) return false;
    const auto kept = look_up(listener.again.front());
    listener.again.pop_front();
    --again_;
    if (!kept) {
      ++listener.lost_again;
      ++dropped_;
      continue;
    }
    tell_lost();
    if (Gap gap = gap_for(listener, kept->missed); !gap.missing.empty())
      send(key, listener, encoded(std::move(gap)), out);
    send(key, listener, encoded(kept->came), out);
  }
  tell_lost();
  return true;
}

void Listeners::send(const Key& key, Listener& listener, const Bytes& bytes, node::PartActions& out) {
  listener.on_way.push_back(bytes.size());
  listener.window_used += bytes.size();
  on_way_bytes_ += bytes.size();
  out.push_back(node::ToTool{key.first, key.second, bytes});
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

void Listeners::took(const Key& key, std::size_t count, const LookUp& look_up, node::PartActions& out) {
  const auto found = listeners_.find(key);
  if (found == listeners_.end()) return;
  Listener& listener = found->second;
  for (; count > 0 && !listener.on_way.empty(); --count) {
    listener.window_used -= listener.on_way.front();
    on_way_bytes_ -= listener.on_way.front();
    listener.on_way.pop_front();
  }
  if (go_on_again(key, listener, look_up, out)) go_on(key, listener, out);
}

}  // namespace coord::casts
