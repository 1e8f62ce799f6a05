// SPDX-License-Identifier: MIT
#include "protocol/deadlock/central_graph.hpp"

#include <algorithm>

#include "base/rule.hpp"

namespace coord::deadlock {

CentralGraph::Actions CentralGraph::step(Instant now, const Event& event) {
  Actions actions;
  now_ = now;
  std::visit([&](const auto& what) { on(now, what, actions); }, event);
  return actions;
}

void CentralGraph::on(Instant, const Ask& ask, Actions& actions) {
  if (self() != coordinator_ && begin(ask, actions)) report(actions);
}

void CentralGraph::on(Instant now, const Tick&, Actions& actions) {
  if (!look_at_ || now < *look_at_) return;
  look_at_.reset();
  look_for_cycle(actions);
}

void CentralGraph::on(Instant, const Receive& what, Actions& actions) {
  std::visit([&](const auto& message) { hear_own(what.from, message, actions); }, what.message);
}

void CentralGraph::hear_own(NodeId from, const Reply& reply, Actions& actions) {
  const std::size_t before = waits_for().size();
  hear(from, reply, actions);
  if (waits_for().size() != before) report(actions);
}

void CentralGraph::report(Actions& actions) {
  actions.push_back(Send{coordinator_, Waits{wait(), age().time, waits_for()}});
}

void CentralGraph::hear_own(NodeId, const Still& still, Actions& actions) {
  const bool asked = COORD_RULE(graph_no_answer_on_its_way, is_asked_by(still.asker, still.asker_wait));
  actions.push_back(Send{coordinator_, Confirm{still.wait, waits() && still.wait == wait() && asked}});
}

void CentralGraph::hear_own(NodeId from, const Kill& kill, Actions& actions) {
  if (from != coordinator_ || !waits()) return;
  if (!COORD_RULE(graph_kill_names_its_wait, kill.wait == wait())) return;
  give_up(actions);
  report(actions);
}

// ---- the coordinator

void CentralGraph::hear_own(NodeId from, const Waits& waits, Actions& actions) {
  if (waits.processes.empty()) {
    graph_.erase(from);
  } else {
    graph_[from] = {waits.wait, {waits.time, from}, waits.processes};
  }
  if (std::ranges::find(suspected_, from) != suspected_.end()) forget_suspicion();
  look_for_cycle(actions);
}

void CentralGraph::hear_own(NodeId from, const Confirm& confirm, Actions& actions) {
  const auto found = graph_.find(from);
  if (found == graph_.end() || found->second.wait != confirm.wait || !open_.contains(from)) return;
  if (!COORD_RULE(graph_all_say_yes, confirm.yes)) {
    forget_suspicion();
    look_at_ = now_ + patience_;
    return;
  }
  open_.erase(from);
  if (open_.empty()) kill_youngest(actions);
}

void CentralGraph::forget_suspicion() {
  suspected_.clear();
  open_.clear();
}

void CentralGraph::look_for_cycle(Actions& actions) {
  if (!suspected_.empty()) return;  // one at a time
  for (const auto& [process, known] : graph_) {
    auto cycle = cycle_from(process);
    if (!cycle) continue;
    suspected_ = std::move(*cycle);
    if (!COORD_RULE_OR(graph_cycle_is_confirmed, true, false)) return kill_youngest(actions);
    open_ = {suspected_.begin(), suspected_.end()};
    NodeId before = suspected_.back();
    for (const NodeId member : suspected_) {
      actions.push_back(Send{member, Still{graph_.at(member).wait, before, graph_.at(before).wait}});
      before = member;
    }
    return;
  }
}

// Depth first, along the reported edges, back to where it began.
std::optional<std::vector<NodeId>> CentralGraph::cycle_from(NodeId process) const {
  std::vector<NodeId> path = {process};
  std::set<NodeId> seen;
  const auto search = [&](const auto& self_search) -> bool {
    const auto known = graph_.find(path.back());
    if (known == graph_.end()) return false;
    for (const NodeId next : known->second.processes) {
      if (next == process) return true;
      if (!seen.insert(next).second) continue;
      path.push_back(next);
      if (self_search(self_search)) return true;
      path.pop_back();
    }
    return false;
  };
  if (!search(search)) return std::nullopt;
  return path;
}

void CentralGraph::kill_youngest(Actions& actions) {
  NodeId victim = suspected_.front();
  for (const NodeId member : suspected_) {
    const bool is_younger = graph_.at(victim).age < graph_.at(member).age;
    if (COORD_RULE_OR(graph_youngest_gives_up, is_younger, true)) victim = member;
  }
  actions.push_back(Send{victim, Kill{graph_.at(victim).wait}});
  graph_.erase(victim);  // its edges are as good as gone
  forget_suspicion();
  look_for_cycle(actions);
}

}  // namespace coord::deadlock
