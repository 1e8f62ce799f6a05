// SPDX-License-Identifier: MIT
// When the record of a removal may go.
//
// Problem: a removed key leaves a tombstone, and a ring in which keys come and go fills with them. The
// obvious answer, dropping them after some days, brings removed values back: a host that was away for longer,
// or a message that was, still has the value, and nobody knows any more that it was replaced. Algorithm: in
// rounds (in the spirit of Gonçalves et al., "DottedDB: anti-entropy without Merkle trees, deletes without
// tombstones", SRDS 2017). First all hosts of the ring, not only those who are to keep the key, say that they
// have the tombstone and nothing else of the key, or nothing at all, neither on disk nor on its way to
// others; who is away is waited for, and who has left the ring brings none of its values back (it comes in
// under another number). From then on something older can only be on its way. So in the second round each of
// them asks all others for a word on the same connections, behind which what they had sent before must have
// come, and says the same again. Then all drop the tombstone. Another number of the ring ends all that, and
// it begins anew.
#include <algorithm>
#include <set>

#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr Duration bury_every = std::chrono::minutes(1);
constexpr Duration asked_anew_after = std::chrono::seconds(2);
constexpr Duration bury_within = std::chrono::seconds(30);

}  // namespace

// Each host for the keys that it owns.
void Replicas::begin_burying(const std::string& name, Ring& ring) {
  Burying& burying = ring.burying;
  if (burying.operation != 0 || now_ < burying.not_before) return;
  burying.not_before = now_ + bury_every;
  if (ring.placement.is_changing() || !is_complete(name, ring)) return;
  burying.operation = ++last_;
  burying.number = ring.placement.number();
  burying.until = now_ + bury_within;
  perform(ReadRemoved{stored_ring(name), burying.after, {}}, [this, name,
                                                              id = burying.operation](InnerWork& work) {
    const auto found = rings_.find(name);
    if (found == rings_.end() || found->second.burying.operation != id) return;
    Burying& mine = found->second.burying;
    auto& rows = std::get<ReadRemoved>(work.what).rows;
    if (work.failed || rows.empty() || own(found->second) == nullptr) {
      mine.after.clear();
      mine.operation = 0;
      return;
    }
    mine.after = rows.back().key;
    for (Storage::Row& row : rows) {
      const Hosts set = found->second.placement.of_key(row.key).now;
      if (set.front() != *own(found->second)) continue;
      const bool leads_on = COORD_RULE_OR(ring_tombstone_stays_as_long_as_it_leads_on,
                                          !row.entry.dependencies().empty(), false);
      copies::KeyAndEntry removed{std::move(row.key), std::move(row.entry)};
      leads_on ? mine.settling.rows.push_back(std::move(removed)) : mine.rows.push_back(std::move(removed));
    }
    tick_at_ = now_;
    settle_tombstones(name, found->second);
  });
}

// The next ones at once, or later.
void Replicas::end_burying(Ring& ring, bool goes_on) {
  if (goes_on) ring.burying.not_before = now_;
  ring.burying.operation = 0;
  ring.burying.rows.clear();
  ring.burying.settling = {};
  ring.burying.agreed.clear();
  ring.burying.is_second = false;
}

void Replicas::tick_burying(const std::string& name, Ring& ring) {
  Burying& burying = ring.burying;
  if (burying.operation != 0 && burying.number != ring.placement.number()) end_burying(ring, false);
  if (burying.operation != 0 && burying.until <= now_) {
    // Those that are settled go; the others stay until the next time.
    const bool goes_on = burying.settling.operation != 0 && !burying.rows.empty();
    burying.settling = {};
    burying.until = now_ + bury_within;
    burying.again = now_;
    if (!goes_on) end_burying(ring, false);
  }
  begin_burying(name, ring);
  if (burying.operation == 0 || burying.again > now_) return;
  burying.again = now_ + asked_anew_after;
  if (burying.settling.operation != 0) return ask_to_settle(name, ring);
  if (burying.rows.empty()) return;
  for (const Host& host : ring.placement.all()) {
    if (!burying.agreed.contains(host))
      send(host.host,
           copies::AskBury{burying.operation, name, burying.number, burying.rows, burying.is_second});
  }
}

void Replicas::receive(NodeId from, copies::AskBury&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr || ring->placement.is_changing() || !is_complete(message.ring, *ring)) return;
  if (!COORD_RULE(ring_nothing_older_is_on_its_way, !message.is_second))
    return wait_for_others(from, std::move(message), *ring);
  answer_bury(from, std::move(message));
}

// Keys of which this host has something else are named.
void Replicas::answer_bury(NodeId from, copies::AskBury&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr || own(*ring) == nullptr) return;
  std::vector<std::string> busy;
  for (const copies::KeyAndEntry& row : message.rows) {
    if (!COORD_RULE(ring_nothing_older_is_sent, !is_on_its_way(message.ring, *ring, row)))
      busy.push_back(row.key);
  }
  perform(KeepRemoved{stored_ring(message.ring), std::move(message.rows), {}},
          [this, from, busy = std::move(busy), by = *own(*ring),
           answer = copies::MayBury{message.operation, message.number, {}, {}, message.is_second}](
              InnerWork& work) mutable {
            if (work.failed) return;
            answer.by = by;
            // A key may be both here and on its way: it is named once, as the message has no room for more.
            std::set<std::string> others(busy.begin(), busy.end());
            for (std::string& key : std::get<KeepRemoved>(work.what).others) others.insert(std::move(key));
            answer.others.assign(others.begin(), others.end());
            send(from, std::move(answer));
          });
}

// Something of the key is in this host's memory, or a tool is to be told of it yet.
bool Replicas::is_on_its_way(const std::string& name, const Ring& ring,
                             const copies::KeyAndEntry& buried) const {
  if (COORD_RULE_OR(ring_tombstone_waits_for_who_watches, has_watcher_behind(name, buried), false))
    return true;
  const std::string& key = buried.key;
  const auto is_key = [&](const copies::KeyAndEntry& row) { return row.key == key; };
  for (const auto* sources : {&ring.gains, &ring.repair}) {
    for (const auto& [host, source] : *sources) {
      if (std::ranges::any_of(source.rows, is_key)) return true;
    }
  }
  return ring.surplus.rows.contains(key) ||
         std::ranges::any_of(takings_,
                             [&](const auto& each) {
                               return each.second.merge.ring == name && each.second.merge.key == key;
                             }) ||
         std::ranges::any_of(
             deliveries_,
             [&](const auto& each) { return each.second.ring == name && each.second.row.key == key; }) ||
         std::ranges::any_of(operations_, [&](const auto& each) {
           const Operation& operation = each.second;
           // What it has been told it may send to other copies yet.
           const bool remembers =
               COORD_RULE_OR(ring_nothing_older_is_remembered, !operation.seen.empty(), false);
           return operation.ring == name && operation.key == key &&
                  (operation.phase == Operation::Phase::storing || remembers);
         });
}

void Replicas::receive(NodeId from, copies::MayBury&& message) {
  for (auto& [name, ring] : rings_) {
    Burying& burying = ring.burying;
    if (burying.operation != message.operation || message.by.host != from ||
        burying.number != message.number || burying.is_second != message.is_second ||
        ring.placement.number() != message.number)
      continue;
    burying.agreed.insert(message.by);
    std::erase_if(burying.rows, [&](const copies::KeyAndEntry& row) {
      return std::ranges::find(message.others, row.key) != message.others.end();
    });
    tick_at_ = now_;
    if (burying.rows.empty()) return end_burying(ring, true);
    const Hosts all = ring.placement.all();
    const auto has_agreed = [&](const Host& host) { return burying.agreed.contains(host); };
    if (!COORD_RULE(ring_tombstone_is_with_all_hosts, std::ranges::all_of(all, has_agreed))) return;
    if (!std::exchange(burying.is_second, true)) {
      burying.agreed.clear();
      burying.again = now_;
      return;
    }
    for (const Host& host : all)
      send(host.host, copies::Bury{burying.operation, name, burying.number, burying.rows});
    return end_burying(ring, true);
  }
}

// ---- the second round

void Replicas::wait_for_others(NodeId from, copies::AskBury&& message, const Ring& ring) {
  const auto is_same = [&](const auto& each) {
    return each.second.from == from && each.second.ask.operation == message.operation;
  };
  if (graves_.size() >= most_graves || std::ranges::any_of(graves_, is_same)) return;
  const std::uint64_t id = ++last_;
  Grave& grave = graves_[id];
  grave.from = from;
  grave.ask = std::move(message);
  grave.until = now_ + asked_anew_after;
  for (const Host& host : ring.placement.all()) {
    if (host.host == self_) continue;
    grave.waits_for.insert(host.host);
    send(host.host, copies::AskLiving{id});
  }
  other_has_said(id, self_);
}

void Replicas::other_has_said(std::uint64_t id, NodeId other) {
  const auto found = graves_.find(id);
  if (found == graves_.end()) return;
  found->second.waits_for.erase(other);
  if (!found->second.waits_for.empty()) return;
  Grave grave = std::move(found->second);
  graves_.erase(found);
  answer_bury(grave.from, std::move(grave.ask));
}

void Replicas::receive(NodeId /*from*/, copies::Bury&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr || ring->placement.is_changing()) return;
  for (const copies::KeyAndEntry& row : message.rows)
    perform(DropRow{stored_ring(message.ring), row.key, row.entry}, [](InnerWork&) {});
}

void Replicas::tick_graves() {
  std::erase_if(graves_, [this](const auto& each) { return each.second.until <= now_; });
}

}  // namespace coord::ring
