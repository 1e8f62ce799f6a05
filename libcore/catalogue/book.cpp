// SPDX-License-Identifier: MIT
#include "catalogue/book.hpp"

#include <algorithm>
#include <tuple>

namespace coord::catalogue {

using State = Book::Operation::State;

OperationId Book::ask(NodeId node, Duration hold) {
  Operation operation;
  operation.node = node;
  operation.hold = hold;
  operation.excused = excused_.contains(node);
  if (!operation.excused) ++open_;
  operations_.push_back(operation);
  return operations_.size() - 1;
}

void Book::parent(OperationId operation, NodeId child, NodeId parent) {
  if (!tree_of_) tree_of_ = operation;
  if (tree_of_ == operation) parents_[child] = parent;
}

void Book::begin(OperationId id, Instant now) {
  Operation& operation = operations_.at(id);
  if (operation.state != State::asked) return;
  operation.state = State::begun;
  operation.begun = now;
}

void Book::answer(OperationId id, Instant now, std::uint64_t result) {
  begin(id, now);
  Operation& operation = operations_.at(id);
  if (operation.state != State::begun) return;
  operation.state = State::answered;
  operation.answered = now;
  operation.result = result;
  ++answered_;
  // Who asked only just before pays for the way of its own request too: that is not the hand-over.
  if (given_back_ && operation.begun + 4 * (now - last_given_back_) <= last_given_back_)
    hand_overs_.push_back(now - last_given_back_);
}

void Book::end(OperationId id, Instant now) {
  answer(id, now);
  Operation& operation = operations_.at(id);
  if (operation.state != State::answered) return;
  operation.over = now;
  given_back_ = true;
  last_given_back_ = now;
  finish(id, State::over);
}

void Book::crashed(NodeId node) {
  for (OperationId id = 0; id < operations_.size(); ++id) {
    const Operation& operation = operations_[id];
    if (operation.node != node || operation.state >= State::over) continue;
    if (operation.state < State::answered) ++lost_;
    finish(id, State::lost);
  }
}

void Book::finish(OperationId id, State state) {
  operations_[id].state = state;
  if (!operations_[id].excused) --open_;
  if (when_over) when_over(id);
}

void Book::sent(std::string_view type) {
  ++messages_;
  for (auto& [known, count] : by_type_) {
    if (known.data() == type.data() || known == type) {
      ++count;
      return;
    }
  }
  by_type_.emplace_back(type, 1);
}

std::uint64_t Book::unfinished() const {
  return static_cast<std::uint64_t>(std::ranges::count_if(operations_, [](const Operation& operation) {
    return operation.state < State::over && !operation.excused;
  }));
}

std::map<std::string, std::uint64_t> Book::messages_by_type() const {
  std::map<std::string, std::uint64_t> all;
  for (const auto& [type, count] : by_type_) all[std::string(type)] += count;
  return all;
}

std::vector<Duration> Book::delays() const {
  std::vector<Duration> all;
  for (const Operation& operation : operations_) {
    if (operation.state == State::answered || operation.state == State::over)
      all.push_back(operation.answered - operation.begun);
  }
  std::ranges::sort(all);
  return all;
}

std::vector<Duration> Book::hand_overs() const {
  std::vector<Duration> all = hand_overs_;
  std::ranges::sort(all);
  return all;
}

std::vector<Span> Book::spans() const {
  std::vector<Span> all = spans_;
  for (const Operation& operation : operations_) {
    if (operation.state < State::answered || operation.state == State::lost) continue;
    if (operation.answered > operation.begun)
      all.push_back({operation.node, operation.begun, operation.answered, "waits", Span::Kind::waiting});
    if (operation.state == State::over && operation.over > operation.answered)
      all.push_back({operation.node, operation.answered, operation.over, "inside", Span::Kind::working});
  }
  std::ranges::stable_sort(all, {},
                           [](const Span& span) { return std::tuple(span.node, span.from, span.to); });
  return all;
}

}  // namespace coord::catalogue
