// SPDX-License-Identifier: MIT
// SWIM, as dsim knows it. An operation: the node that is asked crashes for good or leaves, as long as a
// majority is left; it is over when no other one holds it present. With nothing wrong but clocks, that takes
// no longer than the bound, and nobody that answers is removed. After all faults everyone holds everyone
// that lives alive.
#include <algorithm>
#include <deque>

#include "base/format.hpp"
#include "catalogue/families.hpp"
#include "catalogue/model.hpp"
#include "catalogue/runner.hpp"
#include "classical/failure_detection.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using membership::Incarnation;
using membership::Member;
using membership::State;
using membership::Swim;

std::map<std::string, std::string> options_of(const Setup& setup) {
  std::map<std::string, std::string> options = {
      {"period_ms", "100"}, {"time_out_ms", "40"}, {"gossip_ms", "50"}, {"compare_ms", "1000"}};
  if (setup.nodes > 5 && setup.seed % 2 == 0) options["founders"] = std::to_string(setup.nodes - 1);
  for (const auto& [name, value] : setup.options) options[name] = value;
  return options;
}

struct SwimModel : Model<SwimModel> {
  using Algorithm = classical::Swim;
  using Message = Swim::Message;
  using Input = OperationId;
  using Job = sim::NoJob;
  using Port = sim::Port<SwimModel>;
  struct Node {
    Swim core;
    bool silent = false;  // for the others it has crashed or left
    std::map<NodeId, Member> held;
    std::set<NodeId> asked_by_stream;
  };
  bool never_idle() const override { return true; }

  explicit SwimModel(const Setup& setup) : nodes_(setup.nodes), options_(options_of(setup)) {
    for (const sim::Fault& fault : setup.faults) calm_ = calm_ && fault.kind == sim::FaultKind::clock_rate;
    calm_ = calm_ && setup.link.drop == 0 && setup.link.reorder == 0;
    // A turn comes after 2N-1 periods at the latest; a clock may run fast by a tenth.
    const Duration period = std::chrono::milliseconds(std::stol(options_.at("period_ms")));
    bound_ = period * static_cast<Duration::rep>(2 * nodes_ + 2) +
             6 * membership::shortest_suspicion(nodes_, period, 4) + 20 * period;
  }

  // ---- the world's hooks
  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    classical::Setup setup;
    setup.group = Group::numbered(port.self(), nodes_);
    setup.options = options_;
    setup.now = now;
    setup.life = ++lives_[port.self()];
    setup.seed = port.random().next();
    const auto stored = stored_.find(port.self());
    auto core = classical::make_core<Algorithm>(setup, stored == stored_.end() ? nullptr : &stored->second);
    if (!core) return core.error();
    return std::unique_ptr<Node>(new Node{std::move(*core), gone_.contains(port.self()), {}, {}});
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    step(node, now, Swim::Receive{from, std::move(message)}, port);
  }
  void on_input(Node& node, Instant now, OperationId operation, Port& port) {
    book().begin(operation, port.world_now());
    if (node.silent || gone_.contains(port.self()) || 2 * (gone_.size() + 1) >= nodes_)
      return book().end(operation, port.world_now());
    gone_.insert(port.self());
    leaving_[port.self()] = {operation, port.world_now()};
    const bool leaves = operation % 3 == 0;
    port.note([&] { return leaves ? "leaves" : "crashes"; });
    if (leaves) {
      step(node, now, Swim::Leave{}, port);
    } else {
      node.silent = true;
    }
    look_who_is_gone();
  }
  std::optional<Instant> deadline(const Node& node) const {
    return node.silent ? std::nullopt : node.core.deadline();
  }
  void on_tick(Node& node, Instant now, Port& port) { step(node, now, Swim::Tick{}, port); }
  std::string describe(const Message& message) const { return Algorithm::describe(message); }
  std::string_view type_of(const Message& message) const { return Algorithm::type_of(message); }
  void ask(OperationId operation, NodeId node) override { world().input(node, operation); }

  std::optional<std::string> at_end() override {
    world().run_for(30s);
    if (world().violation()) return std::nullopt;
    for (std::size_t i = 1; i <= nodes_; ++i) {
      const Node* node = world().node(NodeId{i});
      if (!node || node->silent) continue;
      for (std::size_t j = 1; j <= nodes_; ++j) {
        const auto held = node->core.roster().find(NodeId{j});
        const bool lives = world().lives(NodeId{j}) && !gone_.contains(NodeId{j});
        if (lives && !(held && held->state == State::alive)) return who(i, j, " lives and is not held alive");
        if (!lives && held && membership::is_present(held->state))
          return who(i, j, " is gone and held present");
      }
    }
    return Model::at_end();
  }
  std::vector<std::string> remarks() const override {
    return {fmt::format("{} deaths held, {} of the living", deaths_, mistakes_)};
  }

 private:
  static std::string who(std::size_t observer, std::size_t subject, const char* what) {
    return fmt::format("{}{} by {}", subject, what, observer);
  }

  template <class What>
  void step(Node& node, Instant now, const What& what, Port& port) {
    if (node.silent) return;
    for (const auto& action : node.core.step(now, what))
      std::visit([&](const auto& one) { perform(node, one, port); }, action);
    if (!leaving_.empty()) look_who_is_gone();
  }
  void perform(Node& node, const Swim::Send& send, Port& port) {
    if (std::holds_alternative<membership::StreamPing>(send.message)) node.asked_by_stream.insert(send.to);
    check_own_incarnation(port.self(), send.message);
    if (membership::goes_by_stream(send.message)) {
      port.send_ordered(send.to, send.message);
    } else {
      port.send_datagram(send.to, send.message);
    }
  }
  void perform(Node&, const Swim::Persist& what, Port& port) { stored_[port.self()] = what.incarnation; }
  void perform(Node& node, const Swim::Changed& what, Port& port) {
    port.note([&] {
      return fmt::format("holds {}",
                         membership::text({what.node, what.member.incarnation, what.member.state, what.by}));
    });
    Member& held = node.held[what.node];
    if (!membership::is_present(held.state) && membership::is_present(what.member.state) &&
        what.member.incarnation <= held.incarnation)
      world().fail("nobody_is_raised_by_old_news", who(port.self().value, what.node.value, " is raised"));
    held = what.member;
    if (what.member.state == State::suspect && what.by == port.self() &&
        node.asked_by_stream.erase(what.node) == 0 && calm_)
      world().fail("others_are_asked_before_a_suspicion",
                   who(port.self().value, what.node.value, " is suspected"));
    if (what.member.state != State::dead) return;
    ++deaths_;
    if (gone_.contains(what.node) || !world().lives(what.node)) return;
    ++mistakes_;
    if (calm_)
      world().fail("nobody_that_answers_is_removed", who(port.self().value, what.node.value, " is removed"));
  }
  void perform(Node& node, const Swim::Departed&, Port& port) {
    port.note([] { return "has left"; });
    node.silent = true;
  }

  // What a member says of itself never falls behind what an earlier life has said.
  void check_own_incarnation(NodeId self, const Message& message) {
    const auto look = [&](const membership::Rumours& rumours) {
      for (const membership::Rumour& rumour : rumours) {
        if (rumour.node != self) continue;
        auto& [life, said] = said_[self];
        const bool fresh = life != lives_[self];
        if (fresh && life != 0 ? rumour.incarnation <= said : rumour.incarnation < said)
          world().fail("incarnations_increase",
                       fmt::format("{} after {}", membership::text(rumour), said.value));
        life = lives_[self];
        said = rumour.incarnation;
      }
    };
    std::visit(
        [&](const auto& what) {
          if constexpr (requires { what.rumours; }) look(what.rumours);
          if constexpr (requires { what.members; }) look(what.members);
        },
        message);
  }

  void look_who_is_gone() {
    for (auto at = leaving_.begin(); at != leaving_.end();) {
      const auto& [node, begun] = *at;
      if (is_present_for_others(node)) {
        ++at;
        continue;
      }
      if (calm_ && world().now() - begun.second > bound_)
        world().fail("deaths_are_known_in_time", fmt::format("{} was gone for longer", node.value));
      book().end(begun.first, world().now());
      at = leaving_.erase(at);
    }
  }
  bool is_present_for_others(NodeId node) const {
    for (std::size_t i = 1; i <= nodes_; ++i) {
      const Node* other = world().node(NodeId{i});
      if (NodeId{i} == node || !other || other->silent) continue;
      const auto held = other->core.roster().find(node);
      if (held && membership::is_present(held->state)) return true;
    }
    return false;
  }

  std::size_t nodes_;
  std::map<std::string, std::string> options_;
  bool calm_ = true;
  Duration bound_{};
  std::uint64_t deaths_ = 0, mistakes_ = 0;
  std::map<NodeId, std::uint64_t> lives_;
  std::map<NodeId, Incarnation> stored_;
  std::map<NodeId, std::pair<std::uint64_t, Incarnation>> said_;
  std::set<NodeId> gone_;  // crashed for good, or left
  std::map<NodeId, std::pair<OperationId, Instant>> leaving_;
};

}  // namespace

Protocol swim() {
  Protocol p = named(classical::Swim::identity);
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert(sim::FaultKind::process_crash);
  p.stands.lossy_links = true;
  p.least_nodes = 3;
  p.sweep_most = 8;
  p.rules = {"swim_incarnation_survives_a_restart", "swim_incarnation_is_durable_first",
             "swim_old_news_raises_nobody", "swim_suspicion_adds_nobody", "swim_helpers_before_suspicion"};
  return describe<SwimModel>(std::move(p));
}

}  // namespace coord::catalogue
