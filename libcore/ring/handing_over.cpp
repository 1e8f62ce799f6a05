// SPDX-License-Identifier: MIT
// What a host reads of others: what it gains when one comes or goes, and what it may have
// missed; and listings.
#include <algorithm>

#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr std::size_t open_at_once = 16;  // entries on their way to the disk, of one source
constexpr Duration again_every = std::chrono::milliseconds(500);
constexpr Duration rows_again_every = std::chrono::seconds(3);
constexpr Duration give_up_after = std::chrono::seconds(30);
constexpr Duration compare_every = std::chrono::minutes(5);
constexpr Duration listing_waits = std::chrono::seconds(3);

// A host that has lost its disk gains all that it is to keep.
bool gains(const ReplicaSet& set, const Host& host, bool is_complete) {
  const bool had_it = std::ranges::find(set.before, host) != set.before.end();
  return std::ranges::find(set.now, host) != set.now.end() &&
         (!had_it || COORD_RULE_OR(ring_new_disk_reads_all_that_it_keeps, !is_complete, false));
}

}  // namespace

void Replicas::begin_gaining(const std::string& name, Ring& ring) {
  const Host* host = ring.placement.member(self_);
  if (host == nullptr || !ring.placement.gainers().contains(*host)) return;
  // Once what the disk says is known it is begun anew: nothing that was read before may be open then.
  if (!memberships_) return;
  ring.gains.clear();
  for (const Host& other : ring.placement.all()) {
    if (ring.placement.earlier_member(other.host) == nullptr || other == *host) continue;
    if (*ring.placement.earlier_member(other.host) == other && other.host != self_)
      ring.gains[other.host] = Source{.host = other, .id = ++last_};
  }
  read_on(name, ring, true);
}

void Replicas::begin_repair(const std::string& name, Ring& ring, std::optional<NodeId> only) {
  if (!is_complete(name, ring)) return;
  for (const Host& other : ring.placement.all()) {
    if (other.host == self_ || (only && other.host != *only)) continue;
    const auto found = ring.repair.find(other.host);
    if (found != ring.repair.end() && found->second.open > 0) continue;
    if (found != ring.repair.end()) row_asks_.erase(found->second.operation);
    ring.repair[other.host] = Source{.host = other, .id = ++last_};
  }
  tick_at_ = now_;
}

void Replicas::read_on(const std::string& name, Ring& ring, bool gaining) {
  auto& sources = gaining ? ring.gains : ring.repair;
  const Host* host = ring.placement.member(self_);
  const bool is_whole = is_complete(name, ring);
  for (auto& [node, source] : sources) {
    while (host != nullptr && !source.rows.empty() && source.open < open_at_once) {
      copies::KeyAndEntry row = std::move(source.rows.front());
      source.rows.pop_front();
      const ReplicaSet set = ring.placement.of_key(row.key);
      if (gaining ? !gains(set, *host, is_whole) : !set.is_kept_by(*host)) continue;
      ++source.open;
      const std::uint64_t id = ++last_;
      Taking taking;
      taking.from = node;
      taking.number = ring.placement.number();
      taking.merge = Merge{name, std::move(row.key), std::move(row.entry), {}, {}};
      taking.until = now_ + give_up_after;
      taking.gains = gaining;
      taking.repairs = !gaining;
      taking.source = source.id;
      for (const Version& version : taking.merge.entry.versions) {
        taking.sizes[version.dot] = version.size;
        if (version.size == 0) taking.merge.values.emplace(version.dot, Bytes());
      }
      takings_.emplace(id, std::move(taking));
      go_on_taking(id);
    }
    if (!source.rows.empty() || source.open > 0 || !source.more || source.operation != 0) continue;
    if (now_ < source.not_before) continue;
    if (!gaining && !source.is_compared) {
      compare(name, ring, source);
      continue;
    }
    source.operation = ++last_;
    source.again = now_ + rows_again_every;
    row_asks_[source.operation] = {name, gaining};
    send(node,
         copies::AskRows{source.operation, name, ring.placement.number(), {}, source.after, source.buckets});
  }
  if (gaining) check_hand_over(name, ring);
}

// Of each arc that it gains, from a majority of those who had it.
bool Replicas::has_read_all(const std::string& name, Ring& ring) {
  const Host* host = ring.placement.member(self_);
  if (host == nullptr) return false;
  std::set<Host> read;
  for (const auto& [node, source] : ring.gains) {
    if (source.is_over()) read.insert(source.host);
  }
  const bool is_whole = is_complete(name, ring);
  // What this host keeps itself. On an empty disk nothing is left to be read.
  if (const Host* before = ring.placement.earlier_member(self_);
      before != nullptr && *before == *host && (is_whole || !ring.lost.empty()))
    read.insert(*host);
  for (const ReplicaSet& set : ring.placement.arcs()) {
    if (!gains(set, *host, is_whole)) continue;
    if (!has_read_enough(ring, set, read)) return false;
  }
  return true;
}

// Of a majority each acknowledged write was on one that was read. Where hosts are lost for good, any one that
// is left may be the only one that has it: all of them are read.
bool Replicas::has_read_enough(const Ring& ring, const ReplicaSet& set, const std::set<Host>& read) const {
  if (ring.lost.empty()) return COORD_RULE(ring_gainer_reads_a_majority, set.can_read(read));
  // By its own word the disk that it had is another one now.
  const auto is_replaced = [&](const Host& host) {
    const Host* now = ring.placement.member(host.host);
    return now != nullptr && now->joined != host.joined;
  };
  const auto is_read = [&](const Host& host) {
    return ring.lost.contains(host.host) || is_replaced(host) ||
           COORD_RULE(ring_adopter_reads_all_that_are_left, read.contains(host));
  };
  return std::ranges::all_of(set.before, is_read);
}

void Replicas::has_done_its_part(const std::string& name, Ring& ring, const Host& host) {
  ring.have_read.insert(host);
  for (const Host& other : ring.placement.all()) {
    if (other.host != self_) send(other.host, copies::HasRead{name, ring.placement.number(), host});
  }
}

void Replicas::check_hand_over(const std::string& name, Ring& ring) {
  const Token number = ring.placement.number();
  const std::set<Host> gainers = ring.placement.gainers();
  const Host* host = ring.placement.member(self_);
  if (host != nullptr && gainers.contains(*host) && !ring.have_read.contains(*host) && memberships_ &&
      has_read_all(name, ring)) {
    if (!is_complete(name, ring)) {
      if (!std::exchange(ring.is_marking, true)) set_member(name, host->joined.value);
      return;
    }
    has_done_its_part(name, ring, *host);
  }
  // What a leaver alone has, written where no majority answered, would go with it.
  std::set<Host> waited_for = gainers;
  const std::set<Host> leavers = ring.placement.leavers();
  if (COORD_RULE_OR(ring_leaver_hands_over_first, true, false))
    waited_for.insert(leavers.begin(), leavers.end());
  if (const Host* leaver = own(ring); leaver != nullptr && leavers.contains(*leaver) &&
                                      !ring.have_read.contains(*leaver) && has_handed_over(name, ring))
    has_done_its_part(name, ring, *leaver);
  std::erase_if(waited_for, [&](const Host& each) { return ring.lost.contains(each.host); });
  const bool is_whole =
      !ring.placement.is_changing() ||
      COORD_RULE(ring_settles_when_gainers_have_read, std::ranges::includes(ring.have_read, waited_for));
  const bool keeps_all = host == nullptr || is_complete(name, ring);
  std::vector<std::pair<Token, std::shared_ptr<Work>>> wait;
  for (auto& each : std::exchange(ring.awaiting, {})) {
    if (number > each.first || (number == each.first && is_whole && keeps_all)) {
      tell(*each.second, HandedOver{});
    } else {
      wait.push_back(std::move(each));
    }
  }
  ring.awaiting = std::move(wait);
}

// This host is in the ring no more: another host's command may have settled the change.
void Replicas::answer_awaiting(const Ring& ring) {
  for (const auto& [number, work] : ring.awaiting) tell(*work, HandedOver{});
  if (ring.doubt && ring.doubt->work) tell(*ring.doubt->work, HandedOver{});
}

void Replicas::receive(NodeId from, copies::HasRead&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr || message.by.host != from) return;
  const Host* by = ring->placement.member(from);
  if (by == nullptr) by = ring->placement.earlier_member(from);
  if (by == nullptr || *by != message.by) return;
  ring->have_read.insert(message.by);
  check_hand_over(message.ring, *ring);
}

void Replicas::receive(NodeId from, copies::AskRows&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr || !is_complete(message.ring, *ring)) return;
  perform(ReadRows{stored_ring(message.ring), message.prefix, message.after, {}, false},
          [this, from, id = message.operation, number = message.number, by = *own(*ring),
           buckets = std::move(message.buckets)](InnerWork& work) {
            if (work.failed) return;
            auto& read = std::get<ReadRows>(work.what);
            copies::RowsAre answer{id, number, by, {}, read.more};
            for (Storage::Row& row : read.rows) {
              answer.last = row.key;
              const std::size_t bucket = bucket_of(row.key);
              const bool is_asked =
                  buckets.size() != digest_buckets / 8 || ((buckets[bucket / 8] >> (bucket % 8)) & 1U) != 0;
              if (is_asked) answer.rows.push_back({std::move(row.key), std::move(row.entry)});
            }
            send(from, std::move(answer));
          });
}

void Replicas::receive(NodeId from, copies::RowsAre&& message) {
  if (message.by.host != from) return;
  if (const auto listing = listings_.find(message.operation); listing != listings_.end()) {
    if (listing->second.number != message.number) return;
    const std::uint64_t id = message.operation;
    const Host by = message.by;
    listing->second.got.insert_or_assign(by, std::move(message));
    return list(id, false);
  }
  const auto asked = row_asks_.find(message.operation);
  if (asked == row_asks_.end()) return;
  const auto [name, gaining] = asked->second;
  row_asks_.erase(asked);
  const auto found = rings_.find(name);
  if (found == rings_.end()) return;
  auto& sources = gaining ? found->second.gains : found->second.repair;
  const auto source = sources.find(from);
  if (source == sources.end() || source->second.operation != message.operation) return;
  source->second.operation = 0;
  if (found->second.placement.number() != message.number) return;
  source->second.more = message.more && message.last > source->second.after;
  source->second.after = std::move(message.last);
  for (auto& row : message.rows) source->second.rows.push_back(std::move(row));
  read_on(name, found->second, gaining);
}

// Anti-entropy: what nobody knows to be missing is found all the same, before long.
void Replicas::compare_again() {
  if (rings_.empty()) return compare_at_.reset();
  if (!compare_at_) compare_at_ = now_ + compare_every;
  if (now_ < *compare_at_) return;
  compare_at_ = now_ + compare_every;
  ++next_compared_;
  for (auto& [name, ring] : rings_) {
    const Hosts all = ring.placement.all();
    const NodeId other = all[next_compared_ % all.size()].host;
    if (other != self_ && !ring.placement.is_changing()) begin_repair(name, ring, other);
  }
}

// What was asked and not answered is asked again.
void Replicas::tick_hand_over() {
  for (auto& [name, ring] : rings_) {
    for (auto* sources : {&ring.gains, &ring.repair}) {
      for (auto& [node, source] : *sources) {
        if (source.operation == 0 || source.again > now_) continue;
        if (sources == &ring.repair && !source.is_compared) {
          ask_digests(name, ring, source);
          continue;
        }
        row_asks_.erase(source.operation);
        source.operation = 0;
      }
    }
    tick_adopting(name, ring);
    if (ring.placement.is_changing()) tell_adopting(name, ring);
    if (!ring.gains.empty()) read_on(name, ring, true);
    read_on(name, ring, false);
    const Host* host = own(ring);
    if (ring.placement.is_changing() && host != nullptr && ring.have_read.contains(*host))
      has_done_its_part(name, ring, *host);
    check_hand_over(name, ring);
  }
}

// ---- listings

void Replicas::begin_listing(std::shared_ptr<Work> work) {
  const auto& what = std::get<List>(work->what);
  Listing listing;
  listing.ring = what.ring;
  listing.until = now_ + (what.patience ? std::min(*what.patience, listing_waits) : listing_waits);
  listing.work = std::move(work);
  const std::uint64_t id = ++last_;
  listings_.emplace(id, std::move(listing));
  tick_at_ = now_;
  ask_rows(id);
}

void Replicas::ask_rows(std::uint64_t id) {
  Listing& listing = listings_.at(id);
  const auto found = rings_.find(listing.ring);
  if (found == rings_.end()) return;
  const Placement& placement = found->second.placement;
  if (listing.number != placement.number()) {
    listing.number = placement.number();
    listing.got.clear();
  }
  listing.again = now_ + again_every;
  const auto& what = std::get<List>(listing.work->what);
  for (const Host& host : placement.all()) {
    if (!listing.got.contains(host))
      send(host.host, copies::AskRows{id, listing.ring, listing.number, what.prefix, what.after});
  }
}

std::string Replicas::name_of(NodeId host) const {
  const auto name = names_.find(host);
  return name == names_.end() ? std::to_string(host.value) : name->second;
}

void Replicas::list(std::uint64_t id, bool is_late) {
  Listing& listing = listings_.at(id);
  const auto ring = rings_.find(listing.ring);
  if (ring == rings_.end()) return;
  const Placement& placement = ring->second.placement;
  if (listing.number != placement.number()) return;
  std::set<Host> answered;
  for (const auto& [host, rows] : listing.got) answered.insert(host);
  Page page;
  std::set<std::string> unreachable;
  for (const ReplicaSet& set : placement.arcs()) {
    if (set.can_read(answered)) continue;
    std::string hosts;
    for (const Host& host : set.all()) hosts += (hosts.empty() ? "" : ",") + name_of(host.host);
    unreachable.insert(hosts);
  }
  if (!unreachable.empty() && !is_late) return;
  page.unreachable.assign(unreachable.begin(), unreachable.end());
  // Beyond the end of the shortest page that goes on, not all are there.
  std::optional<std::string> end;
  std::map<std::string, Entry> all;
  for (const auto& [host, rows] : listing.got) {
    if (rows.more && !rows.rows.empty() && (!end || rows.rows.back().key < *end)) end = rows.rows.back().key;
    for (const auto& row : rows.rows) all[row.key] = merged(all[row.key], row.entry);
  }
  std::size_t bytes = 0;
  for (auto& [key, entry] : all) {
    if ((end && key > *end) || bytes >= page_bytes || page.rows.size() >= page_rows) {
      page.more = true;
      break;
    }
    page.last = key;
    std::vector<Version> values = entry.values();
    if (values.empty() || is_foreign(key, listing.work->user, listing.work->all_users)) continue;
    bytes += key.size() + 40 * (1 + values.size());
    page.rows.push_back({key, std::move(values)});
  }
  page.more = page.more || end.has_value();
  page.last = listed_to(page.last, *listing.work);
  tell(*listing.work, page);
  listings_.erase(id);
}

void Replicas::tick_listings() {
  std::vector<std::uint64_t> all;
  for (const auto& [id, listing] : listings_) all.push_back(id);
  for (const std::uint64_t id : all) {
    if (!rings_.contains(listings_.at(id).ring)) {
      tell(*listings_.at(id).work, NoQuorum{"this host has left the ring"});
      listings_.erase(id);
      continue;
    }
    const bool is_late = listings_.at(id).until <= now_;
    if (is_late) list(id, true);
    if (listings_.contains(id) && listings_.at(id).again <= now_) ask_rows(id);
  }
}

}  // namespace coord::ring
