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

}  // namespace

void Listeners::add(const Key& key, std::string name, Instant since, bool causal) {
  Listener& listener = listeners_[key];
  listener.name = std::move(name);
  listener.since = since;
  listener.causal = causal;
}

void Listeners::remove(replica::ConnectionId connection) {
  std::erase_if(listeners_, [&](const auto& entry) {
    if (entry.first.first != connection) return false;
    bytes_ -= entry.second.waiting_bytes;
    return true;
  });
}

void Listeners::tell(Instant born, const Came& what, const Gap& gap, bool causal, node::PartActions& out,
                     const Key* only) {
  std::shared_ptr<const Bytes> bytes, before;
  for (auto& [key, listener] : listeners_) {
    if (listener.name != what.letter.name || (only != nullptr && *only != key)) continue;
    if (listener.causal != causal) continue;
    if (!COORD_RULE(a_listener_hears_what_is_cast_from_then_on, born >= listener.since)) continue;
    if (!bytes) bytes = std::make_shared<const Bytes>(encoded(what));
    if (!before && !gap.missing.empty()) before = std::make_shared<const Bytes>(encoded(gap));
    if (before) put(key, listener, before, out);
    put(key, listener, bytes, out);
  }
}

void Listeners::put(const Key& key, Listener& listener, const std::shared_ptr<const Bytes>& bytes,
                    node::PartActions& out) {
  const bool fits = listener.waiting.size() < most_waiting &&
                    listener.waiting_bytes + bytes->size() <= most_bytes &&
                    bytes_ + bytes->size() <= most_bytes_of_all;
  if (COORD_RULE(who_does_not_listen_is_bounded, fits)) {
    listener.waiting.push_back({bytes, 0});
    listener.waiting_bytes += bytes->size();
    bytes_ += bytes->size();
  } else {
    if (listener.waiting.empty() || listener.waiting.back().bytes) listener.waiting.push_back({nullptr, 0});
    ++listener.waiting.back().lost;
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
    bytes_ -= size;
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
    listener.on_way.pop_front();
  }
  go_on(key, listener, out);
}

}  // namespace coord::casts
