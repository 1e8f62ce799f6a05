// SPDX-License-Identifier: MIT
// The search for an order of all operations in which each client's are as it made them. Depth first
// over how far each client is, the client whose next operation started first going first; every
// (places, states) is tried once.
#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "base/format.hpp"
#include "sim/linearizability.hpp"
#include "sim/sequential_objects.hpp"

namespace coord::sim {

namespace {

using Outcome = Operation::Outcome;
using Answer = LinearizabilityVerdict::Answer;

template <class Object>
class SequentialSearch {
 public:
  SequentialSearch(const std::vector<Operation>& history, const LinearizabilityOptions& options)
      : history_(history) {
    std::map<std::uint64_t, std::size_t> clients;
    std::map<std::string, std::size_t> names;
    for (std::size_t i = 0; i < history.size(); ++i) {
      const auto client = clients.emplace(history[i].client, clients.size()).first->second;
      const auto name = names.emplace(history[i].name, names.size()).first->second;
      if (client == order_.size()) order_.emplace_back();
      if (name == objects_.size()) objects_.emplace_back(options);
      order_[client].push_back(i);
      object_of_.push_back(name);
    }
    for (auto& operations : order_)
      std::ranges::stable_sort(operations, {}, [&](std::size_t i) { return history_[i].start; });
    values_.resize(objects_.size());
    for (std::size_t i = 0; i < history.size(); ++i) {
      if (is_read(history[i])) ++values_[object_of_[i]][history[i].value].reads_left;
      if (is_write(history[i])) ++values_[object_of_[i]][history[i].value].writes;
    }
    tokens_.resize(objects_.size());
    tokens_placed_.resize(objects_.size());
    for (std::size_t i = 0; i < history.size(); ++i)
      if (has_token(history[i])) tokens_[object_of_[i]].push_back(history[i].value);
    for (auto& tokens : tokens_) std::ranges::sort(tokens);
    place_.resize(order_.size());
    states_.resize(objects_.size());
    for (std::size_t i = 0; i < history.size(); ++i)
      if (history[i].outcome != Operation::Outcome::unknown) ++left_;
  }

  Answer run(std::uint64_t budget, const std::function<void(const CheckSoFar&)>& told) {
    constexpr std::uint64_t seldom = 4096;
    std::uint64_t tried = 0;
    steps_.push_back(choices());
    while (left_ > 0) {
      Step& step = steps_.back();
      if (step.next == step.choices.size()) {
        remember_stuck();
        if (steps_.size() == 1) return Answer::no;
        steps_.pop_back();
        take_back(steps_.back());
        continue;
      }
      const Choice choice = step.choices[step.next++];
      if (!apply(step, choice)) continue;
      if (budget-- == 0) return Answer::undecided;
      if (++tried % seldom == 0 && told) told({steps_.size(), tried});
      steps_.push_back(choices());
    }
    return Answer::yes;
  }
  const std::vector<std::size_t>& stuck() const { return stuck_; }

 private:
  using State = typename Object::State;
  struct Choice {
    std::size_t client = 0;
    bool takes_effect = true;  // an operation without an answer may also never do so
  };
  struct Step {
    std::vector<Choice> choices;
    std::size_t next = 0;
    State before{};  // of the object that the choice taken has changed
  };

  // Tokens of a lock increase: so the grant with the smallest that is left comes next, and no other.
  static bool has_token(const Operation& operation) {
    return operation.outcome == Outcome::ok && operation.value != 0 &&
           (operation.kind == Operation::Kind::acquire || operation.kind == Operation::Kind::acquire_shared);
  }
  // A value that is written once does not come back: so it is not written over while reads of it are left.
  static bool is_read(const Operation& operation) {
    return operation.outcome == Outcome::ok && operation.kind == Operation::Kind::read;
  }
  static bool is_write(const Operation& operation) {
    return operation.outcome != Outcome::failed &&
           (operation.kind == Operation::Kind::write || operation.kind == Operation::Kind::compare_swap);
  }
  bool is_early(const Operation& operation, std::size_t object) const {
    if (has_token(operation)) return tokens_[object][tokens_placed_[object]] != operation.value;
    if constexpr (std::is_same_v<Object, SequentialRegister>) {
      const std::uint64_t held = states_[object].value;
      const auto value = values_[object].find(held);
      if (!is_write(operation) || value == values_[object].end()) return false;
      return value->second.reads_left > 0 && value->second.writes == (held == 0 ? 0 : 1);
    }
    return false;
  }
  void was_placed(const Operation& operation, std::size_t object, std::size_t sign) {
    if (has_token(operation)) tokens_placed_[object] += sign;
    if (is_read(operation)) values_[object].at(operation.value).reads_left -= sign;
  }

  const Operation& operation_of(std::size_t client) const { return history_[order_[client][place_[client]]]; }
  std::size_t object_at(std::size_t client) const { return object_of_[order_[client][place_[client]]]; }

  Step choices() const {
    Step step;
    for (std::size_t client = 0; client < order_.size(); ++client) {
      if (place_[client] == order_[client].size()) continue;
      const bool is_free =
          changes_nothing(operation_of(client)) &&
          objects_[object_at(client)].after(states_[object_at(client)], operation_of(client));
      if (is_free) return Step{{{client, true}}, 0, {}};
      step.choices.push_back({client, true});
    }
    std::ranges::stable_sort(step.choices, {}, [&](const Choice& c) { return operation_of(c.client).start; });
    const std::size_t sure = step.choices.size();
    for (std::size_t i = 0; i < sure; ++i) {
      const std::size_t client = step.choices[i].client;
      if (operation_of(client).outcome == Operation::Outcome::unknown)
        step.choices.push_back({client, false});
    }
    return step;
  }

  bool apply(Step& step, const Choice& choice) {
    const Operation& operation = operation_of(choice.client);
    const std::size_t object = object_at(choice.client);
    if (choice.takes_effect && is_early(operation, object)) return false;
    auto next = choice.takes_effect ? objects_[object].after(states_[object], operation) : states_[object];
    if (!next) return false;
    step.before = std::exchange(states_[object], std::move(*next));
    ++place_[choice.client];
    was_placed(operation, object, 1);
    if (operation.outcome != Operation::Outcome::unknown) --left_;
    if (is_new()) return true;
    take_back(step);
    return false;
  }

  void take_back(Step& step) {
    const std::size_t client = step.choices[step.next - 1].client;
    --place_[client];
    if (operation_of(client).outcome != Operation::Outcome::unknown) ++left_;
    was_placed(operation_of(client), object_at(client), static_cast<std::size_t>(-1));
    states_[object_at(client)] = std::move(step.before);
  }

  bool is_new() {
    Digest digest;
    for (const std::size_t place : place_) digest.add(place);
    for (std::size_t i = 0; i < objects_.size(); ++i) objects_[i].digest(states_[i], digest);
    return seen_.insert(digest);
  }

  void remember_stuck() {
    if (!stuck_.empty() && steps_.size() <= deepest_) return;
    deepest_ = steps_.size();
    stuck_.clear();
    for (std::size_t client = 0; client < order_.size(); ++client)
      if (place_[client] < order_[client].size()) stuck_.push_back(order_[client][place_[client]]);
  }

  const std::vector<Operation>& history_;
  std::vector<std::vector<std::size_t>> order_;  // of each client
  std::vector<std::size_t> object_of_;
  std::vector<Object> objects_;
  std::vector<std::vector<std::uint64_t>> tokens_;  // of each object, in order
  std::vector<std::size_t> tokens_placed_;
  struct Uses {
    std::size_t writes = 0, reads_left = 0;
  };
  std::vector<std::map<std::uint64_t, Uses>> values_;  // of each object that is a register
  std::vector<std::size_t> place_;
  std::vector<State> states_;
  std::size_t left_ = 0;  // of those that must be placed
  std::vector<Step> steps_;
  DigestSet seen_;
  std::size_t deepest_ = 0;
  std::vector<std::size_t> stuck_;
};

template <class Object>
LinearizabilityVerdict check(const std::vector<Operation>& history, const LinearizabilityOptions& options) {
  SequentialSearch<Object> search(history, options);
  LinearizabilityVerdict verdict;
  verdict.answer = search.run(options.limit + history.size(), options.told);
  if (verdict.answer == Answer::undecided)
    verdict.explanation = fmt::format("undecided after {} configurations", options.limit + history.size());
  if (verdict.answer != Answer::no) return verdict;
  verdict.offending = search.stuck();
  verdict.name = history[verdict.offending.front()].name;
  verdict.explanation =
      "no order of the clients' programs explains the answers: the longest one stops before " +
      history[verdict.offending.front()].text();
  return verdict;
}

// The same with each operation over before its client's next begins; nothing if that cannot be said by times:
// two that start at once, or one without an answer that may take effect until the next one starts.
std::optional<std::vector<Operation>> one_at_a_time(std::vector<Operation> history) {
  std::vector<std::size_t> order(history.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {},
                           [&](std::size_t i) { return std::pair(history[i].client, history[i].start); });
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    Operation& operation = history[order[i]];
    const Operation& next = history[order[i + 1]];
    if (next.client != operation.client) continue;
    if (operation.outcome == Outcome::unknown || next.start <= operation.start) return std::nullopt;
    operation.end = std::min(operation.end, next.start - Duration(1));
  }
  return history;
}

// Whatever is linearizable is sequentially consistent too, and that is easily found out: the times say nearly
// all of the order. Only if it is not, or takes too long, the search that ignores times is needed.
bool is_linearizable(const std::vector<Operation>& history, Model model, LinearizabilityOptions options) {
  const auto strict = one_at_a_time(history);
  options.limit = std::min<std::uint64_t>(options.limit, 4 * history.size());  // easy, or not at all
  return strict && check_linearizable(*strict, model, options).answer == Answer::yes;
}

}  // namespace

LinearizabilityVerdict check_sequential(const std::vector<Operation>& history, Model model,
                                        const LinearizabilityOptions& options) {
  if (is_linearizable(history, model, options)) return {};
  switch (model) {
    case Model::lock:
      return check<SequentialLock>(history, options);
    case Model::read_write_register:
      return check<SequentialRegister>(history, options);
    case Model::queue:
      return check<SequentialQueue>(history, options);
  }
  return {};
}

}  // namespace coord::sim
