// SPDX-License-Identifier: MIT
#include "protocol/broadcast/ghs.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::broadcast {

namespace {

constexpr std::size_t messages_waiting = 8;  // for each edge; a neighbour has at most one of each kind there

}  // namespace

SpanningTree::SpanningTree(Config config) : config_(std::move(config)) {
  for (const auto& [node, weight] : config_.neighbours) {
    edges_[node].weight = Weight::of(weight, config_.self, node);
  }
}

SpanningTree::Actions SpanningTree::step(Instant, const Event& event) {
  Actions actions;
  std::visit([&](const auto& what) { on(what, actions); }, event);
  return actions;
}

std::set<NodeId> SpanningTree::branches() const {
  std::set<NodeId> all;
  for (const auto& [node, edge] : edges_) {
    if (edge.state == EdgeState::branch) all.insert(node);
  }
  return all;
}

void SpanningTree::on(const Wake&, Actions& actions) {
  if (state_ != State::sleeping) return;
  state_ = State::found;
  if (edges_.empty()) {
    complete_ = true;
    return actions.push_back(Complete{});
  }
  const auto least = std::min_element(edges_.begin(), edges_.end(), [](const auto& a, const auto& b) {
    return a.second.weight < b.second.weight;
  });
  least->second.state = EdgeState::branch;
  actions.push_back(Send{least->first, Connect{0}});
}

void SpanningTree::on(const Receive& what, Actions& actions) {
  if (!edges_.contains(what.from)) return;
  on(Wake{}, actions);
  const bool done =
      std::visit([&](const auto& message) { return receive(what.from, message, actions); }, what.message);
  if (done) {
    try_waiting(actions);
  } else if (waiting_.size() < messages_waiting * edges_.size()) {
    waiting_.push_back(what);
  }
}

// Something has changed: what waited is tried again, in its order, until nothing can be dealt with.
void SpanningTree::try_waiting(Actions& actions) {
  for (std::size_t i = 0; i < waiting_.size();) {
    const Receive what = waiting_[i];
    const bool done =
        std::visit([&](const auto& message) { return receive(what.from, message, actions); }, what.message);
    if (done) waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    i = done ? 0 : i + 1;
  }
}

bool SpanningTree::receive(NodeId from, const Connect& message, Actions& actions) {
  Edge& edge = edges_.at(from);
  if (message.level < level_) {  // it is absorbed
    edge.state = EdgeState::branch;
    actions.push_back(Send{from, Initiate{level_, fragment_, state_ == State::find}});
    if (COORD_RULE_OR(ghs_absorbed_while_searching_reports, state_ == State::find, false)) ++reports_awaited_;
    return true;
  }
  if (COORD_RULE_OR(ghs_connect_of_equals_waits, edge.state == EdgeState::basic, false)) return false;
  actions.push_back(Send{from, Initiate{level_ + 1, edge.weight, true}});  // both chose it: the new core
  return true;
}

bool SpanningTree::receive(NodeId from, const Initiate& message, Actions& actions) {
  level_ = message.level;
  fragment_ = message.fragment;
  state_ = message.find ? State::find : State::found;
  towards_core_ = from;
  best_edge_.reset();
  best_.reset();
  for (const auto& [node, edge] : edges_) {
    if (node == from || edge.state != EdgeState::branch) continue;
    actions.push_back(Send{node, message});
    if (message.find) ++reports_awaited_;
  }
  if (message.find) test(actions);
  return true;
}

void SpanningTree::test(Actions& actions) {
  testing_.reset();
  for (const auto& [node, edge] : edges_) {
    if (edge.state != EdgeState::basic) continue;
    if (!testing_ || edge.weight < edges_.at(*testing_).weight) testing_ = node;
  }
  if (testing_) {
    actions.push_back(Send{*testing_, Test{level_, fragment_}});
  } else {
    report(actions);
  }
}

bool SpanningTree::receive(NodeId from, const Test& message, Actions& actions) {
  if (COORD_RULE_OR(ghs_test_of_a_higher_level_waits, message.level > level_, false)) return false;
  if (message.fragment != fragment_) {
    actions.push_back(Send{from, Accept{}});
    return true;
  }
  Edge& edge = edges_.at(from);
  if (edge.state == EdgeState::basic) edge.state = EdgeState::rejected;
  if (testing_ != from) {
    actions.push_back(Send{from, Reject{}});
  } else {
    test(actions);  // both tested it: no answer is needed
  }
  return true;
}

bool SpanningTree::receive(NodeId from, const Accept&, Actions& actions) {
  testing_.reset();
  consider(edges_.at(from).weight, from);
  report(actions);
  return true;
}

bool SpanningTree::receive(NodeId from, const Reject&, Actions& actions) {
  Edge& edge = edges_.at(from);
  if (edge.state == EdgeState::basic) edge.state = EdgeState::rejected;
  test(actions);
  return true;
}

void SpanningTree::consider(const std::optional<Weight>& weight, NodeId over) {
  if (!weight || (best_ && *best_ <= *weight)) return;
  best_ = weight;
  best_edge_ = over;
}

void SpanningTree::report(Actions& actions) {
  if (!COORD_RULE(ghs_report_waits_for_children, reports_awaited_ == 0) || testing_) return;
  state_ = State::found;
  if (towards_core_.value != 0) actions.push_back(Send{towards_core_, Report{best_}});
}

bool SpanningTree::receive(NodeId from, const Report& message, Actions& actions) {
  if (from != towards_core_) {
    if (reports_awaited_ > 0) --reports_awaited_;
    consider(message.best, from);
    report(actions);
    return true;
  }
  // From the other end of the core.
  if (state_ == State::find) return false;
  if (message.best && (!best_ || *message.best < *best_)) return true;  // the better one is on its side
  if (best_) {
    change_root(actions);
  } else if (!complete_) {
    complete_ = true;
    actions.push_back(Complete{});
  }
  return true;
}

bool SpanningTree::receive(NodeId, const ChangeRoot&, Actions& actions) {
  change_root(actions);
  return true;
}

void SpanningTree::change_root(Actions& actions) {
  if (!best_edge_) return;
  Edge& edge = edges_.at(*best_edge_);
  if (edge.state == EdgeState::branch) return actions.push_back(Send{*best_edge_, ChangeRoot{}});
  edge.state = EdgeState::branch;
  actions.push_back(Send{*best_edge_, Connect{level_}});
}

namespace {

using S = SpanningTree;
std::string of(const Weight& w) {
  return fmt::format("{} ({}-{})", w.weight, w.low.value, w.high.value);
}
std::string line(const S::Connect& m) {
  return fmt::format("connect at level {}", m.level);
}
std::string line(const S::Initiate& m) {
  return fmt::format("initiate level {} of {}", m.level, of(m.fragment));
}
std::string line(const S::Test& m) {
  return fmt::format("test level {} of {}", m.level, of(m.fragment));
}
std::string line(const S::Accept&) {
  return "accept";
}
std::string line(const S::Reject&) {
  return "reject";
}
std::string line(const S::Report& m) {
  return fmt::format("report {}", m.best ? of(*m.best) : std::string("nothing"));
}
std::string line(const S::ChangeRoot&) {
  return "change root";
}

}  // namespace

std::string text(const SpanningTree::Message& message) {
  return std::visit([](const auto& what) { return line(what); }, message);
}

}  // namespace coord::broadcast
