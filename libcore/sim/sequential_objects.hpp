// SPDX-License-Identifier: MIT
// The simple objects that histories are compared with: one state, one operation at a time.
// For linearizability.cpp. after() gives the state that follows, or nothing if the object
// could not have answered so.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/digest_set.hpp"
#include "sim/linearizability.hpp"

namespace coord::sim {

// Does it leave the object as it is? Where such an operation fits it may be placed at once, and nothing else
// need be tried in its place: any order that has it later also explains the answers with it moved here.
inline bool changes_nothing(const Operation& operation) {
  return operation.outcome == Operation::Outcome::failed ||
         (operation.outcome == Operation::Outcome::ok && operation.kind == Operation::Kind::read);
}

class SequentialRegister {
 public:
  struct State {
    std::uint64_t value = 0;
  };

  explicit SequentialRegister(const LinearizabilityOptions&) {}

  std::optional<State> after(const State& state, const Operation& operation) const {
    const bool failed = operation.outcome == Operation::Outcome::failed;
    switch (operation.kind) {
      case Operation::Kind::write:
        return failed ? state : State{operation.value};
      case Operation::Kind::read:
        if (!failed && state.value != operation.value) return std::nullopt;
        return state;
      case Operation::Kind::compare_swap:
        if (failed == (state.value == operation.expected)) return std::nullopt;
        return failed ? state : State{operation.value};
      default:
        return std::nullopt;  // a register knows no such operation
    }
  }
  void digest(const State& state, Digest& digest) const { digest.add(state.value); }
  std::string text(const State& state) const { return "the register held " + std::to_string(state.value); }
};

class SequentialLock {
 public:
  struct Holder {
    std::uint64_t client = 0;
    std::uint64_t token = 0;  // 0: not known
    auto operator<=>(const Holder&) const = default;
  };
  struct State {
    std::vector<Holder> holders;  // sorted; one if exclusive
    bool exclusive = false;
    std::uint64_t last_token = 0;
  };

  explicit SequentialLock(const LinearizabilityOptions& options)
      : refusals_need_holder_(options.refusals_need_holder) {}

  std::optional<State> after(const State& state, const Operation& operation) const {
    switch (operation.kind) {
      case Operation::Kind::acquire:
        return acquired(state, operation, true);
      case Operation::Kind::acquire_shared:
        return acquired(state, operation, false);
      case Operation::Kind::release:
        return released(state, operation);
      case Operation::Kind::expire:
        return without(state, operation).value_or(state);
      default:
        return std::nullopt;  // a lock knows no such operation
    }
  }
  void digest(const State& state, Digest& digest) const {
    digest.add(state.last_token);
    digest.add(state.exclusive ? 1 : 0);
    for (const Holder& holder : state.holders) {
      digest.add(holder.client);
      digest.add(holder.token);
    }
  }
  std::string text(const State& state) const {
    if (state.holders.empty()) return "nobody held the lock, last token " + std::to_string(state.last_token);
    std::string line = "the lock was held by";
    for (const Holder& holder : state.holders) {
      line += " client " + std::to_string(holder.client) + " (token " + std::to_string(holder.token) + ")";
    }
    return line;
  }

 private:
  std::optional<State> acquired(const State& state, const Operation& operation, bool exclusive) const {
    const bool possible = state.holders.empty() || (!exclusive && !state.exclusive);
    if (operation.outcome == Operation::Outcome::failed) {
      if (possible && refusals_need_holder_) return std::nullopt;
      return state;
    }
    if (!possible || (operation.value != 0 && operation.value <= state.last_token)) return std::nullopt;
    State next = state;
    const Holder holder{operation.client, operation.value};
    next.holders.insert(std::upper_bound(next.holders.begin(), next.holders.end(), holder), holder);
    next.exclusive = exclusive;
    next.last_token = std::max(state.last_token, operation.value);
    return next;
  }

  std::optional<State> released(const State& state, const Operation& operation) const {
    const auto next = without(state, operation);
    if (operation.outcome != Operation::Outcome::failed) return next;
    return next ? std::nullopt : std::optional<State>(state);  // refused: it held nothing
  }

  // The state without what the operation's client holds under its token; nothing if it holds nothing.
  static std::optional<State> without(const State& state, const Operation& operation) {
    const auto held = std::find_if(state.holders.begin(), state.holders.end(), [&](const Holder& holder) {
      return holder.client == operation.client &&
             (holder.token == operation.value || holder.token == 0 || operation.value == 0);
    });
    if (held == state.holders.end()) return std::nullopt;
    State next = state;
    next.holders.erase(next.holders.begin() + (held - state.holders.begin()));
    return next;
  }

  bool refusals_need_holder_;
};

// States share what was put in: a node for every value, with the way back to the one before it and a jump
// farther back, so that the front is found in a logarithmic number of steps (Myers, "An Applicative
// Random-Access Stack", 1983) and a state is three numbers.
class SequentialQueue {
 public:
  struct State {
    std::uint32_t last = 0;     // the node put in last; 0: none ever
    std::uint64_t taken = 0;    // how many were taken out
    std::uint64_t content = 0;  // a polynomial in the values, times base^taken
  };

  explicit SequentialQueue(const LinearizabilityOptions&) : nodes_(1) {}

  std::optional<State> after(const State& state, const Operation& operation) const {
    const bool failed = operation.outcome == Operation::Outcome::failed;
    const bool is_empty = nodes_[state.last].depth == state.taken;
    switch (operation.kind) {
      case Operation::Kind::enqueue:
        return failed ? state : with(state, operation.value);
      case Operation::Kind::dequeue: {
        if (failed || is_empty) return failed && is_empty ? std::optional(state) : std::nullopt;
        const std::uint64_t front = nodes_[ancestor(state.last, state.taken + 1)].value;
        // Without an answer nobody knows which value it took: the front, whatever that was.
        if (operation.outcome == Operation::Outcome::ok && front != operation.value) return std::nullopt;
        return State{state.last, state.taken + 1, state.content - mixed(front) * power(state.taken)};
      }
      default:
        return std::nullopt;  // a queue knows no such operation
    }
  }
  // Of what is in it and in which order, not of what was taken out before.
  void digest(const State& state, Digest& digest) const {
    digest.add(nodes_[state.last].depth - state.taken);
    digest.add(state.content * inverse_power(state.taken));
  }
  std::string text(const State& state) const {
    const std::uint64_t length = nodes_[state.last].depth - state.taken;
    if (length == 0) return "the queue was empty";
    return "the queue held " + std::to_string(length) + ", first " +
           std::to_string(nodes_[ancestor(state.last, state.taken + 1)].value);
  }

 private:
  struct Node {
    std::uint64_t value = 0;
    std::uint64_t depth = 0;
    std::uint32_t before = 0, jump = 0;
  };
  static constexpr std::uint64_t base = 0x9e3779b97f4a7c15U;     // odd: it has an inverse
  static constexpr std::uint64_t inverse = 0xf1de83e19937733dU;  // of base, modulo 2^64
  static_assert(base * inverse == 1);

  static std::uint64_t raised(std::uint64_t number, std::uint64_t exponent) {
    std::uint64_t result = 1;
    for (; exponent > 0; exponent >>= 1U, number *= number)
      if ((exponent & 1U) != 0) result *= number;
    return result;
  }
  static std::uint64_t power(std::uint64_t exponent) { return raised(base, exponent); }
  static std::uint64_t inverse_power(std::uint64_t exponent) { return raised(inverse, exponent); }
  static std::uint64_t mixed(std::uint64_t value) {
    Digest digest;
    digest.add(value);
    return digest.low();
  }

  State with(const State& state, std::uint64_t value) const {
    const Node& last = nodes_[state.last];
    const Node& farther = nodes_[last.jump];
    Node node{value, last.depth + 1, state.last, state.last};
    if (last.depth - farther.depth == farther.depth - nodes_[farther.jump].depth) node.jump = farther.jump;
    const State next{static_cast<std::uint32_t>(nodes_.size()), state.taken,
                     state.content + mixed(value) * power(last.depth)};
    nodes_.push_back(node);
    return next;
  }
  std::uint32_t ancestor(std::uint32_t at, std::uint64_t depth) const {
    while (nodes_[at].depth > depth)
      at = nodes_[nodes_[at].jump].depth >= depth ? nodes_[at].jump : nodes_[at].before;
    return at;
  }

  mutable std::vector<Node> nodes_;  // [0]: before the first
};

}  // namespace coord::sim
