// The simple objects that histories are compared with: one state, one operation at a time. For
// linearizability.cpp. after() gives the state that follows, or nothing if the object could not have answered
// so.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/linearizability.hpp"

namespace coord::sim {

// A word at a time into 128 bits; for telling configurations apart, not against an adversary.
class Digest {
 public:
  void add(std::uint64_t word) {
    low_ = mix(low_ ^ word);
    high_ = mix(high_ + word + 0x9e3779b97f4a7c15U);
  }
  std::uint64_t low() const { return low_; }
  std::uint64_t high() const { return high_; }

 private:
  static std::uint64_t mix(std::uint64_t z) {  // SplitMix64's
    z += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }
  std::uint64_t low_ = 0x243f6a8885a308d3U;
  std::uint64_t high_ = 0x13198a2e03707344U;
};

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

}  // namespace coord::sim
