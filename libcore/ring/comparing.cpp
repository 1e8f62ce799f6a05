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
// Compared are entries, versions and context: who has missed a removal differs, too.
#include <algorithm>

#include "ring/replicas.hpp"

namespace coord::ring {

void Replicas::compare(const std::string& name, Ring& ring, Source& source) {
  source.operation = ++last_;
  source.again = now_ + std::chrono::seconds(10);
  source.own_digest.reset();
  source.other_digest.reset();
  row_asks_[source.operation] = {name, false};
  send(source.host.host, copies::AskDigest{source.operation, name, ring.placement.number()});
  digest(name, ring, source.host, [this, name, host = source.host.host, id = source.operation](Digest&& own) {
    const auto found = rings_.find(name);
    if (found == rings_.end()) return;
    const auto asked = found->second.repair.find(host);
    if (asked == found->second.repair.end() || asked->second.operation != id) return;
    asked->second.own_digest = std::move(own);
    compared(name, found->second, asked->second);
  });
}

// A slice at a time: what tools ask of the disk has its turn in between.
void Replicas::digest(const std::string& name, const Ring& ring, const Host& with,
                      std::function<void(Digest&&)> then) {
  if (own(ring) == nullptr) return;
  ReadDigest read{
      stored_ring(name),      {},   std::make_shared<const Placement>(ring.placement), *own(ring), with,
      Digest(digest_buckets), false};
  go_on_with_digest(std::move(read), std::move(then));
}

void Replicas::go_on_with_digest(ReadDigest&& read, std::function<void(Digest&&)> then) {
  perform(std::move(read), [this, then = std::move(then)](InnerWork& work) mutable {
    if (work.failed) return;
    auto& did = std::get<ReadDigest>(work.what);
    if (did.more) return go_on_with_digest(std::move(did), std::move(then));
    then(std::move(did.digest));
  });
}

void Replicas::receive(NodeId from, copies::AskDigest&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr || !is_complete(message.ring, *ring)) return;
  const Host* with = ring->placement.member(from);
  if (with == nullptr) with = ring->placement.earlier_member(from);
  if (with == nullptr) return;
  digest(message.ring, *ring, *with,
         [this, from, id = message.operation, number = message.number](Digest&& own) {
           send(from, copies::DigestIs{id, number, std::move(own)});
         });
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
