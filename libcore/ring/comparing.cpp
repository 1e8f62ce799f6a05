// SPDX-License-Identifier: MIT
// How two hosts find out in which keys their copies differ.
//
// Problem: a host that was away has missed something, and one that was not asked may lack what it was sent.
// Reading all keys of each other tells which, at the price of all keys, also where nothing differs.
// Algorithm: digests (Demers et al., "Epidemic algorithms for replicated database maintenance", PODC 1987; as
// a tree, DeCandia et al. 2007): each host takes together what it has of the keys that both are to keep, in
// 4,096 buckets by the key's place, and only keys of buckets that differ are read. A tree of two levels: a
// ring's keys are spread evenly, so one more would save little.
//
// One reading of the disk at a time serves all who have asked before it began: a host that starts reads once,
// not once for each other host, and who asks again because a large disk takes its time begins nothing new.
//
// Compared are entries, versions and context: who has missed a removal differs, too.
#include <algorithm>

#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr Duration digest_comes_within = std::chrono::seconds(10);  // from one slice to the next
constexpr std::size_t digests_at_once = 64;                         // of 32 KiB each

}  // namespace

void Replicas::compare(const std::string& name, Ring& ring, Source& source) {
  source.operation = ++last_;
  source.own_digest.reset();
  source.other_digest.reset();
  row_asks_[source.operation] = {name, false};
  ask_digests(name, ring, source);
}

// What is lacking still: the other's, own, or both. A reading that is under way is not begun again.
void Replicas::ask_digests(const std::string& name, Ring& ring, Source& source) {
  source.again = now_ + digest_comes_within;
  if (!source.other_digest)
    send(source.host.host, copies::AskDigest{source.operation, name, ring.placement.number()});
  if (!source.own_digest) wish_for_digest(ring, source.host).is_own = true;
}

Replicas::DigestWish& Replicas::wish_for_digest(Ring& ring, const Host& with) {
  const auto under_way = ring.reading.now.find(with.host);
  // An own digest may be older than the other's: buckets that are equal all the same are
  // lacking nothing here.
  if (under_way != ring.reading.now.end() && under_way->second.is_own) return under_way->second;
  DigestWish& wish = ring.reading.next[with.host];
  wish.host = with;
  tick_at_ = now_;
  return wish;
}

// One reading at a time, for all that wished for it before it began. A slice at a time: what tools ask of the
// disk has its turn in between.
void Replicas::begin_reading(const std::string& name, Ring& ring) {
  Reading& reading = ring.reading;
  if (reading.id != 0 || reading.next.empty() || now_ < reading.not_before || own(ring) == nullptr) return;
  while (!reading.next.empty() && reading.now.size() < digests_at_once)
    reading.now.insert(reading.next.extract(reading.next.begin()));
  reading.id = ++last_;
  ReadDigests read{
      stored_ring(name), {}, std::make_shared<const Placement>(ring.placement), *own(ring), {}, {}, false};
  for (const auto& [host, wish] : reading.now) {
    read.others.push_back(wish.host);
    read.digests.emplace_back(digest_buckets);
  }
  read_digests(name, reading.id, std::move(read));
}

void Replicas::read_digests(const std::string& name, std::uint64_t id, ReadDigests&& read) {
  perform(std::move(read), [this, name, id](InnerWork& work) {
    const auto found = rings_.find(name);
    if (found == rings_.end() || found->second.reading.id != id) return;
    Ring& ring = found->second;
    auto& did = std::get<ReadDigests>(work.what);
    const bool goes_on = !work.failed && did.placement->number() == ring.placement.number();
    // Nobody loses patience while it goes on.
    for (auto& [host, source] : ring.repair) {
      if (goes_on && ring.reading.now.contains(host) && !source.is_compared)
        source.again = now_ + digest_comes_within;
    }
    if (goes_on && did.more) return read_digests(name, id, std::move(did));
    const auto wishes = std::exchange(ring.reading.now, {});
    ring.reading.id = 0;
    if (work.failed) ring.reading.not_before = now_ + disk_rests_for;
    tick_at_ = now_;
    if (!goes_on) return;
    for (std::size_t i = 0; i < did.others.size(); ++i)
      tell_digest(name, ring, wishes.at(did.others[i].host), std::move(did.digests[i]));
  });
}

void Replicas::tell_digest(const std::string& name, Ring& ring, const DigestWish& wish, Digest&& digest) {
  if (wish.operation != 0)
    send(wish.host.host, copies::DigestIs{wish.operation, ring.placement.number(), digest});
  const auto source = ring.repair.find(wish.host.host);
  if (!wish.is_own || source == ring.repair.end() || source->second.is_compared ||
      source->second.operation == 0)
    return;
  source->second.own_digest = std::move(digest);
  compared(name, ring, source->second);
}

void Replicas::receive(NodeId from, copies::AskDigest&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr || !is_complete(message.ring, *ring)) return;
  const Host* with = ring->placement.member(from);
  if (with == nullptr) with = ring->placement.earlier_member(from);
  if (with == nullptr) return;
  // It has asked already, and asks again.
  const auto under_way = ring->reading.now.find(from);
  if (under_way != ring->reading.now.end() && under_way->second.operation == message.operation) return;
  ring->reading.next[from].host = *with;
  ring->reading.next[from].operation = message.operation;
  tick_at_ = now_;
}

void Replicas::receive(NodeId from, copies::DigestIs&& message) {
  const auto asked = row_asks_.find(message.operation);
  if (asked == row_asks_.end() || message.digest.size() != digest_buckets) return;
  const auto found = rings_.find(asked->second.first);
  if (found == rings_.end() || found->second.placement.number() != message.number) return;
  const auto source = found->second.repair.find(from);
  if (source == found->second.repair.end() || source->second.operation != message.operation) return;
  source->second.other_digest = std::move(message.digest);
  compared(found->first, found->second, source->second);
}

void Replicas::compared(const std::string& name, Ring& ring, Source& source) {
  if (!source.own_digest || !source.other_digest) return;
  source.buckets.assign(digest_buckets / 8, 0);
  source.more = false;
  for (std::size_t i = 0; i < digest_buckets; ++i) {
    if ((*source.own_digest)[i] == (*source.other_digest)[i]) continue;
    source.buckets[i / 8] = static_cast<std::uint8_t>(source.buckets[i / 8] | (1U << (i % 8)));
    source.more = true;
  }
  source.own_digest.reset();
  source.other_digest.reset();
  source.is_compared = true;
  row_asks_.erase(source.operation);
  source.operation = 0;
  read_on(name, ring, false);
}

}  // namespace coord::ring
