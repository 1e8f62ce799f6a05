// SPDX-License-Identifier: MIT
// A primary and its backups, as dsim knows them. An operation is a write, asked at the primary; from time to
// time the primary crashes for good, and after a while an operator has the lowest node that is left take
// over. A user whose write was not answered asks the new primary again.
#include "base/format.hpp"
#include "catalogue/families.hpp"
#include "catalogue/model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/scenario.hpp"
#include "catalogue/theory.hpp"
#include "classical/replication.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using replication::PrimaryBackup;
using Mode = PrimaryBackup::Mode;

constexpr Duration noticed_after = 60ms;  // that the primary is dead

template <Mode mode>
struct PrimaryBackupModel : Model<PrimaryBackupModel<mode>> {
  using Algorithm = classical::PrimaryBackup<mode>;
  using Message = PrimaryBackup::Message;
  struct Input {
    PrimaryBackup::Event event;
    bool crash = false;
  };
  using Job = sim::NoJob;
  using Port = sim::Port<PrimaryBackupModel>;
  using World = typename Model<PrimaryBackupModel>::World;
  struct Node {
    PrimaryBackup core;
    bool silent = false;  // for the others it has crashed
  };

  explicit PrimaryBackupModel(const Setup& setup)
      : nodes_(setup.nodes), writes_only_(setup.options.contains("writes_only")) {
    const auto crash = setup.options.find("crash_after");
    if (crash != setup.options.end()) crash_after_ = std::stoul(crash->second);
  }

  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    classical::Setup setup;
    setup.group = Group::numbered(port.self(), nodes_);
    setup.now = now;
    auto core = classical::make_core<Algorithm>(setup);
    if (!core) return core.error();
    return std::unique_ptr<Node>(new Node{std::move(*core)});
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    if (!node.silent) perform(node.core.step(now, PrimaryBackup::Receive{from, std::move(message)}), port);
  }
  void on_input(Node& node, Instant now, Input input, Port& port) {
    if (node.silent) return;
    if (!input.crash) return perform(node.core.step(now, input.event), port);
    port.note([] { return "crashes"; });
    node.silent = true;
  }
  std::optional<Instant> deadline(const Node& node) const {
    return node.silent ? std::nullopt : node.core.deadline();
  }
  void on_tick(Node& node, Instant now, Port& port) {
    perform(node.core.step(now, PrimaryBackup::Tick{}), port);
  }
  std::string describe(const Message& message) const { return replication::text(message); }
  std::string_view type_of(const Message& message) const { return replication::type_of(message); }

  void ask(OperationId operation, NodeId node) override {
    auto& book = this->book();
    book.begin(operation, this->world().now());
    const bool crashes = crash_after_ ? operation == *crash_after_ : !writes_only_ && operation % 5 == 4;
    if (crashes && gone_.size() + 2 < nodes_ && !taking_over_) {
      book.end(operation, this->world().now());
      return fail_over();
    }
    static_cast<void>(node);
    open_[operation] = fmt::format("v{}", operation);
    write(operation);
  }
  void watch() override {
    this->world().add_check("logs_agree", [this](const World&, NodeId) { return objection_to_logs(); });
    if (mode != Mode::synchronous) return;
    this->world().add_check("acknowledged_writes_are_kept", [this](const World&, NodeId) {
      const auto lost = lost_writes();
      return lost.empty() ? std::optional<std::string>() : fmt::format("the primary lacks {}", lost.front());
    });
  }
  std::optional<std::string> at_end() override {
    this->world().run_for(5s);
    if (auto missed = Model<PrimaryBackupModel>::at_end()) return missed;
    for (std::size_t i = 1; i <= nodes_; ++i) {
      const Node* node = live(NodeId{i});
      if (node && primary() && node->core.log() != primary()->core.log())
        return fmt::format("node {} holds another log than the primary", i);
    }
    return std::nullopt;
  }
  std::vector<std::string> remarks() const override {
    return {fmt::format("{} writes acknowledged, {} of them lost by fail-overs", acknowledged_.size(),
                        lost_writes().size())};
  }

 private:
  void perform(const PrimaryBackup::Actions& actions, Port& port) {
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<PrimaryBackup::Send>(&action)) {
        port.send(send->to, send->message);
      } else if (const auto* written = std::get_if<PrimaryBackup::Written>(&action)) {
        if (port.self() != primary_) continue;
        port.note([&] { return fmt::format("answers {}", open_[written->tag]); });
        acknowledged_.push_back(open_[written->tag]);
        open_.erase(written->tag);
        this->book().end(written->tag, port.world_now());
      }
    }
  }
  void write(OperationId operation) {
    if (taking_over_) return;  // asked again when somebody has
    this->world().input(primary_, Input{PrimaryBackup::Write{operation, open_.at(operation)}, false});
  }
  void fail_over() {
    this->world().input(primary_, Input{PrimaryBackup::Tick{}, true});
    gone_.insert(primary_);
    taking_over_ = true;
    this->world().at(this->world().now() + noticed_after, [this] {
      taking_over_ = false;
      PrimaryBackup::TakeOver take_over{++view_, {}};
      for (std::size_t i = nodes_; i > 0; --i) {
        if (gone_.contains(NodeId{i})) continue;
        primary_ = NodeId{i};
        take_over.members.insert(primary_);
      }
      this->world().input(primary_, Input{take_over, false});
      for (const auto& [operation, value] : open_) write(operation);
    });
  }

  const Node* live(NodeId id) const {
    const Node* node = this->world().node(id);
    return node && !node->silent ? node : nullptr;
  }
  // Once it has taken over.
  const Node* primary() const {
    const Node* node = live(primary_);
    return node && node->core.view() == view_ ? node : nullptr;
  }
  std::vector<std::string> lost_writes() const {
    std::vector<std::string> lost;
    if (const Node* node = primary()) {
      for (const std::string& value : acknowledged_) {
        if (std::ranges::find(node->core.log(), value) == node->core.log().end()) lost.push_back(value);
      }
    }
    return lost;
  }
  // Of two nodes of one view one has a beginning of what the other has.
  std::optional<std::string> objection_to_logs() const {
    const Node* with = primary();
    for (std::size_t i = 1; with && i <= nodes_; ++i) {
      const Node* node = live(NodeId{i});
      if (!node || node->core.view() != view_) continue;
      const auto& log = node->core.log();
      const auto& whole = with->core.log();
      if (log.size() > whole.size() || !std::equal(log.begin(), log.end(), whole.begin()))
        return fmt::format("node {} holds no prefix of the primary's log", i);
    }
    return std::nullopt;
  }

  std::size_t nodes_;
  bool writes_only_;
  std::optional<std::size_t> crash_after_;  // this many writes, and not again
  NodeId primary_{1};
  std::uint64_t view_ = 1;
  bool taking_over_ = false;
  std::set<NodeId> gone_;
  std::map<OperationId, std::string> open_;  // writes that were not answered
  std::vector<std::string> acknowledged_;
};

template <Mode mode>
Protocol protocol() {
  Protocol p = named(classical::PrimaryBackup<mode>::identity);
  p.stands.kinds = Stands::of_links();
  p.stands.lossy_links = true;
  p.least_nodes = 3;
  p.rules = {"pb_new_view_brings_its_log", "pb_other_views_are_refused", "pb_writes_are_taken_in_order"};
  p.theory = {messages_exactly("2(N-1)", [](std::size_t n) { return 2 * (real(n) - 1); })};
  if (mode == Mode::synchronous) {
    p.rules.push_back("pb_answered_when_all_have_it");
    p.theory.push_back(delay_exactly("2", [](std::size_t) { return 2.0; }));
  } else {
    p.theory.push_back(delay_exactly("0", [](std::size_t) { return 0.0; }));
  }
  for (Theory& theory : p.theory) theory.prepare = [](Setup& setup) { setup.options["writes_only"] = ""; };
  return describe<PrimaryBackupModel<mode>>(std::move(p));
}

// A write each 2 ms over links of 10 ms. The primary's network fails, and it goes on answering
// until it is stopped.
Setup ten_writes() {
  Setup setup;
  setup.nodes = 3;
  setup.link.delay_low = setup.link.delay_high = 10ms;
  setup.link.fifo = true;
  for (int i = 0; i < 12; ++i) setup.asks.push_back({Instant{} + i * 2ms, NodeId{1}, {}});
  setup.options["crash_after"] = "10";
  sim::Fault cut;
  cut.kind = sim::FaultKind::partition;
  cut.at = Instant{} + 15ms;
  cut.length = 1s;
  cut.nodes = {NodeId{1}};
  setup.faults = {cut};
  setup.quiet_from = cut.at + cut.length;
  setup.patience = 3s;
  return setup;
}

Story async_loses() {
  Report async, sync;
  Story story = story_of("async-backup", ten_writes(), async);
  static_cast<void>(story_of("primary-backup", ten_writes(), sync));
  story.facts = {
      "Node 1 takes a write each 2 ms. At 15 ms its network fails, at 20 ms it is stopped; at 80 ms node 2 "
      "takes "
      "over with the writes that had reached it.",
      fmt::format("Asynchronous, each write is answered at once: {}. Nobody who was answered is told.",
                  async.remarks.front()),
      fmt::format("Synchronous, the same writes: {}. Unanswered writes are asked again at node 2. Without "
                  "a fault an answer takes 20 ms in place of 0, a round trip to the slowest backup.",
                  sync.remarks.front()),
  };
  return story;
}

}  // namespace

std::vector<Protocol> primary_backup() {
  return {protocol<Mode::synchronous>(), protocol<Mode::asynchronous>()};
}

std::vector<Scenario> primary_backup_scenarios() {
  return {{"async-fail-over", "writes that a primary has answered and its backup never had",
           Drawing::space_time, async_loses}};
}

}  // namespace coord::catalogue
