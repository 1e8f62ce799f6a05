// SPDX-License-Identifier: MIT
// A host as the keeper of copies: what it answers others, and how it gets values that it lacks.
#include <algorithm>

#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr Duration again_every = std::chrono::milliseconds(500);
constexpr Duration give_up_after = std::chrono::seconds(30);

// A late answer to an earlier question may be of another version, of the same length and from the same host.
bool is_of(const copies::ChunkIs& chunk, const Dot& dot) {
  return COORD_RULE(ring_chunk_is_of_its_version, chunk.dot == dot);
}

}  // namespace

void Replicas::receive(NodeId from, copies::AskEntry&& message) {
  const auto any = rings_.find(message.ring);
  if (any == rings_.end()) return;
  Ring* ring = message.number == Token{} ? &any->second : member_ring(message.ring, message.number);
  if (ring == nullptr || !is_complete(message.ring, *ring)) return;
  // Whoever asks may know an older number, of which this host was to keep the key: it has
  // given it away since.
  const auto is_kept_here = [&] {
    const Hosts hosts = ring->placement.of_key(message.key).readable();
    return std::ranges::find(hosts, *own(*ring)) != hosts.end();
  };
  if (message.number == Token{} && !COORD_RULE(ring_one_copy_is_of_the_key, is_kept_here())) return;
  perform(Look{stored_ring(message.ring), message.key, {}},
          [this, from, id = message.operation, number = message.number, by = *own(*ring)](InnerWork& work) {
            if (!work.failed)
              send(from, copies::EntryIs{id, number, by, std::move(std::get<Look>(work.what).entry)});
          });
}

void Replicas::receive(NodeId from, copies::EntryIs&& message) {
  if (message.by.host != from || heard_to_settle(message)) return;
  const auto found = operations_.find(message.operation);
  if (found == operations_.end()) return;
  Operation& operation = found->second;
  if (!operation.set.is_kept_by(message.by)) return heard_elsewhere(message.operation, message);
  if (operation.phase != Operation::Phase::reading || number_said(operation) != message.number) return;
  operation.seen.insert_or_assign(message.by, std::move(message.entry));
  go_on(message.operation);
}

void Replicas::receive(NodeId from, copies::Kept&& message) {
  const auto found = operations_.find(message.operation);
  if (message.by.host != from) return;
  if (const auto delivery = deliveries_.find(message.operation); delivery != deliveries_.end()) {
    if (!message.hint_for) return delivered(message.operation, message.by);
    delivery->second.hints.kept_for.insert(*message.hint_for);
    return;
  }
  if (found == operations_.end()) return;
  Operation& operation = found->second;
  if (operation.phase != Operation::Phase::storing || operation.number != message.number) return;
  if (message.hint_for) {
    operation.hints.kept_for.insert(*message.hint_for);
    if (COORD_RULE_OR(ring_hint_is_not_counted, true, false)) return;
    message.by = *message.hint_for;
  }
  if (!operation.set.is_kept_by(message.by)) return;
  operation.stored.insert(message.by);
  operation.not_stored.erase(message.by);
  go_on(message.operation);
}

void Replicas::receive(NodeId from, copies::NotKept&& message) {
  const auto found = operations_.find(message.operation);
  if (found == operations_.end() || message.by.host != from) return;
  Operation& operation = found->second;
  if (operation.phase != Operation::Phase::storing || number_said(operation) != message.number) return;
  if (!operation.set.is_kept_by(message.by) || operation.stored.contains(message.by)) return;
  operation.not_stored[message.by] = message.why;
  if (operation.by_one) return give_up_with_one(message.operation);
  go_on(message.operation);
}

void Replicas::receive(NodeId from, copies::Store&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr || takings_.size() >= most_takings) return;
  // What is on a disk that was lost goes with the membership when its host comes in again. Who comes in takes
  // what is written meanwhile.
  const bool will_keep_it =
      is_complete(message.ring, *ring) || ring->placement.gainers().contains(*own(*ring));
  if (!COORD_RULE(ring_new_disk_stores_nothing, will_keep_it)) return;
  for (auto& [id, taking] : takings_) {
    if (message.operation == 0 || taking.from != from || taking.operation != message.operation) continue;
    // It was sent again: who was to be asked for values may be silent.
    taking.holders = std::move(message.holders);
    return;
  }
  const std::uint64_t id = ++last_;
  Taking taking;
  taking.from = from;
  taking.operation = message.operation;
  taking.number = message.number;
  taking.merge.ring = message.ring;
  taking.merge.key = std::move(message.key);
  taking.merge.entry = std::move(message.entry);
  taking.holders = std::move(message.holders);
  taking.hint_for = message.hint_for;
  taking.merge.is_new = message.operation != 0 && !message.is_acknowledged;
  taking.until = now_ + give_up_after;
  for (const Version& version : taking.merge.entry.versions) taking.sizes[version.dot] = version.size;
  std::uint64_t message_bytes = 0;
  if (message.dot && taking.sizes.contains(*message.dot) &&
      taking.sizes.at(*message.dot) == message.value.size()) {
    message_bytes = message.value.size();
    taking.merge.values.emplace(*message.dot, std::move(message.value));
  }
  for (const auto& [dot, size] : taking.sizes) {
    if (size == 0) taking.merge.values.emplace(dot, Bytes());
  }
  taking_bytes_ += message_bytes;
  takings_.emplace(id, std::move(taking));
  if (taking_bytes_ > most_taking_bytes) return taken(id, false);
  go_on_taking(id);
}

// To the disk, when no value is known to be lacking; else the next chunk of one.
void Replicas::go_on_taking(std::uint64_t id) {
  Taking& taking = takings_.at(id);
  taking.again = now_ + again_every;
  if (taking.is_at_disk) return;
  for (const Dot& dot : taking.merge.lacks) {
    const Bytes& value = taking.merge.values[dot];
    const std::uint64_t size = taking.sizes.contains(dot) ? taking.sizes.at(dot) : 0;
    if (size > largest_value) return taken(id, false);
    if (value.size() >= size) continue;
    const auto holder = std::ranges::find(taking.holders, dot, &copies::Holder::dot);
    const NodeId whom = holder == taking.holders.end() ? taking.from : holder->host;
    return send(whom, copies::AskChunk{id, taking.merge.ring, taking.merge.key, dot, value.size()});
  }
  // What was sent for an earlier number does not count for this one.
  const auto ring = rings_.find(taking.merge.ring);
  const bool is_over = ring == rings_.end() || is_closed(taking.merge.ring, ring->second) ||
                       member_ring(taking.merge.ring, taking.number) == nullptr;
  if (!taking.write && is_over) return taken(id, false);
  taking.is_at_disk = true;
  if (taking.write) return write_here(id);
  Merge merge = taking.merge;
  merge.ring = stored_ring(merge.ring);
  perform(std::move(merge), [this, id](InnerWork& work) {
    const auto found = takings_.find(id);
    if (found == takings_.end()) return;
    auto& did = std::get<Merge>(work.what);
    found->second.is_at_disk = false;
    if (work.failed) return taken(id, false, work.failed);
    if (did.lacks.empty()) return taken(id, true);
    found->second.merge.lacks = did.lacks;
    go_on_taking(id);
  });
}

// `failed`: what the disk has said.
void Replicas::taken(std::uint64_t id, bool is_stored, const std::optional<Error>& failed) {
  const Taking taking = std::move(takings_.at(id));
  takings_.erase(id);
  for (const auto& [dot, value] : taking.merge.values) taking_bytes_ -= value.size();
  changed_ = changed_ || is_stored;
  has_news_ = has_news_ || is_stored;
  const auto found = rings_.find(taking.merge.ring);
  if (found == rings_.end()) return;
  Ring& ring = found->second;
  if (taking.operation != 0 && is_stored && !taking.write && own(ring) != nullptr)
    send(taking.from, copies::Kept{taking.operation, taking.number, *own(ring), taking.hint_for});
  if (is_stored && taking.hint_for) keep_hint(taking.merge.ring, taking.merge.key, taking.merge.entry);
  if (taking.operation != 0 && failed && !taking.hint_for && own(ring) != nullptr) {
    const Token number = taking.write ? Token{} : taking.number;
    send(taking.from, copies::NotKept{taking.operation, number, *own(ring), why_of(*failed)});
  }
  if (taking.write && !is_stored && !failed)
    send(taking.from, copies::WritingOne{taking.operation, false, 0});
  if (!taking.gains && !taking.repairs) return;
  auto& sources = taking.gains ? ring.gains : ring.repair;
  const auto source = sources.find(taking.from);
  // Of gains that were begun anew it is none; what is repaired goes on whatever the ring's number is.
  if (source == sources.end() || source->second.id != taking.source) return;
  --source->second.open;
  if (!is_stored) {
    // It was replaced while it was read, or the disk is full: all is read anew, once those on their way to
    // the disk are there.
    source->second.rows.clear();
    source->second.after.clear();
    source->second.more = true;
    source->second.is_compared = false;
    if (failed) source->second.not_before = now_ + disk_rests_for;
  }
  read_on(taking.merge.ring, ring, taking.gains);
}

void Replicas::receive(NodeId from, copies::AskChunk&& message) {
  // On its way to the disks it is here.
  for (auto& [id, operation] : operations_) {
    if (operation.phase != Operation::Phase::storing || operation.dot != message.dot ||
        operation.key != message.key || operation.ring != message.ring)
      continue;
    const Bytes& value = operation.work->value;
    if (message.offset > value.size()) return;
    operation.heard = now_;
    const std::size_t size = std::min<std::size_t>(chunk_bytes, value.size() - message.offset);
    const auto begin = value.begin() + static_cast<std::ptrdiff_t>(message.offset);
    return send(from, copies::ChunkIs{message.operation, message.dot, message.offset, true,
                                      Bytes(begin, begin + static_cast<std::ptrdiff_t>(size))});
  }
  if (!rings_.contains(message.ring)) return;
  perform(ReadChunk{stored_ring(message.ring), message.key, message.dot, message.offset, {}},
          [this, from, id = message.operation](InnerWork& work) {
            auto& read = std::get<ReadChunk>(work.what);
            if (work.failed) return;
            send(from, copies::ChunkIs{id, read.dot, read.offset, read.chunk.has_value(),
                                       read.chunk ? std::move(*read.chunk) : Bytes()});
          });
}

void Replicas::receive(NodeId from, copies::ChunkIs&& message) {
  if (const auto found = operations_.find(message.operation); found != operations_.end()) {
    Operation& operation = found->second;
    if (operation.phase != Operation::Phase::fetching) return;
    const auto& get = std::get<Get>(operation.work->what);
    if (message.offset != get.offset || !is_of(message, operation.dot)) return;
    // It was replaced meanwhile, or that copy has lost it: everybody is asked anew.
    if (!message.is_there || message.chunk.empty()) return start(message.operation);
    Found answer;
    answer.versions = operation.entry.values();
    if (get.consistency == Consistency::causal) say_past(operation.entry, *operation.work, answer);
    answer.chunk = std::move(message.chunk);
    return finish(message.operation, std::move(answer));
  }
  const auto found = takings_.find(message.operation);
  if (found == takings_.end()) return;
  Taking& taking = found->second;
  for (const Dot& dot : taking.merge.lacks) {
    Bytes& value = taking.merge.values[dot];
    const std::uint64_t size = taking.sizes.contains(dot) ? taking.sizes.at(dot) : 0;
    if (value.size() >= size || !is_of(message, dot)) continue;
    if (message.offset != value.size()) return;
    if (!message.is_there || message.chunk.empty()) {
      // Another one may have it, if this is the answer of one that was asked before.
      const auto holder = std::ranges::find(taking.holders, dot, &copies::Holder::dot);
      if (from != (holder == taking.holders.end() ? taking.from : holder->host)) return;
      return taken(message.operation, false);
    }
    if (value.size() + message.chunk.size() > size) return taken(message.operation, false);
    value.insert(value.end(), message.chunk.begin(), message.chunk.end());
    taking_bytes_ += message.chunk.size();
    if (taking_bytes_ > most_taking_bytes) return taken(message.operation, false);
    taking.until = now_ + give_up_after;
    return go_on_taking(message.operation);
  }
}

void Replicas::tick_takings() {
  std::vector<std::uint64_t> all;
  for (const auto& [id, taking] : takings_) all.push_back(id);
  for (const std::uint64_t id : all) {
    const auto found = takings_.find(id);
    if (found == takings_.end() || found->second.is_at_disk) continue;
    if (found->second.until <= now_) {
      taken(id, false);
    } else if (found->second.again <= now_) {
      go_on_taking(id);
    }
  }
}

}  // namespace coord::ring
