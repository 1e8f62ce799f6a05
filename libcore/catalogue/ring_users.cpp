// SPDX-License-Identifier: MIT
#include "catalogue/ring_users.hpp"

#include <algorithm>

#include "base/format.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using Kind = sim::RegisterOperation::Kind;
using Outcome = sim::Operation::Outcome;
using ring::Consistency;

constexpr std::size_t keys = 3;

Bytes bytes_of_value(std::uint64_t value) {
  return Bytes(value, static_cast<std::uint8_t>('a' + value % 26));
}

std::set<std::uint64_t> values_of(const std::vector<ring::Version>& versions) {
  std::set<std::uint64_t> values;
  for (const ring::Version& version : versions) {
    if (!version.removed) values.insert(version.size);
  }
  return values;
}

std::string listed(const std::set<std::uint64_t>& values) {
  std::string text;
  for (const std::uint64_t value : values) text += " " + std::to_string(value);
  return text.empty() ? " nothing" : text;
}

std::string milliseconds(Instant when) {
  return std::to_string((when - Instant{}) / 1ms);
}

}  // namespace

std::string RingUsers::key(std::uint64_t number) {
  return "k" + std::to_string(number % keys);
}

RingUsers::RingUsers(World world, std::uint64_t seed, Consistency level)
    : world_(std::move(world)), random_(seed ^ 0x7573657273U), level_(level) {}

// No two are the same, so each of two events is before the other one or behind it.
Instant RingUsers::stamp() {
  last_stamp_ = std::max(world_.now(), last_stamp_ + Duration{1});
  return last_stamp_;
}

RingUsers::Did RingUsers::begin(std::uint64_t client, const std::string& key) {
  Did did;
  did.client = client;
  did.name = key;
  did.start = stamp();
  return did;
}

void RingUsers::put_down(Did did) {
  did.end = stamp();
  history_.push_back(std::move(did));
}

std::optional<Duration> RingUsers::patience() {
  if (random_.chance(0.3)) return std::nullopt;
  return random_.between(300ms, 4s);
}

// Now and then its user gives up.
void RingUsers::ask(NodeId at, ring::Request what, Bytes value, Then then) {
  if (!random_.chance(0.05)) return world_.ask(at, std::move(what), std::move(value), std::move(then));
  world_.ask_shortly(at, std::move(what), std::move(value), random_.between(1ms, 300ms), std::move(then));
}

Bytes RingUsers::next_value(Did& did) {
  did.kind = Kind::write;
  did.value = ++last_value_;
  return bytes_of_value(did.value);
}

// False: nothing was read.
bool RingUsers::note_read(Did& did, const ring::Answer* answer) {
  if (answer == nullptr) return false;
  did.kind = Kind::read;
  did.outcome = Outcome::ok;
  did.whole = true;
  if (std::holds_alternative<ring::Absent>(*answer)) return true;
  const auto* found = std::get_if<ring::Found>(answer);
  if (found == nullptr) return false;
  for (const ring::Version& version : found->versions) {
    did.values.push_back(version.size);
    const std::pair seen{version.dot, version.size};
    auto& all = seen_[did.name];
    if (std::ranges::find(all, seen) == all.end()) all.push_back(seen);
  }
  if (found->versions.size() == 1 && found->chunk != bytes_of_value(did.values.front()))
    world_.object("values_are_whole", fmt::format("{} bytes of {} are given for another value",
                                                  found->chunk.size(), did.values.front()));
  return true;
}

void RingUsers::note_written(Did did, const ring::Answer* answer) {
  if (answer != nullptr && std::holds_alternative<ring::Absent>(*answer)) {
    did.kind = Kind::read;
    did.whole = true;
    did.supersedes.reset();
    did.outcome = Outcome::ok;
    // What one copy lacks another one may have: that is no read of the whole.
    if (level_ == Consistency::quorum) put_down(std::move(did));
    return;
  }
  if (answer == nullptr || std::holds_alternative<ring::Partly>(*answer)) {
    did.outcome = Outcome::unknown;
  } else if (std::holds_alternative<ring::Stored>(*answer)) {
    did.outcome = Outcome::ok;
  } else {
    did.outcome = Outcome::failed;
  }
  put_down(std::move(did));
}

// ---- without a session

// `final_level`: after all has come to rest.
void RingUsers::get(NodeId at, const std::string& key, std::optional<Consistency> final_level, Over over) {
  Did did = begin(++last_client_, key);
  const bool is_final = did.final = final_level.has_value();
  const ring::Get what{
      ring_name, key, {}, 0, is_final ? std::nullopt : patience(), final_level.value_or(level_), {}, {}};
  const auto then = [this, did, over = std::move(over)](const ring::Answer* answer) mutable {
    if (note_read(did, answer)) {
      if (did.final) last_read_[did.name] = {did.values.begin(), did.values.end()};
      if (did.final) ++final_reads_;
      put_down(std::move(did));
    }
    over();
  };
  is_final ? world_.ask(at, what, {}, then) : ask(at, what, {}, then);
}

// `names`: what it replaces, of what was read some time.
void RingUsers::write(NodeId at, const std::string& key, bool removes, bool names, Over over) {
  Did did = begin(++last_client_, key);
  std::optional<std::vector<ring::Dot>> replaces;
  if (names) {
    replaces.emplace();
    did.supersedes.emplace();
    for (const auto& [dot, value] : seen_[key]) {
      if (seen_[key].back().second != value && !random_.chance(0.3)) continue;
      replaces->push_back(dot);
      did.supersedes->push_back(value);
    }
  }
  Bytes value;
  did.kind = Kind::remove;
  if (!removes) value = next_value(did);
  ring::Request what = ring::Remove{ring_name, key, replaces, patience(), level_, {}, {}};
  if (!removes) what = ring::Put{ring_name, key, value.size(), {}, replaces, patience(), level_, {}, {}};
  ask(at, std::move(what), std::move(value),
      [this, did = std::move(did), over = std::move(over)](const ring::Answer* answer) mutable {
        note_written(std::move(did), answer);
        over();
      });
}

void RingUsers::act(NodeId at, Over over) {
  const std::string which = key(random_.next());
  if (level_ == Consistency::causal) {
    const auto free = std::ranges::find_if(clients_, [](const Client& each) { return !each.is_busy; });
    if (free == clients_.end()) return over();
    const auto client = static_cast<std::size_t>(free - clients_.begin());
    const double dice = random_.unit();
    if (dice < 0.5) return get_in_session(at, client, which, std::move(over));
    return put_in_session(at, client, which, std::move(over), dice < 0.6);
  }
  const double dice = random_.unit();
  if (dice < 0.35) return get(at, which, std::nullopt, std::move(over));
  const bool names = dice > 0.8 && !seen_[which].empty();
  write(at, which, dice < 0.47, names, std::move(over));
}

std::function<void()> RingUsers::one_more() {
  ++unfinished_;
  return [this] { --unfinished_; };
}

void RingUsers::put(NodeId at, const std::string& key) {
  write(at, key, false, false, one_more());
}

void RingUsers::remove(NodeId at, const std::string& key) {
  write(at, key, true, false, one_more());
}

void RingUsers::get(NodeId at, const std::string& key) {
  get(at, key, std::nullopt, one_more());
}

// ---- with a session, as chordctl does it

// Reads that key and all that it follows; what it is told then, or nothing.
void RingUsers::know(NodeId at, std::size_t client, const std::string& key, std::uint64_t offset,
                     Known then) {
  const ring::Session before = clients_[client].session;
  ring::Get what{ring_name, key, {}, offset, 2s, level_, {before.at_least(key), {}}, {}};
  world_.ask(at, std::move(what), {},
             [this, at, client, key, before, then = std::move(then)](const ring::Answer* answer) {
               const auto* found = answer == nullptr ? nullptr : std::get_if<ring::Found>(answer);
               if (found == nullptr) return then(answer);
               clients_[client].session.read(key, *found);
               follow(at, client, [this, client, before, kept = *answer, then](bool is_known) {
                 if (is_known) return then(&kept);
                 clients_[client].session = before;
                 then(nullptr);
               });
             });
}

void RingUsers::follow(NodeId at, std::size_t client, std::function<void(bool)> then) {
  const auto left = clients_[client].session.to_follow();
  if (left.empty()) return then(true);
  const std::string& key = left.front();
  ring::Get what{
      ring_name, key, {}, ring::largest_value, 2s, level_, {clients_[client].session.at_least(key), {}}, {}};
  world_.ask(at, std::move(what), {},
             [this, at, client, key, then = std::move(then)](const ring::Answer* answer) {
               if (answer == nullptr) return then(false);
               if (const auto* found = std::get_if<ring::Found>(answer)) {
                 clients_[client].session.read(key, *found);
               } else if (std::holds_alternative<ring::Absent>(*answer)) {
                 clients_[client].session.read_nothing(key);
               } else {
                 return then(false);
               }
               follow(at, client, then);
             });
}

void RingUsers::get_in_session(NodeId at, std::size_t client, const std::string& key, Over over) {
  clients_[client].is_busy = true;
  know(at, client, key, 0,
       [this, client, did = begin(client, key), over = std::move(over)](const ring::Answer* answer) mutable {
         if (note_read(did, answer)) put_down(std::move(did));
         end_of(client, over);
       });
}

void RingUsers::end_of(std::size_t client, const Over& over) {
  clients_[client].is_busy = false;
  over();
}

void RingUsers::put_in_session(NodeId at, std::size_t client, const std::string& key, Over over,
                               bool removes) {
  clients_[client].is_busy = true;
  const Over ends = [this, client, over = std::move(over)] { end_of(client, over); };
  Did did = begin(client, key);
  did.kind = Kind::remove;
  Bytes value;
  if (!removes) value = next_value(did);
  know(at, client, key, ring::largest_value,
       [this, at, client, key, did, value, removes, ends](const ring::Answer* known) {
         if (known == nullptr || std::holds_alternative<ring::NoQuorum>(*known)) return ends();
         const ring::Session& session = clients_[client].session;
         const ring::Past past{session.at_least(key), session.nearest(key)};
         ring::Request what = ring::Remove{ring_name, key, {}, 2s, level_, past, {}};
         if (!removes) what = ring::Put{ring_name, key, value.size(), {}, {}, 2s, level_, past, {}};
         ask(at, std::move(what), value, [this, client, key, did, past, ends](const ring::Answer* answer) {
           const auto* stored = answer == nullptr ? nullptr : std::get_if<ring::Stored>(answer);
           if (stored != nullptr) clients_[client].session.wrote(key, stored->dot, past.after);
           note_written(did, answer);
           ends();
         });
       });
}

// ---- watching

void RingUsers::watch(NodeId at) {
  watchers_.push_back({at, {}, {}, {}, false});
  go_on_watching(watchers_.size() - 1);
}

void RingUsers::go_on_watching(std::size_t watcher) {
  Watcher& mine = watchers_[watcher];
  world_.ask(mine.at, ring::Watch{ring_name, "k", {}, mine.cursors}, {}, [this, watcher](const auto* answer) {
    Watcher& told = watchers_[watcher];
    const auto* page = answer == nullptr ? nullptr : std::get_if<ring::Page>(answer);
    told.is_over = page == nullptr;
    if (page == nullptr) return;
    if (!told.begun) told.begun = stamp();
    told.cursors = page->cursors;
    for (const ring::Row& row : page->rows) told.told[row.key] = values_of(row.versions);
    go_on_watching(watcher);
  });
}

// ---- the end

void RingUsers::read_all(NodeId at, Consistency level) {
  for (std::size_t i = 0; i < keys; ++i) get(at, key(i), level, [] {});
}

void RingUsers::judge() {
  std::vector<std::pair<sim::Level, const char*>> levels{{sim::Level::eventual, "all_agree_in_the_end"}};
  if (level_ == Consistency::quorum) levels.emplace_back(sim::Level::regular, "histories_are_regular");
  if (level_ == Consistency::causal) levels.emplace_back(sim::Level::causal, "histories_are_causal");
  for (const auto& [level, check] : levels) {
    const auto verdict = sim::check_level(history_, level);
    if (!verdict || verdict->kept) continue;
    std::string why = verdict->name + ": " + verdict->explanation;
    for (const std::size_t place : verdict->offending) why += "; " + history_[place].text();
    return world_.object(check, std::move(why));
  }
}

void RingUsers::judge_watchers() {
  for (const Watcher& watcher : watchers_) {
    if (watcher.is_over || !watcher.begun) continue;
    for (const auto& [key, told] : watcher.told) {
      if (told != last_read_[key])
        return world_.object(
            "watchers_are_told_the_last",
            fmt::format("at node {} of {}, since {} ms: told{}, and there is{}", watcher.at.value, key,
                        milliseconds(*watcher.begun), listed(told), listed(last_read_[key])));
    }
    for (const Did& did : history_) {
      if (did.kind != Kind::read && did.outcome == Outcome::ok && did.start > *watcher.begun &&
          !watcher.told.contains(did.name))
        return world_.object("watchers_are_told_the_last",
                             fmt::format("at node {} nothing was told of: {}", watcher.at.value, did.text()));
    }
  }
}

}  // namespace coord::catalogue
