// SPDX-License-Identifier: MIT
// A group of one classical algorithm on a desk: instances made by name from the registry, fed with bytes
// alone. Channels are FIFO and lose nothing; a message takes no time, and time passes only when nothing is on
// its way. No simulator.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "classical/registry.hpp"
#include "classical/toy_notary.hpp"

namespace classical_desk {

using namespace coord;
using namespace coord::classical;
using namespace std::chrono_literals;
using Options = std::map<std::string, std::string>;

class Desk {
 public:
  Desk(std::string_view name, std::size_t nodes, const std::function<Options(NodeId)>& options)
      : algorithm_(find(name)) {
    REQUIRE(algorithm_ != nullptr);
    for (std::size_t i = 1; i <= nodes; ++i) {
      notaries_.push_back(std::make_unique<ToyNotary>(NodeId{i}, 1));
      setups_[NodeId{i}] = Setup{Group::numbered(NodeId{i}, nodes),
                                 options(NodeId{i}),
                                 1000 + i,
                                 now_,
                                 1,
                                 {},
                                 notaries_.back().get()};
      start(NodeId{i});
    }
  }

  void wish(std::uint64_t at, const Wish& wish) {
    auto actions = nodes_.at(NodeId{at})->wish(now_, wish);
    if (!actions) FAIL(actions.error().text());
    perform(NodeId{at}, *actions);
  }
  void tick_all() {
    for (auto& [self, node] : nodes_) perform(self, node->tick(now_));
  }
  // Delivers until nothing is on its way.
  void settle() {
    for (; !letters_.empty(); letters_.pop_front()) {
      const Letter letter = letters_.front();
      if (silent_.contains(letter.to) || silent_.contains(letter.from)) continue;
      auto actions = nodes_.at(letter.to)->receive(now_, letter.from, letter.message);
      if (!actions) FAIL(actions.error().text());
      perform(letter.to, *actions);
    }
  }
  // Lets time pass until this is so.
  void run_until(const std::function<bool()>& done) {
    for (int step = 0; settle(), !done(); ++step) {
      REQUIRE(step < 100'000);
      const auto next = next_deadline();
      REQUIRE(next);
      now_ = std::max(now_, *next);
      for (auto& [self, node] : nodes_) {
        const auto due = node->deadline();
        if (due && *due <= now_ && !silent_.contains(self)) perform(self, node->tick(now_));
      }
    }
  }
  std::optional<Instant> next_deadline() const {
    std::optional<Instant> first;
    for (const auto& [self, node] : nodes_) {
      const auto due = node->deadline();
      if (due && !silent_.contains(self) && (!first || *due < *first)) first = due;
    }
    return first;
  }

  void crash(std::uint64_t node) { silent_.insert(NodeId{node}); }
  void heal(std::uint64_t node) { silent_.erase(NodeId{node}); }  // it was only cut off
  void restart(std::uint64_t node) {
    Setup& setup = setups_.at(NodeId{node});
    setup.now = now_;
    ++setup.life;
    setup.stored = stored_[NodeId{node}];
    start(NodeId{node});
    heal(node);
  }
  void reply_to(std::function<std::optional<Wish>(NodeId, const Told&)> reply) { reply_ = std::move(reply); }
  void forget_counts() { counted_.clear(); }

  std::size_t counted(const std::vector<std::string>& types = {}) const {
    std::size_t all = 0;
    for (const auto& [type, count] : counted_) {
      if (types.empty() || std::find(types.begin(), types.end(), type) != types.end()) all += count;
    }
    return all;
  }
  bool was_told(std::uint64_t node, const std::string& what) const {
    const auto found = told_.find(NodeId{node});
    return found != told_.end() &&
           std::any_of(found->second.begin(), found->second.end(),
                       [&](const auto& told) { return told.substr(0, what.size()) == what; });
  }
  bool all_were_told(const std::string& what) const {
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
      return silent_.contains(node.first) || was_told(node.first.value, what);
    });
  }
  Instance& node(std::uint64_t id) { return *nodes_.at(NodeId{id}); }
  std::size_t size() const { return nodes_.size(); }
  // The first message of each type, by its type.
  const std::map<std::string, Bytes>& first_messages() const { return first_messages_; }
  const std::map<NodeId, std::map<std::string, Bytes>>& stored() const { return stored_; }
  Instant now() const { return now_; }

 private:
  void start(NodeId self) {
    auto made = make(algorithm_->identity.name, setups_.at(self));
    if (!made) FAIL(made.error().text());
    nodes_[self] = std::move(*made);
  }
  struct Letter {
    NodeId from, to;
    Bytes message;
  };
  void perform(NodeId self, const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* send = std::get_if<Send>(&action)) {
        const auto described = algorithm_->describe(send->message);
        REQUIRE(described);
        CHECK(described->type == send->type);
        CHECK_FALSE(described->text.empty());
        ++counted_[std::string(send->type)];
        first_messages_.emplace(send->type, send->message);
        letters_.push_back({self, send->to, send->message});
      } else if (const auto* persist = std::get_if<Persist>(&action)) {
        stored_[self][persist->key] = persist->value;
      } else {
        const Told& told = std::get<Tell>(action).what;
        told_[self].push_back(text(told));
        if (const auto answer = reply_ ? reply_(self, told) : std::nullopt) wish(self.value, *answer);
      }
    }
  }

  const Algorithm* algorithm_;
  Instant now_{1s};
  std::vector<std::unique_ptr<ToyNotary>> notaries_;
  std::map<NodeId, Setup> setups_;
  std::map<NodeId, std::unique_ptr<Instance>> nodes_;
  std::deque<Letter> letters_;
  std::set<NodeId> silent_;
  std::map<std::string, std::size_t> counted_;
  std::map<std::string, Bytes> first_messages_;
  std::map<NodeId, std::vector<std::string>> told_;
  std::map<NodeId, std::map<std::string, Bytes>> stored_;
  std::function<std::optional<Wish>(NodeId, const Told&)> reply_;
};

// One wish of an algorithm, from asked to answered: which messages it costs.
struct Run {
  std::string name;
  std::size_t nodes = 4;
  std::function<void(Desk&)> wish;  // and checks that it is answered
  std::vector<std::string> types;   // that are counted; none: all
  double low = 0, high = 0;         // how many there are
  std::function<Options(NodeId)> options = [](NodeId) { return Options{}; };
};
std::vector<Run> runs();
// The same where something goes wrong: what is said only then. Nothing is counted.
std::vector<Run> troubled_runs();

}  // namespace classical_desk
