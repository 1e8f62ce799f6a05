// SPDX-License-Identifier: MIT
// Telling all by chance meetings, as dsim knows it: rumours and anti-entropy.
#include <cmath>
#include <deque>

#include "base/format.hpp"
#include "catalogue/families.hpp"
#include "catalogue/instance_model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"
#include "classical/broadcast.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using broadcast::Delivered;

// ---- rumours: over when nobody is interested any more

struct RumourModel : InstanceModel<RumourModel, broadcast::Rumour> {
  template <broadcast::Rumour::Mode how>
  using Spread = classical::Rumour<how>;
  using Algorithm = Spread<broadcast::Rumour::Mode::push>;  // all of them say the same
  using Core = Algorithm::Core;
  RumourModel(const Setup& setup, Core::Mode how) : InstanceModel(setup), mode(how) {}

  Core make(NodeId self, Instance instance, Instant now, const Stored*) {
    const std::uint64_t seed = seed_of(self, instance) * 0x9e3779b97f4a7c15U;
    if (mode == Core::Mode::push) return made<Spread<Core::Mode::push>>(self, now, seed, {});
    if (mode == Core::Mode::pull) return made<Spread<Core::Mode::pull>>(self, now, seed, {});
    return made<Spread<Core::Mode::push_pull>>(self, now, seed, {});
  }
  void ask(OperationId operation, NodeId node) override {
    begin_at(operation, node, operation);
    tell(node, operation, Core::Begin{fmt::format("news{}", operation)});
    if (mode == Core::Mode::push) return;
    for (std::size_t i = 1; i <= nodes(); ++i) {
      if (NodeId{i} != node) tell(NodeId{i}, operation, Core::Begin{});
    }
  }
  void said(NodeId self, Instance instance, const Delivered& what) {
    auto& heard = heard_[instance];
    if (!heard.insert(self).second) object("delivered_once", fmt::format("{} again", what.payload), self);
    const NodeId origin = book().operation(instance).node;
    settle_at(origin, instance, 1);  // what follows is how far it gets
  }
  std::vector<std::string> remarks() const override {
    std::uint64_t all = 0;
    for (const auto& [instance, heard] : heard_) all += heard.size();
    if (heard_.empty()) return {};
    const double share = static_cast<double>(all) / static_cast<double>(heard_.size() * nodes());
    return {fmt::format("heard by {} of 1000", std::lround(1000 * share))};
  }
  // In the end nobody talks about it any more.
  std::optional<std::string> at_end() override {
    world().run_for(60s);
    for (const auto& [instance, heard] : heard_) {
      for (std::size_t i = 1; i <= nodes(); ++i) {
        const Core* core = core_at(NodeId{i}, instance);
        if (core && core->deadline()) return fmt::format("node {} still talks about it", i);
        // Who asks so often misses it less than once in a million times; the others leave some out.
        if (mode == Core::Mode::pull && !heard.contains(NodeId{i}))
          return fmt::format("node {} never heard it", i);
      }
    }
    return std::nullopt;
  }

  Core::Mode mode;
  std::map<Instance, std::set<NodeId>> heard_;
};

Protocol rumour_push() {
  Protocol p = named(classical::Rumour<broadcast::Rumour::Mode::push>::identity);
  p.stands.kinds = Stands::of_time();
  p.stands.lossy_links = true;
  p.sizes = {16, 64};
  p.rules = {"rumour_is_told_once", "rumour_gets_boring"};
  p.theory = {{Theory::Measure::messages, Load::one_by_one, "2(N-1 + kN), k = 3", [](std::size_t n) {
                 return Range{0, 2 * (real(n) - 1 + 3 * real(n))};
               }}};
  return describe<RumourModel>(std::move(p), broadcast::Rumour::Mode::push);
}

template <broadcast::Rumour::Mode mode>
Protocol rumour_asking() {
  Protocol p = named(classical::Rumour<mode>::identity);
  p.stands.kinds = Stands::of_time();
  p.stands.lossy_links = true;
  p.sizes = {16, 64};
  p.rules = {"rumour_is_told_once"};
  if (mode == broadcast::Rumour::Mode::pull) {
    p.rules.insert(p.rules.end(), {"rumour_asked_in_vain_asks_again", "rumour_calls_anybody_but_itself"});
  } else {
    p.rules.insert(p.rules.end(), {"rumour_gets_boring", "rumour_asks_only_so_long"});
  }
  p.theory = {
      {Theory::Measure::messages, Load::one_by_one, "2(N-1 + kN) + 60N questions, k = 3", [](std::size_t n) {
         return Range{0, 2 * (real(n) - 1 + 3 * real(n)) + 62 * real(n)};
       }}};
  return describe<RumourModel>(std::move(p), mode);
}

// ---- anti-entropy: an operation is a write; it is over when all hold it or something newer

struct AntiEntropyModel
    : InstanceModel<AntiEntropyModel, broadcast::AntiEntropy, broadcast::AntiEntropy::Durable> {
  using Algorithm = classical::AntiEntropy;
  using Core = Algorithm::Core;
  bool never_idle() const override { return true; }
  explicit AntiEntropyModel(const Setup& setup) : InstanceModel(setup) {}

  static void apply(Core::Durable& stored, const Core::Persist& what) { Algorithm::apply(stored, what); }

  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    auto node = InstanceModel::start(now, port);
    if (node && (*node)->cores.empty()) put(**node, 0, make(port.self(), 0, now, nullptr));
    return node;
  }
  Core make(NodeId self, Instance, Instant now, const Core::Durable* restored) {
    return made<Algorithm>(self, now, seed_of(self, ++lives_) * 0x9e3779b97f4a7c15U, {}, restored);
  }
  void ask(OperationId operation, NodeId node) override {
    begin_at(operation, node, operation + 1);
    const Core::Key key = fmt::format("key{}", operation % 3);
    std::optional<std::string> value;
    if (operation % 4 != 3) value = fmt::format("v{}", operation);
    written_[{node, key}].push_back(operation);
    tell(node, 0, Core::Write{key, value});
  }
  // A copy never goes back to an older version of a key; what a user writes is taken by his own.
  void persisted(NodeId self, Instance, const Core::Durable& before, const Core::Durable& now) {
    for (const auto& [key, entry] : now.table) {
      const auto old = before.table.find(key);
      if (old != before.table.end() && entry.version < old->second.version) object("newer_stays", key, self);
      const bool changed = old == before.table.end() || old->second.version != entry.version;
      auto& wishes = written_[{self, key}];
      if (changed && entry.version.writer == self && !wishes.empty()) {
        settle_at(self, wishes.front() + 1);
        wishes.pop_front();
      }
      Core::Version& newest = newest_[key];
      newest = std::max(newest, entry.version);
    }
  }
  void on_crash(NodeId node) {
    InstanceModel::on_crash(node);
    std::erase_if(written_, [&](const auto& wish) { return wish.first.first == node; });
  }
  template <class Other>
  void said(NodeId, Instance, const Other&) {}
  std::optional<std::string> at_end() override {
    if (auto missed = Model::at_end()) return missed;
    world().run_for(20s);
    for (std::size_t i = 1; i <= nodes(); ++i) {
      const Core* core = core_at(NodeId{i}, 0);
      if (!core) continue;
      for (const auto& [key, newest] : newest_) {
        const auto held = core->table().find(key);
        if (held == core->table().end() || held->second.version != newest) {
          return fmt::format("node {} does not hold the newest {}", i, key);
        }
        const auto [first, only] = values_.emplace(key, held->second);
        if (first->second != held->second) return fmt::format("two copies of {} differ", key);
      }
    }
    return std::nullopt;
  }

  std::uint64_t lives_ = 0;
  std::map<std::pair<NodeId, Core::Key>, std::deque<OperationId>> written_;  // not taken yet
  std::map<Core::Key, Core::Version> newest_;
  std::map<Core::Key, Core::Entry> values_;
};

Protocol anti_entropy() {
  Protocol p = named(classical::AntiEntropy::identity);
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert({sim::FaultKind::process_crash, sim::FaultKind::crash_in_call});
  p.stands.lossy_links = true;
  p.rules = {"ae_newer_wins", "ae_tie_by_writer", "ae_death_leaves_a_certificate",
             "ae_stamp_exceeds_all_seen"};
  return describe<AntiEntropyModel>(std::move(p));
}

}  // namespace

std::vector<Protocol> rumours() {
  using Mode = broadcast::Rumour::Mode;
  return {rumour_push(), rumour_asking<Mode::pull>(), rumour_asking<Mode::push_pull>(), anti_entropy()};
}

}  // namespace coord::catalogue
