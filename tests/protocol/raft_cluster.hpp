// SPDX-License-Identifier: MIT
// A few Raft peers with a network and disks in virtual time, for scenarios that read like a protocol diagram.
//
// Peers are named a, b, c... Time is in milliseconds. Messages take `latency`, writes `disk`; both
// may be given a range, then they are drawn by the seed. After every step the invariants of the
// paper's figure 3 are checked against everything that was ever committed; the first violation is
// kept in `violation` and ends the run.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/raft/raft.hpp"

namespace raft_test {

using namespace coord;
using namespace coord::raft;

struct Range {
  int low = 0;
  int high = 0;
};

struct Options {
  std::size_t peers = 3;
  std::size_t later = 0;  // the last so many of them are no founders
  std::uint64_t seed = 1;
  Range latency{10, 10};
  Range disk{1, 1};
  double drop = 0;         // of messages
  double duplicate = 0;    // of messages
  bool founded = true;     // false: all start with empty disks
  bool datagrams = false;  // what may go by datagram goes both ways, each with its own fate
  bool level_one = false;  // nobody says anything about its disk
  std::function<void(Config&)> tune;
};

// What survives a crash of one peer.
struct DiskImage {
  Incarnation incarnation{};
  HardState hard_state;
  std::optional<Snapshot> snapshot;
  std::vector<Entry> entries;

  void write(const Persist& persist);
  Recovered recovered() const { return {hard_state, snapshot, entries}; }
  bool holds(LogIndex index, Term term) const;
};

struct Peer {
  std::unique_ptr<Raft> raft;  // null while crashed
  DiskImage disk;
  std::vector<DiskImage> lost_disks;  // an acknowledgement from before may still be on its way, and is good
  std::vector<std::pair<Instant, Persist>> writes;  // in flight: when each completes
  bool stalled = false;                             // writes complete only after resume
  bool fail_next_write = false;
  bool rejoin = false;
  std::map<LogIndex, std::string> applied;  // the state machine: every command in its place
  LogIndex applied_index;
  Term applied_term;
  Voters applied_voters;  // empty: the founders
  std::vector<std::uint64_t> reads_ready, reads_dropped;
  std::vector<std::string> refused;
  std::string halted;
  std::size_t proposals_dropped = 0;
};

class Cluster {
 public:
  explicit Cluster(Options options = {});

  // ---- time
  void run(int ms);                                                         // so long
  bool run_until(const std::function<bool()>& holds, int limit_ms = 5000);  // false: it did not happen
  int now_ms() const;

  char settle();  // until a leader is there, all have its no-op applied and all is quiet; it is returned

  // ---- what users and operators do
  void propose(char name, const std::string& command);
  std::uint64_t read(char name);
  void transfer(char name, char to);
  void change(char name, Step step, char whom);
  void take_snapshot(char name);  // of all that it has applied and that is durable there
  void crash(char name);          // writes in flight are lost
  void crash_after_writing(char name, std::size_t writes);  // but so many of them
  void start(char name);
  void wipe(char name);  // crashed: a new disk, another incarnation
  void stall(char name) { peer(name).stalled = true; }
  void resume(char name);
  void fill_disk(char name) { step(name, Room{false}); }
  void make_room(char name) { step(name, Room{true}); }

  // ---- the network
  void cut(char from, char to) { cuts_.insert({from, to}); }  // one way
  void cut_both(char one, char other);
  void isolate(char name);
  // One of the two ways only; the other goes on.
  void cut_stream(char from, char to) { stream_cuts_.insert({from, to}); }
  void cut_datagrams(char from, char to) { datagram_cuts_.insert({from, to}); }
  void heal() {
    cuts_.clear();
    stream_cuts_.clear();
    datagram_cuts_.clear();
  }
  void send_again(char from, char to, Message message) { post(from, to, std::move(message)); }
  std::function<bool(char from, char to, const Message&)> drop_if;  // a scenario's own loss
  double& drop() { return options_.drop; }
  Range& latency() { return options_.latency; }
  double& duplicate() { return options_.duplicate; }

  // ---- looking at it
  Peer& peer(char name) { return peers_.at(name); }
  Raft& raft(char name) { return *peers_.at(name).raft; }
  bool is_up(char name) { return peers_.at(name).raft != nullptr; }
  std::vector<char> names() const;
  char leader() const;  // of the highest term among those up; 0: none
  bool has_leader() const { return leader() != 0; }
  bool applied_everywhere(const std::string& command) const;
  bool has_applied(char name, const std::string& command) const;
  std::string trace() const;  // since the last call of forget_trace
  void forget_trace() { trace_.clear(); }
  void trace_heartbeats(bool on) { heartbeats_ = on; }
  std::string violation;
  std::set<std::string> committed_commands() const;
  std::size_t committed_changes() const;  // of the voters
  Random& random() { return random_; }
  std::size_t steps() const { return steps_; }

 private:
  struct Flight {
    char from = 0;
    char to = 0;
    Message message;
  };

  void step(char name, const Event& event);
  void perform(char name, Action& action);
  void post(char from, char to, Message message);
  void carry(char from, char to, const Message& message);
  std::optional<Instant> next_time() const;
  void happen_at(Instant at);
  void complete_writes(char name);
  void note(const std::string& line);
  void violated(const std::string& what);
  void check_step(char name);
  void check_apply(char name, const Entry& entry);
  void check_read(char name, const ReadReady& ready);
  bool is_held_by_majority(const Entry& entry, const Voters& voters) const;
  Duration draw(Range range);

  Options options_;
  Random random_;
  Instant now_{};
  std::map<char, Peer> peers_;
  std::map<std::pair<Instant, std::uint64_t>, Flight> flights_;
  std::uint64_t sequence_ = 0;
  std::uint64_t starts_ = 0;
  std::size_t steps_ = 0;
  std::set<std::pair<char, char>> cuts_, stream_cuts_, datagram_cuts_;
  std::vector<std::string> trace_;
  bool heartbeats_ = true;

  std::map<Term, char> leaders_;             // election safety
  std::map<LogIndex, Entry> committed_;      // what was ever applied anywhere
  std::map<std::uint64_t, LogIndex> reads_;  // the highest index committed when each read was asked
  std::uint64_t read_ids_ = 0;
};

NodeId id_of(char name);
char name_of(NodeId id);
Entry entry(std::uint64_t term, std::uint64_t index, const std::string& command = {});
std::string command_of(const Entry& entry);
// Entries with these terms from index 1 on, as the paper's figure 7 draws logs.
std::vector<Entry> entries_of_terms(const std::vector<std::uint64_t>& terms);

}  // namespace raft_test
