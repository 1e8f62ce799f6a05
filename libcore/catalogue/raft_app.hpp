// SPDX-License-Identifier: MIT
// The Raft of coordd in the simulator, as a story needs it: who leads when, what was committed when, and what
// the logs hold. A group that was founded before; a disk that takes two milliseconds for each write; users
// who ask one node once. Nobody crashes here: that is what tests/sweep is for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "catalogue/book.hpp"
#include "protocol/raft/raft.hpp"
#include "sim/world.hpp"

namespace coord::catalogue {

class RaftApp {
 public:
  struct Node {
    raft::Raft raft;
  };
  using Message = raft::Message;
  struct Command {
    std::string text;
  };
  using Input = std::variant<Command, raft::Persisted>;
  using Job = sim::NoJob;
  using Port = sim::Port<RaftApp>;
  using World = sim::World<RaftApp>;

  RaftApp(std::size_t nodes, std::uint64_t seed) : nodes_(nodes), seed_(seed) {}

  // ---- what the world calls
  Result<std::unique_ptr<Node>> start(Instant now, Port& port);
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port);
  void on_input(Node& node, Instant now, Input input, Port& port);
  std::optional<Instant> deadline(const Node& node) const { return node.raft.deadline(); }
  void on_tick(Node& node, Instant now, Port& port);
  std::string describe(const Message& message) const;

  // ---- what came of it
  struct View {
    Instant since;
    raft::Role role = raft::Role::follower;
    Term term;
    NodeId leader;  // 0: not known
  };
  const std::vector<View>& views(NodeId node) { return views_[node]; }  // in the order of time
  // When `node` became leader the last time; nothing: never.
  std::optional<Instant> leads_since(NodeId node);
  // When `node` applied this command: committed, and known to be.
  std::optional<Instant> applied(NodeId node, const std::string& command) const;
  std::uint64_t pre_votes_granted() const { return pre_votes_granted_; }
  std::uint64_t pre_votes_refused() const { return pre_votes_refused_; }
  // Who leads, who follows whom and who knows of no leader, as bars until `end`.
  std::vector<Span> spans(Instant end) const;

 private:
  void perform(Node& node, Instant now, const raft::Event& event, Port& port);
  void role_changed(NodeId node, Instant when, const raft::RoleChanged& what);

  std::size_t nodes_;
  std::uint64_t seed_;
  std::map<NodeId, std::vector<View>> views_;
  std::map<std::pair<NodeId, std::string>, Instant> applied_;
  std::uint64_t pre_votes_granted_ = 0, pre_votes_refused_ = 0;
};

}  // namespace coord::catalogue
