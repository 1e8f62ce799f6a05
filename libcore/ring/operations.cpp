// SPDX-License-Identifier: MIT
// What a tool asks of one key, done with a majority of its copies: how it goes on, reads and ends
// (writing.cpp: how it is stored).
#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

constexpr Duration again_every = std::chrono::milliseconds(500);
constexpr std::size_t asked_for_a_value = 10;                  // times, each of its holders
constexpr Duration others_wait_for = std::chrono::seconds(1);  // behind a write that goes on waiting

// A ring of this host alone: there is nothing to read. While the next one comes, only the command that has
// made the ring, which knows its first number, may say so: another one may speak of a disk that was lost.
bool has_founded(const Placement& placement, NodeId self, Token asked) {
  const Host* host = placement.member(self);
  if (host == nullptr) return false;
  const Hosts all = placement.all();
  if (!placement.is_changing())
    return all.size() == 1 && host->joined == placement.number() && asked == host->joined;
  const auto was_there = [&](const Host& each) {
    const Host* before = placement.earlier_member(each.host);
    return before != nullptr && *before == each;
  };
  return COORD_RULE(ring_founder_is_who_has_ordered_it, asked == host->joined) && was_there(*host) &&
         std::ranges::count_if(all, was_there) == 1;
}

}  // namespace

std::set<Host> Replicas::hosts_of(const std::map<Host, Entry>& seen) {
  std::set<Host> hosts;
  for (const auto& [host, what] : seen) hosts.insert(host);
  return hosts;
}

bool Replicas::writes(const Work& work) {
  return std::holds_alternative<Put>(work.what) || std::holds_alternative<Remove>(work.what);
}

Entry Replicas::all_of(const std::map<Host, Entry>& seen) {
  Entry all;
  for (const auto& [host, entry] : seen) all = merged(all, entry);
  return all;
}

void Replicas::begin(std::shared_ptr<Work> work) {
  if (const auto* wait = std::get_if<AwaitHandOver>(&work->what)) {
    // A host that hears of it later cannot tell yet whether it has a part in it, and in what.
    if (COORD_RULE_OR(ring_hand_over_is_judged_once_heard_of, wait->number > last_given_, false))
      return unheard_of_.push_back(std::move(work));
    const auto found = rings_.find(wait->ring);
    if (found == rings_.end()) return tell(*work, HandedOver{});
    const bool is_about_it = wait->number == Token{} || wait->number == found->second.placement.number();
    if (!wait->lost.empty() && is_about_it) {
      tick_at_ = now_;
      return begin_adopting(wait->ring, found->second, {wait->lost.begin(), wait->lost.end()}, work);
    }
    found->second.awaiting.emplace_back(wait->number, work);
    if (has_founded(found->second.placement, self_, wait->number) && !is_complete(wait->ring, found->second))
      set_member(wait->ring, own(found->second)->joined.value);
    return check_hand_over(wait->ring, found->second);
  }
  if (const auto* forget = std::get_if<Forget>(&work->what)) {
    if (!rings_.contains(forget->ring)) set_member(forget->ring, 0);
    return tell(*work, HandedOver{});
  }
  if (std::holds_alternative<CloseRing>(work->what)) return close(std::move(work));
  if (std::holds_alternative<List>(work->what)) return begin_listing(std::move(work));
  if (std::holds_alternative<Watch>(work->what)) return begin_watching(std::move(work));
  if (std::holds_alternative<AskTrace>(work->what)) return begin_trace(std::move(work));
  if (std::holds_alternative<AskFingers>(work->what)) return begin_fingers(std::move(work));
  const std::uint64_t id = ++last_;
  Operation operation;
  std::visit(
      [&](const auto& what) {
        operation.ring = what.ring;
        if constexpr (requires { what.key; }) operation.key = what.key;
        if constexpr (requires { what.patience; }) {
          if (what.patience) operation.until = now_ + *what.patience;
        }
      },
      work->what);
  // Whether all copies have what a session has seen tells nothing of a value.
  const bool is_hidden = !std::holds_alternative<AskEverywhere>(work->what) &&
                         is_foreign(operation.key, work->user, work->all_users);
  if (is_hidden) {
    released_ += work->value.size();
    if (!writes(*work)) return tell(*work, Absent{});
    return tell(*work, Refused{Why::foreign, "the key is another user's"});
  }
  operation.work = std::move(work);
  if (auto why = judge_copies(operation)) {
    released_ += operation.work->value.size();
    return tell(*operation.work, *why);
  }
  // One copy is enough: it needs no line, for it has one at that copy.
  const bool is_write = writes(*operation.work) && !operation.by_one;
  auto& line = writers_[{operation.ring, operation.key}];
  operations_.emplace(id, std::move(operation));
  tick_at_ = now_;
  if (is_write) line.push_back(id);
  if (!is_write && line.empty()) writers_.erase({operations_.at(id).ring, operations_.at(id).key});
  if (!is_write || COORD_RULE(ring_writes_of_a_key_in_line, line.front() == id)) start(id);
}

// How many copies are wanted, and whether it is done with a majority or by one of them.
std::optional<Refused> Replicas::judge_copies(Operation& operation) const {
  const Copies wanted = copies_of(*operation.work);
  operation.by_one = wants_one(*operation.work);
  if (wanted.count == 0 || operation.by_one) return std::nullopt;
  const ReplicaSet set = rings_.at(operation.ring).placement.of_key(operation.key);
  if (wanted.count > set.now.size())
    return Refused{Why::usage, fmt::format("a key has {} copies, not {}", set.now.size(), wanted.count)};
  operation.copies = wanted.count;
  operation.by_one = wanted.count < set.wanted();
  if (!operation.by_one || wanted.weak) return std::nullopt;
  return Refused{Why::usage,
                 fmt::format("fewer copies than {} of {} only with --weak: a get may not see them",
                             set.wanted(), set.now.size())};
}

void Replicas::start(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  operation.phase = Operation::Phase::reading;
  operation.number = {};
  operation.reads_since = now_;
  ask(id);
}

// It goes to the end of its line, and reads anew when it has its turn again.
void Replicas::let_others_pass(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  const auto line = writers_.find({operation.ring, operation.key});
  if (line == writers_.end() || line->second.size() < 2 || now_ - operation.reads_since < others_wait_for)
    return;
  std::erase(line->second, id);
  line->second.push_back(id);
  operation.phase = Operation::Phase::waiting;
  start(line->second.front());
}

// Whom it has to ask still; everybody, after a change of the ring.
void Replicas::ask(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  operation.again = now_ + again_every;
  const auto found = rings_.find(operation.ring);
  if (found == rings_.end()) return;
  const Placement& placement = found->second.placement;
  if (operation.number != placement.number()) {
    operation.number = placement.number();
    operation.set = placement.of_key(operation.key);
    operation.seen.clear();
    operation.stored.clear();
    operation.not_stored.clear();
    operation.lacking.clear();
    operation.is_nowhere_else = false;
    if (operation.phase == Operation::Phase::fetching) operation.phase = Operation::Phase::reading;
  }
  using Phase = Operation::Phase;
  if (operation.asks_elsewhere && !operation.is_nowhere_else && operation.phase == Phase::reading)
    ask_elsewhere(id);
  if (operation.by_one) return ask_one(id);
  if (operation.phase == Phase::reading) {
    for (const Host& host : operation.set.all()) {
      if (!operation.seen.contains(host))
        send(host.host, copies::AskEntry{id, operation.ring, operation.number, operation.key});
    }
  }
  if (operation.phase == Phase::storing) send_stores(id);
  if (operation.phase == Phase::fetching) fetch(id);
}

// Another one each time: the one before may be silent.
std::vector<copies::Holder> Replicas::holders_of(const Operation& operation) const {
  std::vector<copies::Holder> holders;
  for (const Version& version : operation.entry.versions) {
    if (version.removed) continue;
    if (operation.phase == Operation::Phase::storing && version.dot == operation.dot) {
      holders.push_back({version.dot, self_});
      continue;
    }
    std::vector<NodeId> hosts;
    for (const auto& [host, entry] : operation.seen) {
      if (entry.find(version.dot) != nullptr) hosts.push_back(host.host);
    }
    if (!hosts.empty()) holders.push_back({version.dot, hosts[operation.holder % hosts.size()]});
  }
  return holders;
}

void Replicas::go_on(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  if (!rings_.contains(operation.ring)) return;  // tick_operations() ends it
  if (operation.by_one) return go_on_with_one(id);
  if (const auto* everywhere = std::get_if<AskEverywhere>(&operation.work->what))
    return look_everywhere(id, everywhere->dots);
  const bool is_write = writes(*operation.work);
  if (operation.phase == Operation::Phase::reading && operation.set.can_read(hosts_of(operation.seen)) &&
      (is_write || operation.seen.size() >= operation.copies)) {
    if (is_write && !COORD_RULE(ring_named_versions_are_heard_of, knows_what_is_named(id)))
      return let_others_pass(id);
    if (is_write) return write(id);
    return answer_read(id);
  }
  if (operation.phase != Operation::Phase::storing) return;
  if (operation.set.is_written(operation.stored) &&
      lasting(operation.set, operation.stored) >= operation.copies)
    return stored(id);
  const Hosts all = operation.set.all();
  const bool all_have_answered = operation.stored.size() + operation.not_stored.size() == all.size();
  if (all_have_answered && is_hopeless(operation)) give_up(id);
}

// Of a version that no copy has heard of yet that a write names nothing could be replaced: it would stand
// beside the new one when it comes. Unless it was collected it is on its way to a majority, or on a copy that
// is away.
bool Replicas::knows_what_is_named(std::uint64_t id) {
  const Operation& operation = operations_.at(id);
  const auto* replaces = versions_named(*operation.work);
  return replaces == nullptr || all_of(operation.seen).has_heard_of_all(*replaces) || is_collected(id);
}

// ---- reading

// Who lacks it is sent it, and asked again.
void Replicas::look_everywhere(std::uint64_t id, const std::vector<Dot>& dots) {
  Operation& operation = operations_.at(id);
  if (operation.seen.size() < operation.set.all().size()) return;
  const Entry known = all_of(operation.seen);
  std::vector<Dot> left = dots;
  std::erase_if(left, [&](const Dot& dot) { return !known.has_heard_of(dot); });
  // What nobody has was removed, and that record was collected. The others are judged as if it had not been.
  if (left.size() < dots.size() && !is_collected(id)) return operation.seen.clear();
  if (!COORD_RULE_OR(ring_collected_versions_are_judged_singly, true, left.size() == dots.size()))
    return finish(id, HandedOver{});
  const auto has_them = [&](const auto& seen) { return seen.second.has_heard_of_all(left); };
  if (std::ranges::all_of(operation.seen, has_them)) return finish(id, HandedOver{});
  repair_copies(operation, all_of(operation.seen));
  std::erase_if(operation.seen, [&](const auto& seen) { return !has_them(seen); });
}

void Replicas::answer_read(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  operation.entry = all_of(operation.seen);
  repair_copies(operation, operation.entry);
  const auto& get = std::get<Get>(operation.work->what);
  Found found;
  found.versions = operation.entry.values();
  if (get.consistency == Consistency::causal) say_past(operation.entry, *operation.work, found);
  if (found.versions.empty()) return found.seen.empty() ? finish(id, Absent{}) : finish(id, std::move(found));
  const Version* wanted = nullptr;
  for (const Version& version : found.versions) {
    if (get.version ? version.dot == *get.version : found.versions.size() == 1) wanted = &version;
  }
  if (wanted == nullptr) {
    if (get.version) return finish(id, Absent{});
    return finish(id, std::move(found));
  }
  if (wanted->size <= get.offset) return finish(id, std::move(found));
  operation.dot = wanted->dot;
  operation.phase = Operation::Phase::fetching;
  operation.holder = 0;
  operation.again = now_ + again_every;
  fetch(id);
}

// One copy after the other that has said it has it.
void Replicas::fetch(std::uint64_t id) {
  Operation& operation = operations_.at(id);
  std::vector<NodeId> holders;
  for (const auto& [host, entry] : operation.seen) {
    if (entry.find(operation.dot) != nullptr) holders.push_back(host.host);
  }
  std::ranges::stable_partition(holders, [this](NodeId host) { return host == self_; });
  if (holders.empty()) return start(id);
  if (operation.holder == asked_for_a_value * holders.size()) {
    // None of them gives it: a disk cannot read it, or they are silent. Where one copy was
    // enough, the others.
    for (const auto& [host, entry] : operation.seen) operation.passed_over.insert(host);
    operation.heard = now_;
    return start(id);
  }
  const auto& get = std::get<Get>(operation.work->what);
  send(holders[operation.holder++ % holders.size()],
       copies::AskChunk{id, operation.ring, operation.key, operation.dot, get.offset});
}

void Replicas::repair_copies(const Operation& operation, const Entry& entry) {
  for (const auto& [host, has] : operation.seen) {
    if (has == entry || merged(has, entry) == has) continue;
    send(host.host,
         copies::Store{
             0, operation.ring, operation.number, operation.key, entry, holders_of(operation), {}, {}});
  }
}

// ---- the end

void Replicas::finish(std::uint64_t id, const Answer& answer) {
  tell(*operations_.at(id).work, answer);
  erase(id);
}

void Replicas::erase(std::uint64_t id) {
  const auto found = operations_.find(id);
  if (found == operations_.end()) return;
  const std::pair key{found->second.ring, found->second.key};
  released_ += found->second.work->value.size();
  if (found->second.phase == Operation::Phase::storing && !found->second.by_one)
    keep_unfinished(found->second);
  operations_.erase(found);
  const auto line = writers_.find(key);
  if (line == writers_.end()) return;
  std::erase(line->second, id);
  if (line->second.empty()) {
    writers_.erase(line);
  } else if (const std::uint64_t next = line->second.front();
             operations_.at(next).phase == Operation::Phase::waiting) {
    start(next);
  }
}

void Replicas::tick_operations() {
  // And whether they wait in line: the end of one is the turn of the next, which may have asked nobody yet.
  std::vector<std::pair<std::uint64_t, bool>> all;
  for (const auto& [id, operation] : operations_)
    all.emplace_back(id, operation.phase == Operation::Phase::waiting);
  for (const auto& [id, waits] : all) {
    const auto found = operations_.find(id);
    if (found == operations_.end()) continue;
    Operation& operation = found->second;
    const auto ring = rings_.find(operation.ring);
    const bool is_over = operation.until && *operation.until <= now_;
    if (is_over || ring == rings_.end()) {
      if (operation.phase == Operation::Phase::storing || operation.may_be_stored) {
        finish(id, partly(operation));
      } else if (ring != rings_.end() && is_closed(operation.ring, ring->second)) {
        finish(id, NoQuorum{"this host was about to leave the ring: `chordctl leave` here does so, and "
                            "`chordctl join` takes that back"});
      } else if (ring != rings_.end() && writes(*operation.work) && !operation.by_one &&
                 !is_complete(operation.ring, ring->second)) {
        finish(id, NoQuorum{"this host has not all that it is to keep yet: `chordctl join` here reads it"});
      } else if ((waits || operation.phase == Operation::Phase::waiting) &&
                 !(versions_named(*operation.work) != nullptr &&
                   operation.set.can_read(hosts_of(operation.seen)))) {
        finish(id, NoQuorum{"another write of the key by way of this host has its turn, and waits"});
      } else if (operation.by_one && versions_named(*operation.work) != nullptr &&
                 !(operation.seen.empty() && operation.passed_over.empty())) {
        finish(id,
               NoQuorum{"of the copies that answer none writes it: a version that is named may be unknown "
                        "to them"});
      } else if (versions_named(*operation.work) != nullptr && !operation.by_one &&
                 operation.set.can_read(hosts_of(operation.seen))) {
        finish(id, NoQuorum{fmt::format("a version that is named is unknown to {} of {} copies, and the "
                                        "others do not answer",
                                        operation.seen.size(), operation.set.all().size())});
      } else {
        finish(id, NoQuorum{fmt::format("too few of the key's copies answer: {} of {}", operation.seen.size(),
                                        operation.set.all().size())});
      }
    } else if (operation.again <= now_ && operation.phase == Operation::Phase::storing && !operation.by_one &&
               is_hopeless(operation)) {
      give_up(id);
    } else if (operation.again <= now_ && operation.phase != Operation::Phase::waiting) {
      ask(id);
      if (operations_.contains(id)) go_on(id);
    }
  }
}

}  // namespace coord::ring
