// SPDX-License-Identifier: MIT
// What is written down during a run: the operations and how long they took, the messages by type, and what a
// drawing needs. A model (model.hpp) has one and tells it what it sees; no protocol knows of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::catalogue {

using OperationId = std::size_t;

// One bar of a Gantt chart.
struct Span {
  NodeId node;
  Instant from, to;
  std::string text;
  enum class Kind : std::uint8_t { waiting, working, other } kind = Kind::other;
};

class Book {
 public:
  struct Operation {
    NodeId node;
    Duration hold{};  // how long the user keeps what he gets
    enum class State : std::uint8_t {
      asked,     // its node has not begun with it yet
      begun,     //
      answered,  // the user has what he asked for
      over,      // and has given it back, or there is nothing to give back
      lost,      // its node crashed before: nobody waits for it any more
    } state = State::asked;
    Instant begun{}, answered{}, over{};
    bool excused = false;      // nothing is promised to its user
    std::uint64_t result = 0;  // a token, a value, a transaction's outcome: what the model means by it
  };

  // ---- by the runner
  OperationId ask(NodeId node, Duration hold);
  std::function<void(OperationId)>
      when_over;  // also when lost; called in the step of a node: do nothing but schedule

  // ---- by the model
  void begin(OperationId operation, Instant now);
  void answer(OperationId operation, Instant now, std::uint64_t result = 0);
  void end(OperationId operation, Instant now);        // answers it as well if nothing did
  void crashed(NodeId node);                           // all of its operations that are not over are lost
  void excuse(NodeId node) { excused_.insert(node); }  // nothing is promised to its user from now on
  void span(Span span) { spans_.push_back(std::move(span)); }
  // Of a tree that the protocol built for this operation. Only the first operation that has one is drawn.
  void parent(OperationId operation, NodeId child, NodeId parent);
  // `type` must outlive the book (a literal).
  void sent(std::string_view type);

  // ---- by reports
  const Operation& operation(OperationId id) const { return operations_.at(id); }
  const std::vector<Operation>& operations() const { return operations_; }
  std::uint64_t answered() const { return answered_; }
  std::uint64_t lost() const { return lost_; }  // before they were answered
  std::uint64_t unfinished() const;  // neither over nor lost, of users to whom something is promised
  bool all_over() const { return open_ == 0; }
  std::uint64_t messages() const { return messages_; }
  std::map<std::string, std::uint64_t> messages_by_type() const;
  std::vector<Duration> delays() const;  // from begun to answered, sorted
  // From one user's giving back to the next one's getting, where the next was waiting long before: the
  // synchronization delay (Singhal 1993). Sorted.
  std::vector<Duration> hand_overs() const;
  std::vector<Span> spans() const;  // of operations and what the model added, by node and time
  const std::map<NodeId, NodeId>& parents() const { return parents_; }

 private:
  void finish(OperationId id, Operation::State state);

  std::vector<Operation> operations_;
  std::uint64_t open_ = 0, answered_ = 0, lost_ = 0, messages_ = 0;
  std::set<NodeId> excused_;
  std::vector<Duration> hand_overs_;
  bool given_back_ = false;
  Instant last_given_back_{};
  std::vector<std::pair<std::string_view, std::uint64_t>> by_type_;  // few: looked up one by one
  std::vector<Span> spans_;
  std::optional<OperationId> tree_of_;
  std::map<NodeId, NodeId> parents_;
};

}  // namespace coord::catalogue
