// SPDX-License-Identifier: MIT
// Changes of all keys of a ring, for a tool at any of its hosts.
//
// Problem: a host hears of changes of the keys that it keeps, and of no others; who watches wants to hear of
// all, wherever he is. The obvious answer, each change sent to all hosts, costs that where nobody watches.
// Algorithm: a tool's host asks all hosts for what has changed there since it asked last; each counts its own
// changes, so nothing is missed while one is away or anew asked. A key's change is told by all of its copies:
// what is known already is told once, by merging what each has said of it. So the tool is told each change at
// least once, of changes that follow each other closely perhaps only the last, and never an older state
// behind a newer one, as long as the key is among those that are remembered.
#include <algorithm>

#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr Duration asked_again_every = std::chrono::seconds(15);  // a question may have been lost
constexpr Duration waits_for = std::chrono::seconds(40);          // who has asked and is heard no more
constexpr Duration reads_on_within = std::chrono::minutes(10);    // a tool that does not read on
constexpr Duration begins_within = std::chrono::seconds(2);
constexpr std::size_t most_waiters = 1024;
constexpr std::size_t most_told = 8192;  // keys that a tool was told of, to tell none twice

}  // namespace

// ---- for a tool

void Replicas::begin_watching(std::shared_ptr<Work> work) {
  const auto is_its = [&](const auto& each) { return each.second.connection == work->connection; };
  auto found = std::ranges::find_if(watchings_, is_its);
  if (found == watchings_.end()) {
    found = watchings_.emplace(++last_, Watching{}).first;
    found->second.connection = work->connection;
    found->second.begun = now_;
  }
  Watching& watching = found->second;
  watching.ring = std::get<Watch>(work->what).ring;
  watching.prefix = std::get<Watch>(work->what).prefix;
  watching.cursors.clear();
  for (const Cursor& cursor : std::get<Watch>(work->what).cursors)
    watching.cursors[cursor.joined] = cursor.change;
  watching.work = std::move(work);
  ask_changes(found->first);
}

void Replicas::ask_changes(std::uint64_t id) {
  Watching& watching = watchings_.at(id);
  watching.again = now_ + asked_again_every;
  if (!watch_at_ || watching.again < *watch_at_) watch_at_ = watching.again;
  const std::string& name = std::get<Watch>(watching.work->what).ring;
  const auto ring = rings_.find(name);
  if (ring == rings_.end()) return end_watching(watching, NoQuorum{"this host has left the ring"});
  for (const Host& host : ring->second.placement.all()) ask_changes_of(id, host);
}

void Replicas::ask_changes_of(std::uint64_t id, const Host& host) {
  const Watching& watching = watchings_.at(id);
  const auto& what = std::get<Watch>(watching.work->what);
  const auto cursor = watching.cursors.find(host.joined);
  const std::optional<std::uint64_t> since =
      cursor == watching.cursors.end() ? std::nullopt : std::optional(cursor->second);
  send(host.host, copies::AskChanges{id, what.ring, what.prefix, since});
}

// A question that was lost with the link is asked again, and before any other word to that host.
void Replicas::ask_changes_again(NodeId peer) {
  for (const auto& [id, watching] : watchings_) {
    const auto ring = rings_.find(watching.ring);
    if (!watching.work || ring == rings_.end()) continue;
    for (const Host& host : ring->second.placement.all()) {
      if (host.host == peer) ask_changes_of(id, host);
    }
  }
}

// Of such a key it is told that it is gone when it asks on, and not before. One that does not for long is
// waited for no more: nothing would ever go.
bool Replicas::has_watcher_behind(const std::string& name, const copies::KeyAndEntry& row) const {
  const auto knows = [&](const Watching& watching) {
    const auto told = watching.told.find(row.key);
    return told != watching.told.end() && merged(told->second, row.entry) == told->second;
  };
  return std::ranges::any_of(watchings_, [&](const auto& each) {
    const Watching& watching = each.second;
    return !watching.work && watching.ring == name && row.key.starts_with(watching.prefix) &&
           now_ - watching.answered < reads_on_within && !knows(watching);
  });
}

void Replicas::end_watching(Watching& watching, const Answer& answer) {
  tell(*watching.work, answer);
  watching.work.reset();
  watching.answered = now_;
}

void Replicas::receive(NodeId from, copies::ChangesAre&& message) {
  const auto found = watchings_.find(message.operation);
  if (found == watchings_.end() || !found->second.work || message.by.host != from) return;
  Watching& watching = found->second;
  watching.cursors[message.by.joined] = message.since;
  if (!watching.is_begun) return look_whether_begun(watching, false);
  Page page;
  for (copies::KeyAndEntry& row : message.rows) add_news(watching, std::move(row), page);
  if (page.rows.empty()) return ask_changes_of(found->first, message.by);
  end_watching(watching, with_cursors(watching, std::move(page)));
}

// What of it is new to the tool.
void Replicas::add_news(Watching& watching, copies::KeyAndEntry&& row, Page& page) const {
  if (is_foreign(row.key, watching.work->user, watching.work->all_users)) return;
  if (!watching.told.contains(row.key) && watching.told.size() >= most_told) watching.told.clear();
  Entry& told = watching.told[row.key];
  const Entry both = merged(told, row.entry);
  if (both == told) return;
  told = both;
  std::vector<Version> versions = both.versions;
  for (Version& version : versions) version.after.clear();
  page.rows.push_back({std::move(row.key), std::move(versions)});
}

Page Replicas::with_cursors(const Watching& watching, Page page) {
  for (const auto& [joined, change] : watching.cursors) page.cursors.push_back({joined, change});
  return page;
}

// From when on a tool is told: once so many hosts are listened to that no write ends without one of them. Who
// does not answer is listened to when it does.
void Replicas::look_whether_begun(Watching& watching, bool is_late) {
  const auto ring = rings_.find(std::get<Watch>(watching.work->what).ring);
  if (ring == rings_.end()) return;
  std::set<Host> answered;
  for (const Host& host : ring->second.placement.all()) {
    if (watching.cursors.contains(host.joined)) answered.insert(host);
  }
  const std::vector<ReplicaSet> arcs = ring->second.placement.arcs();
  const bool is_enough =
      std::ranges::all_of(arcs, [&](const ReplicaSet& set) { return set.can_read(answered); });
  if (!is_enough && !is_late) return;
  watching.is_begun = true;
  end_watching(watching, with_cursors(watching, {}));
}

void Replicas::tick_watching() {
  if (has_news_) {
    has_news_ = false;
    std::vector<std::pair<NodeId, std::uint64_t>> all;
    for (const auto& [asker, waiter] : waiters_) all.push_back(asker);
    for (const auto& asker : all) read_changes(asker);
  }
  if (!watch_at_ || now_ < *watch_at_) return;
  watch_at_.reset();
  for (auto& [id, watching] : watchings_) {
    if (!watching.work) continue;
    if (!watching.is_begun && watching.begun + begins_within <= now_) look_whether_begun(watching, true);
    if (!watching.work) continue;
    if (watching.again <= now_) ask_changes(id);
    if (!watching.work) continue;
    const Instant next = watching.is_begun ? watching.again : std::min(watching.again, now_ + begins_within);
    watch_at_ = watch_at_ ? std::min(*watch_at_, next) : next;
  }
}

// ---- for other hosts

void Replicas::receive(NodeId from, copies::AskChanges&& message) {
  const auto ring = rings_.find(message.ring);
  if (ring == rings_.end() || !is_complete(message.ring, ring->second)) return;
  std::erase_if(waiters_, [this](const auto& each) { return each.second.until <= now_; });
  const std::pair asker(from, message.operation);
  if (waiters_.size() >= most_waiters && !waiters_.contains(asker)) return;
  Waiter& waiter = waiters_[asker];
  waiter.ask = std::move(message);
  waiter.until = now_ + waits_for;
  read_changes(asker);
}

void Replicas::read_changes(const std::pair<NodeId, std::uint64_t>& asker) {
  Waiter& waiter = waiters_.at(asker);
  waiter.reads_again = waiter.is_reading;
  if (std::exchange(waiter.is_reading, true)) return;
  perform(ReadChanges{stored_ring(waiter.ask.ring), waiter.ask.prefix, waiter.ask.since, {}, 0, false},
          [this, asker, asked = waiter.ask.since](InnerWork& work) {
            const auto found = waiters_.find(asker);
            if (found == waiters_.end()) return;
            Waiter& waits = found->second;
            waits.is_reading = false;
            auto& read = std::get<ReadChanges>(work.what);
            const auto ring = rings_.find(waits.ask.ring);
            if (work.failed || ring == rings_.end() || own(ring->second) == nullptr) {
              waiters_.erase(found);
              return;
            }
            if (waits.ask.since != asked) return read_changes(asker);
            // What is kept in another host's place may be older than what the key's own hosts have told.
            const Placement& placement = ring->second.placement;
            std::erase_if(read.rows, [&](const Storage::Row& row) {
              return !COORD_RULE(ring_changes_are_told_by_the_keys_hosts,
                                 placement.of_key(row.key).is_kept_by(*own(ring->second)));
            });
            if (asked && read.rows.empty()) {
              waits.ask.since = read.last;
              if (waits.reads_again || read.more) read_changes(asker);
              return;
            }
            copies::ChangesAre answer{asker.second, *own(ring->second), read.last, {}};
            for (Storage::Row& row : read.rows)
              answer.rows.push_back({std::move(row.key), std::move(row.entry)});
            waiters_.erase(found);
            send(asker.first, std::move(answer));
          });
}

}  // namespace coord::ring
