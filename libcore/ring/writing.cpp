// SPDX-License-Identifier: MIT
// What a tool writes of one key, stored by a majority of its copies.
//
// Problem: a context says "all dots of this name up to that number were heard of", and the name is this
// host's. A write that ended before a majority had it is perhaps on a copy that does not answer the next
// one's read; its number is below the next one's, and whoever has heard of that one would take it for
// replaced, together with what it has replaced itself. Algorithm: this host remembers the dots that it has
// sent out and of which it does not know that a majority has heard of them. A write that replaces all that
// there is replaces those as well. One that names what it replaces must leave them beside itself: it is
// given a dot in another name, which says nothing of them. What is remembered ends with the process, so
// that dots of each life have a name of their own: a key's context grows by 16 bytes for each life in
// which it was written by way of this host.
#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "ring/replicas.hpp"
#include "ring/writer.hpp"

namespace coord::ring {

namespace {

constexpr Duration hints_after = std::chrono::seconds(1);
constexpr Duration lingers = std::chrono::seconds(30);  // for copies that have not answered yet
constexpr std::uint64_t reserved_at_once = 1000;

}  // namespace

void Replicas::write(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  const Ring& ring = rings_.at(operation.ring);
  // One that has not all it is to keep may be on a new disk, and give a number that it gave before.
  if (!is_complete(operation.ring, ring)) return;
  if (takes_new_name_ || next_number_ == end_number_) return reserve();
  const auto* put = std::get_if<Put>(&operation.work->what);
  Entry entry = all_of(operation.seen);
  const auto& replaces = put ? put->replaces : std::get<Remove>(operation.work->what).replaces;
  const Entry unheard = unheard_of(operation, entry);
  const bool is_there = !entry.values().empty() || (!replaces && !unheard.context.empty());
  if (put == nullptr && !is_there) return finish(id, Absent{});
  const NodeId name = name_in_life(*own(ring), life_);
  if (replaces && unheard.context.contains(name)) {
    takes_new_name_ = true;
    return reserve();
  }
  operation.dot = Dot{name, next_number_++};
  if (entry.has_heard_of(operation.dot))
    return finish(id, Refused{Why::failed, "another host has given this host's numbers"});
  const std::uint64_t size = operation.work->value.size();
  ring::write(entry, Version{operation.dot, operation.work->time, put == nullptr, size}, replaces);
  if (!replaces) {
    for (const auto& [each, number] : unheard.context)
      entry.context[each] = std::max(entry.context[each], number);
  }
  const bool fits =
      fits_one_key(entry) && (!replaces || entry.versions.size() + unheard.context.size() <= most_siblings);
  if (!fits) return finish(id, Refused{Why::usage, "the key has too many siblings already"});
  operation.entry = std::move(entry);
  operation.phase = Operation::Phase::storing;
  operation.stores_since = now_;
  operation.holder = 0;
  ask(id);
}

// Nothing is said any more of those that are too many, and of one that leads to other keys: who replaces it
// would have to lead there.
void Replicas::keep_unfinished(const Operation& operation) {
  const Version* sent = operation.entry.find(operation.dot);
  const bool leads_on = sent != nullptr && !sent->after.empty();
  const bool is_full = unfinished_.size() >= most_unfinished;
  if (is_full) unfinished_.clear();
  takes_new_name_ = takes_new_name_ || leads_on || is_full;
  if (leads_on) return;
  std::uint64_t& newest = unfinished_[{operation.ring, operation.key}].context[operation.dot.host];
  newest = std::max(newest, operation.dot.number);
}

// A majority has this one.
void Replicas::forget_unfinished(const Operation& operation, const Entry& stored) {
  const auto found = unfinished_.find({operation.ring, operation.key});
  if (found == unfinished_.end()) return;
  std::erase_if(found->second.context, [&](const auto& newest) {
    return stored.has_heard_of({newest.first, newest.second});
  });
  if (found->second.context.empty()) unfinished_.erase(found);
}

// What this host has sent out of the key, and what those who have answered do not know.
Entry Replicas::unheard_of(const Operation& operation, const Entry& known) const {
  Entry unheard;
  const auto found = unfinished_.find({operation.ring, operation.key});
  if (found == unfinished_.end()) return unheard;
  for (const auto& [name, number] : found->second.context) {
    if (!COORD_RULE_OR(ring_unfinished_writes_are_known, known.has_heard_of({name, number}), true))
      unheard.context.emplace(name, number);
  }
  return unheard;
}

// More numbers for writes; those that wait for one go on, or end with what the disk has said.
void Replicas::reserve() {
  if (std::exchange(reserves_, true)) return;
  perform(Reserve{reserved_at_once, takes_new_name_}, [this](InnerWork& work) {
    reserves_ = false;
    const auto& reserved = std::get<Reserve>(work.what);
    if (!work.failed) {
      next_number_ = reserved.first;
      end_number_ = next_number_ + reserved_at_once;
    }
    if (!work.failed && reserved.begins_life) {
      life_ = COORD_RULE_OR(ring_dots_are_of_one_life, reserved.life, 0);
      takes_new_name_ = false;
    }
    std::vector<std::uint64_t> all;
    for (const auto& [number, each] : operations_) all.push_back(number);
    for (const std::uint64_t each : all) {
      const auto found = operations_.find(each);
      if (found == operations_.end()) continue;
      const Operation& operation = found->second;
      if (!work.failed) {
        go_on(each);
      } else if (writes(*operation.work) && operation.phase == Operation::Phase::reading &&
                 operation.set.can_read(hosts_of(operation.seen))) {
        finish(each, refusal(*work.failed));
      }
    }
  });
}

void Replicas::send_stores(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  operation.holders = holders_of(operation);
  ++operation.holder;
  copies::Store store{id, operation.ring, operation.number, operation.key, operation.entry, {}, {}, {}};
  store.holders = operation.holders;
  if (!operation.work->value.empty() && operation.work->value.size() <= chunk_bytes) {
    store.dot = operation.dot;
    store.value = operation.work->value;
  }
  for (const Host& host : operation.set.all()) {
    if (!operation.stored.contains(host)) send(host.host, store);
  }
  if (now_ - operation.stores_since < hints_after) return;
  std::set<Host> none_for = operation.stored;
  for (const auto& [host, why] : operation.not_stored) {
    if (why == Why::quota) none_for.insert(host);  // it would not take it later either
  }
  send_hints(store, none_for, operation.hints);
}

// On enough disks. The others get it all the same, and the next write of the key may come.
void Replicas::stored(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  Stored answer{operation.dot, operation.entry.values()};
  std::erase_if(answer.beside, [&](const Version& other) { return other.dot == operation.dot; });
  Delivery rest;
  rest.ring = operation.ring;
  rest.number = operation.number;
  rest.row = {operation.key, std::move(operation.entry)};
  rest.stored = std::move(operation.stored);
  rest.holders = std::move(operation.holders);
  const bool is_here =
      std::ranges::any_of(rest.stored, [this](const Host& host) { return host.host == self_; });
  for (copies::Holder& holder : rest.holders) {
    if (holder.dot == operation.dot && !is_here) holder.host = rest.stored.begin()->host;
  }
  rest.hints = std::move(operation.hints);
  rest.until = now_ + lingers;
  const bool is_on_all = rest.stored.size() == operation.set.all().size();
  forget_unfinished(operation, rest.row.entry);
  operation.phase = Operation::Phase::waiting;
  finish(id, answer);
  if (!is_on_all) deliver(id, std::move(rest));
}

Partly Replicas::partly(const Operation& operation) {
  const std::size_t copies = operation.set.all().size();
  if (operation.by_one) return {std::max(1U, operation.copies), operation.on_disks, copies};
  const std::size_t stored =
      operation.copies == 0 ? operation.stored.size() : lasting(operation.set, operation.stored);
  return {std::max<std::uint64_t>(operation.set.wanted(), operation.copies), stored, copies};
}

// How many of these are copies for good: while the ring changes not who goes, or gives the key away.
std::size_t Replicas::lasting(const ReplicaSet& set, const std::set<Host>& stored) {
  const auto stays = [&](const Host& host) { return stored.contains(host); };
  return static_cast<std::size_t>(std::ranges::count_if(set.now, stays));
}

bool Replicas::is_hopeless(const Operation& operation) {
  std::set<Host> rest;
  for (const Host& host : operation.set.all()) {
    if (!operation.not_stored.contains(host)) rest.insert(host);
  }
  return !operation.set.is_written(rest) || lasting(operation.set, rest) < operation.copies;
}

// Disks have said no, and without them there are too few. A copy that was asked may be stored, and so may a
// hint, which is handed over when there is room.
void Replicas::give_up(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  const std::size_t copies = operation.set.all().size();
  const bool may_be_stored = operation.not_stored.size() < copies || operation.hints.next > 0;
  if (may_be_stored) return finish(id, partly(operation));
  // It was sent once, and nobody has it: nothing is left unfinished.
  const Refused why = refused_by_disks(operation, copies);
  if (operation.holder == 1) operation.phase = Operation::Phase::waiting;
  finish(id, why);
}

Refused Replicas::refused_by_disks(const Operation& operation, std::size_t copies) {
  const auto is_for = [&](Why why) {
    return std::ranges::any_of(operation.not_stored, [why](const auto& host) { return host.second == why; });
  };
  if (is_for(Why::quota)) return {Why::quota, "the quota of the key's user is used up"};
  const bool is_full = is_for(Why::full);
  return {is_full ? Why::full : Why::failed,
          fmt::format("{} on the disks of its {} copies",
                      is_full ? "there is no room" : "it cannot be written", copies)};
}

}  // namespace coord::ring
