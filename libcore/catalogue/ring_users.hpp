// SPDX-License-Identifier: MIT
// People who use a simulated ring at the one level that a run has: they put, get and remove a few keys at
// whatever host, with sessions or without, name what they replace, give up, and watch. What they were told is
// written down, and judged in the end by the level's model (sim/register_levels.hpp).
//
// A value is as many bytes long as its number says, so a listing of versions tells which ones they are.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "ring/session.hpp"
#include "sim/register_levels.hpp"

namespace coord::catalogue {

inline constexpr char ring_name[] = "r";

class RingUsers {
 public:
  using Then = std::function<void(const ring::Answer*)>;  // nullptr: nobody will ever know
  struct World {
    std::function<Instant()> now;
    std::function<void(NodeId at, ring::Request what, Bytes value, Then then)> ask;
    // Its tool ends after that time, unless it was answered before.
    std::function<void(NodeId at, ring::Request what, Bytes value, Duration patience, Then then)> ask_shortly;
    std::function<void(std::string check, std::string why)> object;
  };
  RingUsers(World world, std::uint64_t seed, ring::Consistency level);

  // One of them does something at that host; `over` is called when that has ended.
  void act(NodeId at, std::function<void()> over);
  // Called when what was asked has ended: until then it counts as unfinished.
  std::function<void()> one_more();
  std::size_t unfinished() const { return unfinished_; }
  // Just that, as long as it takes.
  void put(NodeId at, const std::string& key);
  void remove(NodeId at, const std::string& key);
  void get(NodeId at, const std::string& key);
  // That client, with its session.
  void put_in_session(NodeId at, std::size_t client, const std::string& key, std::function<void()> over,
                      bool removes = false);
  void get_in_session(NodeId at, std::size_t client, const std::string& key, std::function<void()> over);
  static std::string key(std::uint64_t number);       // one of a few
  void watch(NodeId at);                              // until that host ends, or leaves the ring
  void read_all(NodeId at, ring::Consistency level);  // after all has come to rest

  ring::Consistency level() const { return level_; }
  std::size_t final_reads() const { return final_reads_; }
  void judge();           // the history
  void judge_watchers();  // what they were told last is what was read at last

 private:
  using Did = sim::RegisterOperation;
  struct Client {
    ring::Session session;
    bool is_busy = false;
  };
  struct Watcher {
    NodeId at;
    std::optional<Instant> begun;
    std::vector<ring::Cursor> cursors;
    std::map<std::string, std::set<std::uint64_t>> told;
    bool is_over = false;
  };
  using Over = std::function<void()>;
  using Known = std::function<void(const ring::Answer*)>;

  Instant stamp();
  Did begin(std::uint64_t client, const std::string& key);
  void put_down(Did did);
  std::optional<Duration> patience();
  void ask(NodeId at, ring::Request what, Bytes value, Then then);
  Bytes next_value(Did& did);
  bool note_read(Did& did, const ring::Answer* answer);
  void note_written(Did did, const ring::Answer* answer);
  void get(NodeId at, const std::string& key, std::optional<ring::Consistency> final_level, Over over);
  void write(NodeId at, const std::string& key, bool removes, bool names, Over over);
  void end_of(std::size_t client, const Over& over);
  void know(NodeId at, std::size_t client, const std::string& key, std::uint64_t offset, Known then);
  void follow(NodeId at, std::size_t client, std::function<void(bool)> then);
  void go_on_watching(std::size_t watcher);

  World world_;
  Random random_;
  ring::Consistency level_;
  std::vector<Client> clients_{3};
  std::vector<Watcher> watchers_;
  std::vector<Did> history_;
  // Versions that somebody has read, and their values.
  std::map<std::string, std::vector<std::pair<ring::Dot, std::uint64_t>>> seen_;
  std::map<std::string, std::set<std::uint64_t>> last_read_;  // finally
  std::uint64_t last_value_ = 0, last_client_ = 100;
  std::size_t final_reads_ = 0, unfinished_ = 0;
  Instant last_stamp_{};
};

}  // namespace coord::catalogue
