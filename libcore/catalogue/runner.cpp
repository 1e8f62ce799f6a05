// SPDX-License-Identifier: MIT
#include "catalogue/runner.hpp"

#include "base/format.hpp"
#include "base/random.hpp"
#include "sim/inject.hpp"

namespace coord::catalogue {

namespace {

// Asks the operations of a setup, in the order and at the times of its load.
class Asker {
 public:
  Asker(RunnableModel& model, sim::WorldCore& world, const Setup& setup)
      : model_(model), world_(world), setup_(setup), random_(setup.seed ^ 0x61736b73U) {}

  void begin() {
    model_.book().when_over = [this](OperationId id) { over(id); };
    if (!setup_.asks.empty()) {
      left_ = setup_.asks.size();
      for (const Ask& what : setup_.asks) world_.at(what.at, [this, what] { ask(what.node, what.hold); });
      return;
    }
    left_ = setup_.operations;
    switch (setup_.load) {
      case Load::spread: {
        Instant time{};
        for (std::uint64_t i = 0; i < setup_.operations; ++i) {
          time += random_.between(Duration{}, 2 * setup_.mean_gap);
          const NodeId node{1 + random_.below(setup_.nodes)};
          world_.at(time, [this, node] { ask(node, hold()); });
        }
        return;
      }
      case Load::one_by_one:
        return next_in_turn();
      case Load::together:
        for (std::size_t i = 1; i <= setup_.nodes; ++i) next_of(NodeId{i});
        return;
    }
  }

  bool done() const { return left_ == 0 && model_.book().all_over(); }

 private:
  Duration hold() { return random_.between(setup_.hold_low, setup_.hold_high); }

  void ask(NodeId node, Duration hold) {
    --left_;
    const OperationId id = model_.book().ask(node, hold);
    if (!world_.lives(node)) return model_.book().crashed(node);  // nobody there to ask
    model_.ask(id, node);
  }

  void over(OperationId id) {
    if (!setup_.asks.empty() || setup_.load == Load::spread) return;
    const NodeId node = model_.book().operation(id).node;
    if (setup_.load == Load::together) return next_of(node);
    world_.at(world_.now() + setup_.settle, [this] { next_in_turn(); });
  }

  void next_in_turn() {
    if (left_ == 0) return;
    const NodeId node{1 + turn_++ % setup_.nodes};
    ask(node, hold());
  }

  void next_of(NodeId node) {
    world_.at(world_.now(), [this, node] {
      if (left_ > 0 && world_.lives(node)) ask(node, hold());
    });
  }

  RunnableModel& model_;
  sim::WorldCore& world_;
  const Setup& setup_;
  Random random_;
  std::uint64_t left_ = 0;
  std::size_t turn_ = 0;
};

Report report_of(const RunnableModel& model, const sim::WorldCore& world, const Setup& setup) {
  Report report;
  const Book& book = model.book();
  report.nodes = setup.nodes;
  report.seed = setup.seed;
  report.operations = book.answered();
  report.lost = book.lost();
  report.messages = book.messages_by_type();
  report.all_messages = book.messages();
  report.delays = book.delays();
  report.hand_overs = book.hand_overs();
  if (world.violation()) report.violations.push_back(*world.violation());
  report.faults = world.faults();
  report.statistics = world.statistics();
  report.fingerprint = world.fingerprint();
  report.end = world.now();
  report.spans = book.spans();
  report.parents = book.parents();
  report.remarks = model.remarks();
  report.situations = model.situations();
  return report;
}

}  // namespace

std::optional<std::string> RunnableModel::at_end() {
  const std::uint64_t left = book_.unfinished();
  if (left == 0) return std::nullopt;
  return fmt::format("{} of {} operations never ended", left, book_.operations().size());
}

sim::WorldConfig world_config(const Setup& setup) {
  sim::WorldConfig config;
  config.nodes = setup.nodes;
  config.seed = setup.seed;
  config.link = setup.link;
  config.clock_start_high = setup.clock_start_high;
  config.clock_rate_spread_ppm = setup.clock_rate_spread_ppm;
  return config;
}

Report run(RunnableModel& model, sim::WorldCore& world, const Setup& setup) {
  world.set_trace(setup.trace);
  for (const auto& [way, delay] : setup.delays) {
    sim::Link link = setup.link;
    link.delay_low = link.delay_high = delay;
    world.network().set_link(way.first, way.second, link);
  }
  model.watch();
  world.start_all();
  if (!setup.faults.empty()) sim::inject(world, setup.faults, setup.quiet_from);
  Asker asker(model, world, setup);
  asker.begin();
  const Instant end = setup.quiet_from + setup.patience;
  const auto finished = [&] { return asker.done() && world.now() >= setup.quiet_from; };
  while (!finished() && world.now() < end && world.step()) {
  }
  if (!model.never_idle() || !setup.faults.empty()) world.run_for(setup.settle);
  if (!world.violation()) {
    if (auto missed = model.at_end()) world.fail("progress", std::move(*missed));
  }
  return report_of(model, world, setup);
}

}  // namespace coord::catalogue
