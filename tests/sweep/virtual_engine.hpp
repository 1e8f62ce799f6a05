// SPDX-License-Identifier: MIT
// An engine that others run, for the simulator: what an adapter of replica/engine_verbs.hpp tells, and does,
// when everything goes wrong that may.
//
// Requests are late, and of those that were under way when a connection broke some are carried out all the
// same, up to seconds later; nobody is told of what. What is told may be lost on its way without a word: the
// next thing told shows it. Connections break, one by one and all at once. It goes back to what it was a
// while ago, as after a restore from a backup: then hosts come whose gateways remember nothing, and a while
// later an operator begins a new era, as `coordd --new-epoch` does, and often a second one, before or after
// the first has ended, which may be killed on its way. What is read at first comes in pages, between which
// the log may be trimmed. Checked here: an entry is in the log once, and all that keep a state keep the same.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "replica/engine_log.hpp"
#include "replica/engine_verbs.hpp"
#include "sweep/cluster.hpp"

namespace coord::sweep {

class VirtualEngine : public EngineHost {
 public:
  struct Options {
    Duration cut_gap{};     // of one connection; 0: never
    Duration outage_gap{};  // of all
    double lost = 0;        // of what is told
    bool restored = false;  // once, from a backup
  };
  VirtualEngine(World& world, Cluster& cluster, std::uint64_t seed, const Options& options, Instant end);
  void begin();

  void ask(NodeId node, engine::Request request) override;
  void process_started(NodeId node) override;

  bool was_restored() const { return restored_; }
  // An operator is still on the way to a new era that grants.
  bool is_beginning_era() const;

 private:
  struct Item {
    bool seal = false;
    std::uint64_t epoch = 0;
    Bytes bytes;
  };
  struct Log {
    bool made = false;
    std::uint64_t position = 0;
    std::uint64_t epoch = 0;
    std::map<std::uint64_t, Item> items;                  // by position
    std::map<std::uint64_t, std::set<std::string>> keys;  // by epoch
    std::map<std::uint64_t, std::uint64_t> opened;        // where, by epoch
    std::uint64_t kept_epoch = 0;
    Bytes kept;
  };
  struct Link {
    bool up = false;
    std::uint64_t generation = 0;
    bool following = false;
    bool gap = false;
    std::uint64_t told = 0;
    std::uint64_t loads = 0;
    Instant asked_until, told_until;
  };
  struct Operator {  // its place is behind the last node's
    NodeId node;
    replica::EngineLog log;
    bool begun = false, dead = false;
  };

  Duration delay();
  void connect(NodeId node, Duration after);
  void cut(NodeId node, Duration length);
  void cuts(NodeId node);
  void outages();
  void restore();
  void come_anew(NodeId node);
  std::uint64_t index() const;  // of the last entry of ours
  void new_era();
  void operate(Operator& one);
  void perform(const Operator& one, const replica::Actions& actions);
  void input(NodeId node, const engine::Told& told);
  void tell(NodeId node, engine::Told what);
  void tell_all(std::uint64_t position, const Item& item);
  void carry_out(NodeId node, const engine::Request& request, bool answered);
  void load(NodeId node, const engine::Load& request);
  void page(NodeId node, std::uint64_t generation, std::uint64_t load, std::uint64_t ticket);
  void append(const engine::Append& request);
  void seal(const engine::Seal& request);
  void keep(const engine::Keep& request);
  void entered(const engine::Append& request);
  static engine::Told told_of(std::uint64_t after, std::uint64_t position, const Item& item);

  World& world_;
  Cluster& cluster_;
  Random random_;
  Options options_;
  Instant end_;
  Log log_;
  Log backup_;
  std::uint64_t backup_index_ = 0;
  bool restored_ = false;
  std::vector<std::unique_ptr<Operator>> operators_;
  std::size_t operators_to_come_ = 0;
  std::vector<Link> links_;                                          // by node
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;           // (client, sequence)
  std::map<std::pair<std::uint64_t, std::uint64_t>, Bytes> states_;  // by era and epoch
};

}  // namespace coord::sweep
