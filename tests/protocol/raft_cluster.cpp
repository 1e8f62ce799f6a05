// SPDX-License-Identifier: MIT
#include "raft_cluster.hpp"

#include <algorithm>
#include <cstdio>

#include "base/check.hpp"
#include "protocol/raft/text.hpp"

namespace raft_test {

using std::chrono::milliseconds;

NodeId id_of(char name) {
  return NodeId{static_cast<std::uint64_t>(name - 'a' + 1)};
}
char name_of(NodeId id) {
  return id.value == 0 ? '-' : static_cast<char>('a' + id.value - 1);
}

Entry entry(std::uint64_t term, std::uint64_t index, const std::string& command) {
  const ByteView data = bytes_of(command);
  return {Term{term}, LogIndex{index}, EntryKind::command, Bytes(data.begin(), data.end())};
}

std::string command_of(const Entry& entry) {
  return std::string(entry.data.begin(), entry.data.end());
}

std::vector<Entry> entries_of_terms(const std::vector<std::uint64_t>& terms) {
  std::vector<Entry> entries;
  for (const std::uint64_t term : terms) {
    const std::uint64_t index = entries.size() + 1;
    entries.push_back(entry(term, index, "e" + std::to_string(index) + "t" + std::to_string(term)));
  }
  return entries;
}

namespace {

// The state machine's snapshot: every command with its place, one a line.
Bytes state_of(const std::map<LogIndex, std::string>& applied) {
  std::string text;
  for (const auto& [index, command] : applied) text += std::to_string(index.value) + " " + command + "\n";
  const ByteView data = bytes_of(text);
  return Bytes(data.begin(), data.end());
}

std::map<LogIndex, std::string> applied_in(const Snapshot& snapshot) {
  std::map<LogIndex, std::string> applied;
  const std::string text(snapshot.data.begin(), snapshot.data.end());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t space = text.find(' ', at);
    const std::size_t end = text.find('\n', space);
    applied[LogIndex{std::stoull(text.substr(at, space - at))}] = text.substr(space + 1, end - space - 1);
    at = end + 1;
  }
  return applied;
}

}  // namespace

void DiskImage::write(const Persist& persist) {
  if (persist.snapshot) {
    snapshot = persist.snapshot;
    entries.clear();
  }
  if (!persist.entries.empty()) {
    while (!entries.empty() && entries.back().index >= persist.first) entries.pop_back();
    entries.insert(entries.end(), persist.entries.begin(), persist.entries.end());
  }
  if (persist.hard_state) hard_state = *persist.hard_state;
}

bool DiskImage::holds(LogIndex index, Term term) const {
  if (snapshot && index <= snapshot->index) return true;
  return std::any_of(entries.begin(), entries.end(),
                     [&](const Entry& e) { return e.index == index && e.term == term; });
}

Cluster::Cluster(Options options) : options_(std::move(options)), random_(options_.seed) {
  std::map<NodeId, Incarnation> founders;
  for (std::size_t i = 0; i < options_.peers; ++i) {
    const char name = static_cast<char>('a' + i);
    Peer& peer = peers_[name];
    peer.disk.incarnation[0] = static_cast<std::uint8_t>(i + 1);
    founders[id_of(name)] = peer.disk.incarnation;
  }
  for (std::size_t i = options_.peers - options_.later; i < options_.peers; ++i)
    founders.erase(NodeId{i + 1});
  for (auto& [name, peer] : peers_) {
    if (options_.founded && founders.contains(id_of(name))) peer.disk.hard_state.founders = founders;
  }
  for (const char name : names()) start(name);
}

std::vector<char> Cluster::names() const {
  std::vector<char> out;
  for (const auto& [name, peer] : peers_) out.push_back(name);
  return out;
}

int Cluster::now_ms() const {
  return static_cast<int>(std::chrono::duration_cast<milliseconds>(now_.time_since_epoch()).count());
}

Duration Cluster::draw(Range range) {
  return random_.between(milliseconds(range.low), milliseconds(range.high));
}

// ---- what users and operators do

void Cluster::start(char name) {
  Peer& peer = peers_.at(name);
  Config config;
  config.self = id_of(name);
  for (std::size_t i = 0; i < options_.peers - options_.later; ++i) config.peers.push_back(NodeId{i + 1});
  config.incarnation = peer.disk.incarnation;
  config.rejoin = peer.rejoin;
  if (options_.tune) options_.tune(config);
  peer.applied.clear();
  peer.applied_index = LogIndex{};
  peer.applied_term = Term{};
  peer.applied_voters = Voters{};
  if (peer.disk.snapshot) {
    peer.applied = applied_in(*peer.disk.snapshot);
    peer.applied_index = peer.disk.snapshot->index;
    peer.applied_term = peer.disk.snapshot->term;
    peer.applied_voters = peer.disk.snapshot->voters;
  }
  peer.stalled = false;
  peer.raft =
      std::make_unique<Raft>(config, peer.disk.recovered(), Random(options_.seed * 1000 + ++starts_), now_);
}

void Cluster::crash(char name) {
  Peer& peer = peers_.at(name);
  note(std::string(1, name) + " crashes");
  peer.raft.reset();
  peer.writes.clear();
}

void Cluster::crash_after_writing(char name, std::size_t writes) {
  Peer& peer = peers_.at(name);
  for (std::size_t i = 0; i < std::min(writes, peer.writes.size()); ++i)
    peer.disk.write(peer.writes[i].second);
  crash(name);
}

void Cluster::wipe(char name) {
  Peer& peer = peers_.at(name);
  if (peer.raft) crash(name);
  peer.lost_disks.push_back(std::move(peer.disk));
  peer.disk = DiskImage{};
  for (auto& byte : peer.disk.incarnation) byte = static_cast<std::uint8_t>(random_.below(256));
}

void Cluster::resume(char name) {
  Peer& peer = peers_.at(name);
  peer.stalled = false;
  for (auto& [at, write] : peer.writes) at = std::max(at, now_);
}

void Cluster::propose(char name, const std::string& command) {
  const ByteView data = bytes_of(command);
  step(name, Propose{{Bytes(data.begin(), data.end())}});
}

std::uint64_t Cluster::read(char name) {
  const std::uint64_t id = ++read_ids_;
  reads_[id] = committed_.empty() ? LogIndex{} : committed_.rbegin()->first;
  step(name, Read{id});
  return id;
}

void Cluster::transfer(char name, char to) {
  step(name, TransferLeadership{to == 0 ? NodeId{} : id_of(to)});
}

void Cluster::change(char name, Step what, char whom) {
  step(name, ChangeMembers{{what, id_of(whom)}});
}

void Cluster::take_snapshot(char name) {
  Peer& peer = peers_.at(name);
  if (peer.applied_index.value == 0 || peer.raft->durable_index() < peer.applied_index) return;
  if (peer.disk.snapshot && peer.disk.snapshot->index >= peer.applied_index) return;
  const Snapshot snapshot{peer.applied_index, peer.applied_term, state_of(peer.applied), first_level,
                          peer.applied_voters};
  peer.disk.snapshot = snapshot;
  std::erase_if(peer.disk.entries, [&](const Entry& e) { return e.index <= snapshot.index; });
  step(name, SnapshotStored{snapshot});
}

void Cluster::cut_both(char one, char other) {
  cut(one, other);
  cut(other, one);
}

void Cluster::isolate(char name) {
  for (const char other : names()) {
    if (other != name) cut_both(name, other);
  }
}

// ---- time

void Cluster::run(int ms) {
  const Instant end = now_ + milliseconds(ms);
  for (auto at = next_time(); violation.empty() && at && *at <= end; at = next_time()) happen_at(*at);
  now_ = std::max(now_, end);
}

bool Cluster::run_until(const std::function<bool()>& holds, int limit_ms) {
  const Instant end = now_ + milliseconds(limit_ms);
  while (!holds()) {
    const auto at = next_time();
    if (!violation.empty()) return false;
    if (!at || *at > end) {
      now_ = end;
      return false;
    }
    happen_at(*at);
  }
  return true;
}

char Cluster::settle() {
  const bool settled = run_until([&] {
    if (!has_leader()) return false;
    const LogIndex all = raft(leader()).last_index();
    return all.value > 0 && std::all_of(peers_.begin(), peers_.end(), [&](const auto& p) {
             return p.second.raft == nullptr || p.second.applied_index == all ||
                    !raft(leader()).voters().has(id_of(p.first));
           });
  });
  COORD_CHECK(settled);
  run(100);
  return leader();
}

std::optional<Instant> Cluster::next_time() const {
  std::optional<Instant> next;
  const auto consider = [&](Instant at) { next = next ? std::min(*next, at) : at; };
  if (!flights_.empty()) consider(flights_.begin()->first.first);
  for (const auto& [name, peer] : peers_) {
    if (!peer.raft) continue;
    if (!peer.writes.empty() && !peer.stalled) consider(peer.writes.front().first);
    if (const auto deadline = peer.raft->deadline()) consider(*deadline);
  }
  if (next) next = std::max(*next, now_);
  return next;
}

// One thing happens: writes complete before messages arrive before timers ring.
void Cluster::happen_at(Instant at) {
  now_ = at;
  for (auto& [name, peer] : peers_) {
    if (peer.raft && !peer.stalled && !peer.writes.empty() && peer.writes.front().first <= now_) {
      return complete_writes(name);
    }
  }
  if (!flights_.empty() && flights_.begin()->first.first <= now_) {
    const Flight flight = flights_.begin()->second;
    flights_.erase(flights_.begin());
    if (!peers_.at(flight.to).raft) return;
    const bool quiet = std::holds_alternative<Heartbeat>(flight.message) ||
                       std::holds_alternative<HeartbeatReply>(flight.message);
    if (heartbeats_ || !quiet) {
      note(std::string(1, flight.from) + " > " + flight.to + " " + to_text(flight.message));
    }
    return step(flight.to, Receive{id_of(flight.from), flight.message});
  }
  for (auto& [name, peer] : peers_) {
    if (peer.raft && peer.raft->deadline() && *peer.raft->deadline() <= now_) return step(name, Tick{});
  }
}

void Cluster::complete_writes(char name) {
  Peer& peer = peers_.at(name);
  if (peer.fail_next_write) {
    peer.fail_next_write = false;
    peer.writes.clear();
    return step(name, PersistFailed{"log: fsync: Input/output error"});
  }
  const Persist write = peer.writes.front().second;
  peer.writes.erase(peer.writes.begin());
  peer.disk.write(write);
  step(name, Persisted{write.id});
}

void Cluster::post(char from, char to, Message message) {
  if (cuts_.contains({from, to}) || (drop_if && drop_if(from, to, message))) return;
  if (options_.level_one) {
    if (auto* beat = std::get_if<Heartbeat>(&message)) beat->disks.clear();
    if (auto* reply = std::get_if<HeartbeatReply>(&message)) reply->disk = DiskState::unknown;
  }
  if (!stream_cuts_.contains({from, to})) carry(from, to, message);
  const bool also = options_.datagrams && may_go_by_datagram(message);
  if (also && !datagram_cuts_.contains({from, to})) carry(from, to, message);
}

void Cluster::carry(char from, char to, const Message& message) {
  if (options_.drop > 0 && random_.chance(options_.drop)) return;
  const bool twice = options_.duplicate > 0 && random_.chance(options_.duplicate);
  if (twice) flights_[{now_ + draw(options_.latency), ++sequence_}] = {from, to, message};
  flights_[{now_ + draw(options_.latency), ++sequence_}] = {from, to, message};
}

void Cluster::step(char name, const Event& event) {
  Peer& peer = peers_.at(name);
  if (!peer.raft || !violation.empty()) return;
  ++steps_;
  for (Action& action : peer.raft->step(now_, event)) perform(name, action);
  check_step(name);
}

void Cluster::perform(char name, Action& action) {
  Peer& peer = peers_.at(name);
  const std::string who(1, name);
  if (auto* persist = std::get_if<Persist>(&action)) {
    Instant at = now_ + draw(options_.disk);
    if (!peer.writes.empty()) at = std::max(at, peer.writes.back().first);
    peer.writes.emplace_back(at, std::move(*persist));
  } else if (auto* send = std::get_if<Send>(&action)) {
    post(name, name_of(send->to), std::move(send->message));
  } else if (const auto* apply = std::get_if<Apply>(&action)) {
    for (const Entry& entry : apply->entries) check_apply(name, entry);
    note(who + " applies up to " + std::to_string(apply->entries.back().index.value));
  } else if (const auto* install = std::get_if<Install>(&action)) {
    peer.applied = applied_in(install->snapshot);
    peer.applied_index = install->snapshot.index;
    peer.applied_term = install->snapshot.term;
    peer.applied_voters = install->snapshot.voters;
    note(who + " starts again from the snapshot of " + std::to_string(install->snapshot.index.value));
  } else if (const auto* ready = std::get_if<ReadReady>(&action)) {
    peer.reads_ready.push_back(ready->id);
    check_read(name, *ready);
  } else if (const auto* dropped = std::get_if<ReadDropped>(&action)) {
    peer.reads_dropped.push_back(dropped->id);
  } else if (std::holds_alternative<ProposalDropped>(action)) {
    ++peer.proposals_dropped;
  } else if (const auto* role = std::get_if<RoleChanged>(&action)) {
    std::string line = who + " is " + to_text(role->role) + " in term " + std::to_string(role->term.value);
    if (role->leader.value != 0 && name_of(role->leader) != name)
      line += std::string(" of ") + name_of(role->leader);
    note(line);
  } else if (const auto* refused = std::get_if<Refused>(&action)) {
    peer.refused.push_back(refused->why);
    note(who + ": " + name_of(refused->peer) + " " + refused->why);
  } else if (const auto* halt = std::get_if<Halt>(&action)) {
    peer.halted = halt->why;
    note(who + " halts: " + halt->why);
  }
}

}  // namespace raft_test
