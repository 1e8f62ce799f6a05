// SPDX-License-Identifier: MIT
// The Chord ring, as dsim knows it. An operation: a node that is not in the ring joins; one that is looks up
// a key, leaves, or crashes for good. Who crashes or leaves is never more than the ring promises to stand:
// fewer than `hosts` until the lists are repaired, and hosts+1 members are left that have been there for a
// while. As long as clocks are all that is wrong, Zave's invariant must hold at each step; after pauses,
// partitions and restarts, the ring must be ideal in the end and every lookup right.
#include <algorithm>
#include <cmath>
#include <deque>

#include "base/format.hpp"
#include "catalogue/families.hpp"
#include "catalogue/model.hpp"
#include "catalogue/ring_copies.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"
#include "classical/overlay.hpp"
#include "protocol/chord/ring_check.hpp"

namespace coord::catalogue {

namespace {

using namespace std::chrono_literals;
using chord::Chord;
using chord::MemberState;

// What a run of a sweep is; single options can be given.
std::map<std::string, std::string> options_of(const Setup& setup) {
  const std::uint64_t hosts = setup.nodes > 4 ? 2 + setup.seed / 9 % 2 : 2;
  std::map<std::string, std::string> options = {
      {"founders", std::to_string(std::min<std::size_t>(setup.nodes, hosts + 1 + setup.seed % 3))},
      {"places", std::to_string(1 + setup.seed / 3 % 3)},
      {"hosts", std::to_string(hosts)},
      {"interval_ms", "100"},
      {"patience_ms", "200"}};
  for (const auto& [name, value] : setup.options) {
    if (name != "key" && name != "quiet") options[name] = value;
  }
  return options;
}

struct ChordModel : Model<ChordModel> {
  using Algorithm = classical::Chord;
  using Message = Chord::Message;
  struct Input {
    std::optional<OperationId> operation;  // none: `event` alone
    Chord::Event event;
  };
  using Job = sim::NoJob;
  using Port = sim::Port<ChordModel>;
  struct Node {
    Chord core;
    bool silent = false;  // for the others it has crashed
    std::map<chord::Id, std::optional<chord::Member>> predecessors;
  };
  bool never_idle() const override { return true; }

  explicit ChordModel(const Setup& setup) : nodes_(setup.nodes), options_(options_of(setup)) {
    hosts_ = std::stoul(options_.at("hosts"));
    const auto ms = [this](const char* name) {
      return std::chrono::milliseconds(std::stol(options_.at(name)));
    };
    // A dead head is noticed and dropped, and its predecessors take the longer lists over one by one.
    repair_ = static_cast<Duration::rep>(hosts_) * (ms("interval_ms") + 2 * ms("patience_ms"));
    if (const auto key = setup.options.find("key"); key != setup.options.end())
      key_ = classical::id_of_six_bits(std::stoul(key->second));
    quiet_ = setup.options.contains("quiet");
    for (const sim::Fault& fault : setup.faults) calm_ = calm_ && fault.kind == sim::FaultKind::clock_rate;
  }

  // ---- the world's hooks
  Result<std::unique_ptr<Node>> start(Instant now, Port& port) {
    classical::Setup setup;
    setup.group = Group::numbered(port.self(), nodes_);
    setup.options = options_;
    setup.now = now;
    setup.life = ++lives_[port.self()];
    auto core = classical::make_core<Algorithm>(setup);
    if (!core) return core.error();
    const bool was_inside = inside_.contains(port.self());
    if (core->phase() == Chord::Phase::inside) inside_[port.self()] = Instant{} - 1h;
    auto node = std::unique_ptr<Node>(new Node{std::move(*core), gone_.contains(port.self()), {}});
    if (was_inside && !node->silent) perform(*node, node->core.step(now, Chord::Resume{}), port);
    return node;
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    step(node, now, Chord::Receive{from, std::move(message)}, port);
  }
  void on_input(Node& node, Instant now, Input input, Port& port) {
    if (!input.operation) return step(node, now, input.event, port);
    begin(node, now, *input.operation, port);
  }
  std::optional<Instant> deadline(const Node& node) const {
    return node.silent ? std::nullopt : node.core.deadline();
  }
  void on_tick(Node& node, Instant now, Port& port) { step(node, now, Chord::Tick{}, port); }
  std::string describe(const Message& message) const { return chord::text(message); }
  std::string_view type_of(const Message& message) const { return chord::type_of(message); }
  void ask(OperationId operation, NodeId node) override {
    world().input(node, Input{operation, Chord::Tick{}});
  }

  void watch() override {
    if (!calm_) return;
    world().add_check("every_member_has_a_live_successor", [this](const World&, NodeId) {
      return all_have_started() ? chord::objection_to_invariant(ring(), hosts_) : std::nullopt;
    });
    world().add_check("a_live_predecessor_is_kept",
                      [this](const World&, NodeId stepped) { return objection_to_predecessors(stepped); });
  }
  std::optional<std::string> at_end() override {
    if (quiet_) return Model::at_end();
    world().run_for(15s);
    if (world().violation()) return std::nullopt;
    if (auto wrong = chord::objection_to_ideal(ring(), hosts_)) return wrong;
    if (auto wrong = wrong_lookup()) return wrong;
    return Model::at_end();
  }

 private:
  void begin(Node& node, Instant now, OperationId operation, Port& port) {
    book().begin(operation, port.world_now());
    const auto phase = node.core.phase();
    if (node.silent || phase == Chord::Phase::joining || phase == Chord::Phase::left)
      return book().end(operation, port.world_now());
    if (phase == Chord::Phase::outside) {
      joining_[port.self()].push_back(operation);
      inside_[port.self()] = port.world_now();
      return step(node, now, Chord::Join{}, port);
    }
    const bool looks = quiet_ || operation % 3 != 0 || !may_lose(port.self(), port.world_now());
    if (looks) {
      return step(node, now, Chord::Find{operation, key_ ? *key_ : chord::drawn_id(operation)}, port);
    }
    lost_.push_back(port.world_now());
    gone_.insert(port.self());
    inside_.erase(port.self());
    const bool leaves = operation % 2 == 0;
    port.note([&] { return leaves ? "leaves" : "crashes"; });
    if (leaves) {
      step(node, now, Chord::Leave{}, port);
    } else {
      node.silent = true;
    }
    book().crashed(port.self());
  }
  // Whether the ring promises to stand the loss of this node now.
  bool may_lose(NodeId node, Instant now) {
    std::erase_if(lost_, [&](Instant when) { return now - when > repair_; });
    if (lost_.size() + 1 >= hosts_) return false;
    std::size_t left = 0;
    for (const auto& [other, since] : inside_) left += other != node && now - since > repair_ ? 1 : 0;
    return left > hosts_;
  }

  template <class What>
  void step(Node& node, Instant now, const What& what, Port& port) {
    if (node.silent) return;
    perform(node, node.core.step(now, what), port);
  }
  void perform(Node& node, const Chord::Actions& actions, Port& port) {
    for (const auto& action : actions) {
      if (const auto* send = std::get_if<Chord::Send>(&action)) {
        port.send(send->to, send->message);
      } else if (const auto* owners = std::get_if<Chord::Owners>(&action)) {
        port.note([&] { return fmt::format("finds {}", chord::text(owners->owners)); });
        if (calm_ && owners->owners.empty())
          world().fail("lookup_finds_an_owner", fmt::format("of {}", chord::text(owners->key)));
        if (owners->tag >= asked_at_end) {
          found_at_end_[owners->tag] = owners->owners;
        } else {
          // A node that is alone with those that it lost may find nobody.
          book().end(owners->tag, port.world_now());
        }
      } else {
        port.note([] { return "is in the ring"; });
        for (const OperationId operation : joining_[port.self()]) book().end(operation, port.world_now());
        joining_.erase(port.self());
      }
    }
    static_cast<void>(node);
  }

  // ---- what all nodes together are
  std::vector<MemberState> ring() const {
    std::vector<MemberState> all;
    for (std::size_t i = 1; i <= nodes_; ++i) {
      const Node* node = world().node(NodeId{i});
      if (!node || node->silent) continue;
      for (const chord::RingMember* member : node->core.members())
        all.push_back({member->self(), member->view()});
    }
    return all;
  }
  bool all_have_started() const {
    for (std::size_t i = 1; i <= nodes_; ++i) {
      if (!world().node(NodeId{i})) return false;
    }
    return true;
  }
  // Who is told of a predecessor changes only to a nearer one, or when the present one is dead.
  std::optional<std::string> objection_to_predecessors(NodeId stepped) {
    Node* node = world().node(stepped);
    if (!node || node->silent) return std::nullopt;
    for (const chord::RingMember* member : node->core.members()) {
      auto& before = node->predecessors[member->self().id];
      const auto& now = member->view().predecessor;
      if (before && now && before != now && !chord::in_open(before->id, now->id, member->self().id) &&
          is_member(*before))
        return fmt::format("{} gives up {} for {}", chord::text(member->self()), chord::text(*before),
                           chord::text(*now));
      before = now;
    }
    return std::nullopt;
  }
  bool is_member(const chord::Member& member) const {
    const Node* node = world().node(member.host);
    return node && !node->silent &&
           std::ranges::any_of(node->core.members(), [&](const auto* own) { return own->self() == member; });
  }
  // Each node that is inside looks up a few keys.
  std::optional<std::string> wrong_lookup() {
    std::map<std::uint64_t, chord::Id> keys;
    for (std::size_t i = 1; i <= nodes_; ++i) {
      const Node* node = world().node(NodeId{i});
      if (!node || node->silent || node->core.phase() != Chord::Phase::inside) continue;
      for (std::uint64_t j = 0; j < 3; ++j) {
        const std::uint64_t tag = asked_at_end + 3 * i + j;
        keys[tag] = chord::drawn_id(tag);
        world().input(NodeId{i}, Input{std::nullopt, Chord::Find{tag, keys[tag]}});
      }
    }
    world().run_for(5s);
    chord::List sorted;
    for (const MemberState& member : ring()) sorted.push_back(member.self);
    std::ranges::sort(sorted);
    for (const auto& [tag, key] : keys) {
      const auto owner = std::ranges::lower_bound(sorted, key, {}, &chord::Member::id);
      const chord::Member& right = owner == sorted.end() ? sorted.front() : *owner;
      const auto found = found_at_end_.find(tag);
      if (found == found_at_end_.end() || found->second.empty() || found->second.front() != right)
        return fmt::format("key {} of {} is not found there", chord::text(key), chord::text(right));
    }
    return std::nullopt;
  }

  static constexpr std::uint64_t asked_at_end = std::uint64_t{1} << 40U;
  std::size_t nodes_, hosts_ = 0;
  std::map<std::string, std::string> options_;
  std::optional<chord::Id> key_;
  Duration repair_{};
  bool calm_ = true;
  bool quiet_ = false;  // lookups and joins alone, and no repair: for counts and scenarios
  std::map<NodeId, std::uint64_t> lives_;
  std::set<NodeId> gone_;             // crashed for good, or left
  std::map<NodeId, Instant> inside_;  // since when; founders: since the beginning
  std::deque<Instant> lost_;
  std::map<NodeId, std::vector<OperationId>> joining_;
  std::map<std::uint64_t, chord::List> found_at_end_;
};

Protocol chord_ring() {
  Protocol p = named(classical::Chord::identity);
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert(sim::FaultKind::process_crash);
  p.least_nodes = 4;
  p.sweep_most = 8;
  p.sizes = {8, 64, 256};
  p.rules = {"chord_join_takes_the_whole_list",
             "chord_candidate_is_asked",
             "chord_rectify_asks_the_old_predecessor",
             "chord_list_names_distinct_hosts",
             "chord_dead_head_is_dropped",
             "chord_dead_candidate_is_no_predecessor",
             "chord_answers_to_this_life_only",
             "chord_joins_behind_its_predecessor",
             "chord_lookup_uses_the_successors"};
  // An ideal ring that is left alone.
  Theory hops{Theory::Measure::messages, Load::one_by_one, "2 hops, hops = 1/2 log2 N", [](std::size_t n) {
                return Range{0.75 * std::log2(real(n)), 1.1 * std::log2(real(n))};
              }};
  hops.types = {"find-route", "route-found"};
  hops.prepare = [](Setup& setup) {
    setup.operations = 400;
    setup.options = {{"founders", "0"}, {"places", "1"}, {"interval_ms", "1000000000"}, {"quiet", ""}};
  };
  p.theory = {hops};
  return describe<ChordModel>(std::move(p));
}

}  // namespace

std::vector<Protocol> overlays() {
  return {chord_ring(), ring_copies()};
}

}  // namespace coord::catalogue
