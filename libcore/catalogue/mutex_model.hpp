// SPDX-License-Identifier: MIT
// Mutual exclusion in the simulator, the same for every algorithm: users who want in, at most one inside,
// tokens that increase, everybody gets in. And what a group's leader does when a site crashes: nobody is let
// in past a dead site by a time-out; the survivors, if they are a majority, stop, and when none of them is
// inside a new epoch begins without the dead one.
//
//   struct Run {
//     using Algorithm = classical::...;        // of mutual exclusion
//     static constexpr NodeId no_user{0};      // a site that has none; 0: all have
//     static Options options(const Setup&, bool lossy);  // of the algorithm; lossy: messages may be lost
//   };
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalogue/model.hpp"
#include "classical/mutual_exclusion.hpp"

namespace coord::catalogue {

using Options = std::map<std::string, std::string>;  // of an algorithm of classical/

template <class Run>
class MutexModel : public Model<MutexModel<Run>> {
 public:
  using Algorithm = typename Run::Algorithm;
  using Site = typename Algorithm::Core;
  using Message = typename Site::Message;
  struct Node {
    Site site;
    std::deque<OperationId> wishes;        // of its user, in his order
    std::optional<OperationId> current{};  // asked for, or inside with
  };
  struct Input {
    enum class Kind : std::uint8_t { enter, leave, go_on } kind = Kind::enter;
    OperationId operation = 0;
  };
  using Job = sim::NoJob;
  using Port = sim::Port<MutexModel>;
  bool never_idle() const override { return Algorithm::identity.never_idle; }
  static constexpr bool by_lease = std::is_same_v<Site, election::LeaseRace>;
  static constexpr bool by_stores = std::is_same_v<Site, mutex::Redlock>;  // leases too, and no tokens

  explicit MutexModel(const Setup& setup)
      : setup_(setup), lossy_(!setup.faults.empty() || setup.link.drop > 0), sites_at_first_(setup.nodes) {
    for (std::size_t i = 1; i <= setup.nodes; ++i) members_.sites.push_back(NodeId{i});
  }

  Result<std::unique_ptr<Node>> start(Instant, Port& port) {
    if (!known_.insert(port.self()).second) {
      return Error{ErrorKind::unavailable, "site", "has forgotten its messages of this epoch",
                   "start a new epoch"};
    }
    return std::unique_ptr<Node>(new Node{make(port.self()), {}, {}});
  }
  void on_message(Node& node, Instant now, NodeId from, Message message, Port& port) {
    if (changing_) return;  // of an epoch that is over
    perform(node, node.site.step(now, typename Site::Receive{from, std::move(message)}), port);
  }
  void on_input(Node& node, Instant now, Input input, Port& port) {
    if (input.kind == Input::Kind::leave) {
      if (node.current == input.operation) leave(node, now, port);
      return;
    }
    if (input.kind == Input::Kind::enter) node.wishes.push_back(input.operation);
    ask_next(node, now, port);
  }
  std::optional<Instant> deadline(const Node& node) const {
    return changing_ ? std::nullopt : node.site.deadline();
  }
  void on_tick(Node& node, Instant now, Port& port) {
    perform(node, node.site.step(now, typename Site::Tick{}), port);
  }
  std::string describe(const Message& message) const { return Algorithm::describe(message); }
  std::string_view type_of(const Message& message) const { return Algorithm::type_of(message); }

  void ask(OperationId operation, NodeId node) override {
    if (node == Run::no_user) {
      node = stand_in();
      if (!this->world().lives(node)) return this->book().crashed(Run::no_user);
    }
    this->world().input(node, Input{Input::Kind::enter, operation});
  }
  void watch() override {
    this->world().add_check("mutual_exclusion", [this](const auto&, NodeId) { return two_inside_; });
    this->world().add_check("tokens_increase", [this](const auto&, NodeId) { return token_went_back_; });
  }
  void on_crash(NodeId node) {
    Model<MutexModel>::on_crash(node);
    inside_.erase(node);
    if (node == stand_in()) this->book().crashed(Run::no_user);
    if (by_lease || by_stores)
      return;  // the store drops the lease: no epoch is needed, and none would know its tokens
    crashed_ = true;
    this->world().at(this->world().now() + notice_after, [this] { begin_change(); });
  }
  std::optional<std::string> at_end() override {
    if (no_majority()) return std::nullopt;  // nothing is promised to a minority
    auto missed = Model<MutexModel>::at_end();
    if (missed) {
      for (const auto& line : remarks()) *missed += "; " + line;
    }
    return missed;
  }
  std::vector<std::string> remarks() const override {
    std::vector<std::string> lines;
    for (const NodeId id : members_.sites) {
      const Node* node = this->world().node(id);
      if (!node || node->site.phase() != mutex::Phase::waiting) continue;
      std::string line = "site " + std::to_string(id.value) + " waits for";
      for (const NodeId other : node->site.missing()) line += " " + std::to_string(other.value);
      lines.push_back(line);
    }
    return lines;
  }

 private:
  // A crash is noticed, agreed upon and acted on by whoever leads the group; here, after this time.
  static constexpr Duration notice_after = std::chrono::milliseconds(300);

  // Has the users of a site that has none.
  NodeId stand_in() const { return NodeId{Run::no_user.value % sites_at_first_ + 1}; }

  Site make(NodeId self) const {
    classical::Setup setup;
    setup.group = {self, members_.sites};
    setup.options = Run::options(setup_, lossy_);
    if constexpr (!by_lease && !by_stores) {
      setup.options["epoch"] = std::to_string(members_.epoch);
      setup.options["floor"] = std::to_string(members_.floor.value);
    }
    return classical::make_core<Algorithm>(setup).value();
  }

  void ask_next(Node& node, Instant now, Port& port) {
    if (node.current || node.wishes.empty() || changing_) return;
    node.current = node.wishes.front();
    node.wishes.pop_front();
    port.note([] { return "wants in"; });
    this->book().begin(*node.current, port.world_now());
    perform(node, node.site.step(now, mutex::Acquire{}), port);
  }

  void perform(Node& node, const typename Site::Actions& actions, Port& port) {
    for (const auto& action : actions) {
      std::visit(
          [&](const auto& what) {
            using What = std::decay_t<decltype(what)>;
            if constexpr (std::is_same_v<What, typename Site::Send>) {
              port.send(what.to, what.message);
            } else if constexpr (std::is_same_v<What, mutex::Granted>) {
              enter(node, what.token, port);
            } else if constexpr (std::is_same_v<What, election::Lost>) {
              lose(node, port);
            }
          },
          action);
    }
  }

  // By a lease that ran out: the user is stopped.
  void lose(Node& node, Port& port) {
    port.note([] { return "has lost it: its lease was not renewed"; });
    inside_.erase(port.self());
    this->book().end(*node.current, port.world_now());
    node.current.reset();
    port.after(Duration{}, Input{Input::Kind::go_on, 0});
  }

  void enter(Node& node, Token token, Port& port) {
    port.note([&] { return "is inside with token " + std::to_string(token.value); });
    for (const NodeId other : inside_) {
      // A paused leader does nothing, and finds its lease out before it goes on.
      if (!by_lease || this->world().state(other) != sim::NodeState::paused)
        two_inside_ = "site " + std::to_string(other.value) + " is inside too";
    }
    inside_.insert(port.self());
    if (!by_stores && token <= last_token_) {
      token_went_back_ =
          "token " + std::to_string(token.value) + " after " + std::to_string(last_token_.value);
    }
    last_token_ = std::max(last_token_, token);
    if (!node.current) {
      two_inside_ = "a site was let in that did not ask";
      return;
    }
    this->book().answer(*node.current, port.world_now(), token.value);
    port.after(this->book().operation(*node.current).hold, Input{Input::Kind::leave, *node.current});
  }

  void leave(Node& node, Instant now, Port& port) {
    port.note([] { return "leaves"; });
    inside_.erase(port.self());
    this->book().end(*node.current, port.world_now());
    node.current.reset();
    if (changing_) {
      finish_change();
      return;
    }
    perform(node, node.site.step(now, mutex::Release{}), port);
    ask_next(node, now, port);
  }

  // ---- the group's leader
  std::vector<NodeId> survivors() const {
    std::vector<NodeId> alive;
    for (const NodeId id : members_.sites)
      if (this->world().node(id) != nullptr) alive.push_back(id);
    return alive;
  }
  bool no_majority() const { return crashed_ && survivors().size() <= sites_at_first_ / 2; }

  void begin_change() {
    if (no_majority() || survivors().size() == members_.sites.size()) return;
    changing_ = true;
    finish_change();
  }

  void finish_change() {
    if (!inside_.empty() || no_majority()) return;
    const std::vector<NodeId> alive = survivors();
    for (const NodeId id : alive)
      members_.floor = std::max(members_.floor, this->world().node(id)->site.floor());
    members_.sites = alive;
    ++members_.epoch;
    changing_ = false;
    if (this->world().traced())
      this->world().note(NodeId{}, "epoch " + std::to_string(members_.epoch) + " of " +
                                       std::to_string(alive.size()) + " sites");
    for (const NodeId id : alive) {
      Node& node = *this->world().node(id);
      node.site = make(id);
      if (!node.current) continue;
      node.wishes.push_front(*node.current);  // whoever waited asks again
      node.current.reset();
    }
    for (const NodeId id : alive) this->world().input(id, Input{Input::Kind::go_on, 0});
  }

  Setup setup_;
  bool lossy_;
  std::size_t sites_at_first_;
  mutex::Membership members_;
  std::set<NodeId> known_, inside_;
  bool changing_ = false, crashed_ = false;
  Token last_token_;
  std::optional<std::string> two_inside_, token_went_back_;
};

}  // namespace coord::catalogue
