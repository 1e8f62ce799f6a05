// SPDX-License-Identifier: MIT
// The peers of a group, whole, for the simulator: each node is what coordd is without its sockets
// (node::Node on a store::Store on the virtual disk), and the tools of its host are played by Tools.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "node/node.hpp"
#include "sim/world.hpp"
#include "store/store.hpp"

namespace coord::sweep {

namespace engine = replica::engine;

// What a peer says of itself on its connections: a message belongs to one.
struct Greeting {
  Level level = first_level;  // all that follows is at most of it
  Level knows = first_level;  // the newest that its program knows
  std::uint64_t life = 0;

  bool operator==(const Greeting&) const = default;
};

// One life of one peer's process.
struct Peer {
  std::optional<store::Store> store;  // none: of a member that does not vote
  node::Node node;
  Greeting greeting;
  bool nearly_full = false;
  std::map<NodeId, Greeting> greeted{};  // by the others, in this life
  // Of what goes by connection in order (parts, the service too where so configured): so many to each, and so
  // many from each. A gap is a connection that broke.
  std::map<NodeId, std::uint64_t> sent{};
  std::map<NodeId, std::uint64_t> received{};
  std::map<NodeId, std::uint64_t> counted{};  // of those sent, without the snapshot's own
  // Of datagrams, where the cluster keeps order: a second copy is dropped, as net/replay_window.hpp does.
  std::map<NodeId, std::uint64_t> datagrams_sent{};
  std::map<NodeId, std::set<std::uint64_t>> datagrams_seen{};

  struct Work {  // as the store thread gets it: several writes may go in one batch, with one sync
    std::vector<replica::DiskJob> parts;
    bool skipped = false;
    std::optional<std::string> failure;
    bool nearly_full = false;
    bool waits = false;           // for room: its turn is still to come
    bool tries_again = false;     // has no part of its own: what waits is tried again
    std::vector<Work> done = {};  // of that, what had room
  };
  std::deque<Work> waiting{};        // for room on the disk, in order
  std::optional<Instant> look_at{};  // when to try again; none: it is being tried

  const replica::OrderedLog& log() const { return node.log(); }
  const replica::Replica* voter() const { return node.voter(); }  // null: it does not vote
  const replica::Replica& replica() const { return node.replica(); }
};

struct PeerMessage {
  std::variant<replica::PeerMessage, wire::ChannelMessage> body;
  Level level = first_level;
  Greeting greeting;
  node::Way way = node::Way::stream;  // by which it comes: to parts it is told
  std::uint64_t number = 0;           // on its connection, or of its datagrams; 0: it has no place
  Bytes colour{};                     // of a datagram
  std::uint64_t before = 0;           // so many went by the connection before that a watcher counts
  // What its sender would have said first on a connection that had come about just now.
  std::vector<wire::ChannelMessage> first{};
};

// Told of all that a peer says to its own host; Tools implements it.
class HostWatcher {
 public:
  virtual ~HostWatcher() = default;
  virtual void told(NodeId node, const replica::ToTool& answer) = 0;
  virtual void stop_command(NodeId node, const replica::StopCommand& stop) = 0;
  virtual void applied(NodeId node, const replica::Applied& applied) = 0;
  virtual void process_died(NodeId node) = 0;
  virtual void process_started(NodeId node) = 0;
  // A new process finds the record of this session; `connection` stands for it until its tool is back. Has it
  // a holder left?
  virtual bool taken_up(NodeId, SessionId, replica::ConnectionId) { return false; }
  virtual void voters_answered(NodeId, const replica::VotersAnswered&) {}
  virtual void voter_step(NodeId, const replica::VoterStep&) {}
  // A message of that other node is here.
  virtual void heard_of(NodeId, NodeId) {}
  // A command has got into an engine's log. A gateway may apply it, and begin to measure time by it, long
  // before it tells anybody so: while it asks whether this is the right log.
  virtual void put_into_log(const service::Command&) {}
  // The engine went back: what was done after its backup is in no log any more.
  virtual void log_was_restored() {}
};

// The engine that keeps the log of a cluster of gateways; VirtualEngine implements it.
class EngineHost {
 public:
  virtual ~EngineHost() = default;
  virtual void process_started(NodeId node) = 0;
  virtual void ask(NodeId node, replica::engine::Request request) = 0;
};

struct ClusterConfig {
  std::size_t nodes = 3;    // that found, and vote until that changes
  std::size_t members = 0;  // that came later, and forward: the nodes after those
  Level founded_at = first_level;
  bool engine = false;  // all are gateways: none keeps a log
  std::size_t seal_every_entries = 100;
  replica::Config replica;  // times and bounds; self and peers are filled in
  store::Options store;
  bool prepare_ahead = false;  // the store makes its next segment between writes
  bool ordered = false;        // the service's streams keep their order too, as TCP does
  bool in_bytes = false;       // messages between peers are encoded and decoded at their level
  node::MakeParts parts;       // beside the replicated service
};

// Told of the levels at which peers speak and apply; Levels implements it.
class LevelWatcher {
 public:
  virtual ~LevelWatcher() = default;
  virtual void began(NodeId node, const Peer& peer) = 0;  // a process
  virtual void sent(NodeId node, const PeerMessage& message) = 0;
  virtual void raised(NodeId node, const Peer& peer, Level level) = 0;  // its machine
};

class Cluster {
 public:
  using Node = Peer;
  using Message = PeerMessage;
  // What the tools of a host, and the operator, do to its peer.
  using Input = std::variant<replica::FromTool, replica::ToolGone, replica::HoldersGone, replica::Leave,
                             replica::AskVoters, replica::PutIntoLog, replica::FromEngine>;
  using Job = Peer::Work;

  explicit Cluster(ClusterConfig config)
      : rejoining(config.nodes + config.members + 1, false),
        keeps_log(rejoining.size(), false),
        knows(rejoining.size(), config.replica.level),
        config_(std::move(config)),
        kept_(knows.size()),
        memories_(knows.size()),
        complete_since_(knows.size()),
        disks_(knows.size()) {
    for (std::size_t i = 1; i <= config_.nodes; ++i) keeps_log[i] = true;
  }

  Result<std::unique_ptr<Peer>> start(Instant now, sim::Port<Cluster>& port);
  void on_message(Peer& peer, Instant now, NodeId from, Message message, sim::Port<Cluster>& port);
  void on_input(Peer& peer, Instant now, Input input, sim::Port<Cluster>& port);
  std::optional<Instant> deadline(const Peer& peer) const;
  void on_tick(Peer& peer, Instant now, sim::Port<Cluster>& port);
  void perform(Peer& peer, Job& job);
  void on_done(Peer& peer, Instant now, Job job, sim::Port<Cluster>& port);
  bool merge(Job& running_next, Job& waiting);
  void on_crash(NodeId node);
  std::string describe(const Message& message) const;

  const ClusterConfig& config() const { return config_; }
  std::size_t founders() const { return config_.nodes; }
  std::size_t nodes() const { return config_.nodes + config_.members; }

  const replica::EngineMemory& memory(NodeId node) const { return memories_.at(node.value); }
  void forget_memory(NodeId node) { memories_.at(node.value) = {}; }

  HostWatcher* watcher = nullptr;
  Duration wall_offset{};       // how wrong all wall clocks are
  std::vector<bool> rejoining;  // by node: the operator starts it with --rejoin
  // By node: what stands on its disk. It begins as a voter or learner does, or forwards.
  std::vector<bool> keeps_log;
  std::vector<Level> knows;  // by node: the newest level of the release that is installed there
  LevelWatcher* levels = nullptr;
  EngineHost* engine = nullptr;

 private:
  Result<std::unique_ptr<replica::OrderedLog>> open_log(Instant now, sim::Port<Cluster>& port,
                                                        std::optional<store::Store>& store);
  static void forget_what_is_new(raft::Message& message);
  void attempt(Peer& peer, Job& job);
  void look_for_room(Peer& peer, Instant now, sim::Port<Cluster>& port);
  void hear(Peer& peer, Instant now, NodeId from, Message message, sim::Port<Cluster>& port);
  void take_place(Peer& peer, Instant now, NodeId from, const Message& message, sim::Port<Cluster>& port);
  static void send_in_order(Peer& peer, NodeId to, Message message, sim::Port<Cluster>& port);
  void feed(Peer& peer, Instant now, node::NodeEvent&& event, sim::Port<Cluster>& port);
  void carry_out(Peer& peer, node::NodeActions actions, sim::Port<Cluster>& port);
  void perform(Peer& peer, replica::ServiceAction& action, sim::Port<Cluster>& port);
  void send(Peer& peer, replica::SendPeer&& action, sim::Port<Cluster>& port);
  void send(Peer& peer, node::SendOnChannel&& action, sim::Port<Cluster>& port);
  replica::Recovered recovered(NodeId node, std::uint64_t replaced);

  ClusterConfig config_;
  std::vector<std::map<SessionId, replica::HoldRecord>> kept_;  // by node: outlives its process
  std::vector<replica::EngineMemory> memories_;                 // likewise, of gateways
  std::vector<service::ClientId> complete_since_;               // with kept_
  std::vector<std::uint64_t> disks_;  // by node: how often its disk had been replaced when it last started
  std::uint64_t last_recovered_ = std::uint64_t{1} << 63U;
};

using World = sim::World<Cluster>;

// What a wall clock would show; protocols only pass it on.
WallTime wall_time(Instant world_now);

}  // namespace coord::sweep
