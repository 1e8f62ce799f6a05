// SPDX-License-Identifier: MIT
// Circles of waits, found by probes between the hosts (dlock --waits --algorithm cmh).
//
// Problem: a command that is inside by a classical algorithm waits for a plain lock, whose holder waits to
// enter there. The group's graph (service/locks/wait_graph.cpp) has half of that: who is inside of a name
// that is entered by an algorithm only its sites know. Algorithm (Chandy, Misra and Haas, "Distributed
// Deadlock Detection", 1983, the AND model): each host sends a probe for each wait of its own. A host that
// gets one for a session sends it on along all that commands of this session wait for, once for each
// initiator. One that comes back to its initiator has gone round a circle. Edges of plain locks are in the
// log, wherever it is read. Whom one waits for who waits to enter is asked of the epoch's sites: the one that
// is inside, and holds him up by its own state, answers by sending the probe on.
//
// While probes travel waits come and go, and a path of edges of which each was there at its own time is no
// circle. So each edge has the number of its wait, and all is done twice, one after the other: an edge that
// was found both times, with the same number, was there all the time between.
//
// A probe that is lost finds nothing, and is not missed; a host that does not answer in both rounds is
// named. Whoever waits for a circle that only such a host could have shown is not told of it.
#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "agreements/part.hpp"
#include "base/rule.hpp"

namespace coord::agreements {

namespace {

using Why = CannotTell::Why;

constexpr Duration round_lasts = std::chrono::milliseconds(700);
constexpr Duration search_lasts = std::chrono::seconds(5);
constexpr std::size_t longest_path = 32, most_searches = 16, most_dependent = 8'192, most_circles = 256;
constexpr std::ptrdiff_t most_searches_of_node = 8;

// The same circle begins wherever its first probe did.
std::vector<WaitStep> from_the_least(std::vector<WaitStep> circle) {
  const auto least = std::ranges::min_element(
      circle, {}, [](const WaitStep& step) { return std::pair(step.waiter, step.number); });
  std::rotate(circle.begin(), least, circle.end());
  return circle;
}

// Of waits each of which was seen both times. Which of several circles a probe goes round first is not the
// same each time: one counts if other circles have shown its waits.
std::set<std::vector<WaitStep>> found_twice(const std::set<std::vector<WaitStep>>& first,
                                            const std::set<std::vector<WaitStep>>& second) {
  std::set<WaitStep> then, now;
  for (const auto& circle : first) then.insert(circle.begin(), circle.end());
  for (const auto& circle : second) now.insert(circle.begin(), circle.end());
  std::set<std::vector<WaitStep>> both;
  for (const auto* found : {&first, &second}) {
    for (const auto& circle : *found) {
      const bool was_there = std::ranges::all_of(
          circle, [&](const WaitStep& step) { return then.contains(step) && now.contains(step); });
      if (COORD_RULE(a_circle_is_found_twice, was_there)) both.insert(circle);
    }
  }
  return both;
}

}  // namespace

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const FindCircles&) {
  if (finding_.size() >= most_searches_of_node)
    return tell(tool, CannotTell{Why::no_majority, "too many of these at once: try again"});
  Finding finding;
  finding.tool = tool;
  finding_.push_back(std::move(finding));
  begin_round(moment, finding_.back());
}

void AgreementsPart::begin_round(const node::Moment& moment, Finding& finding) {
  ++finding.round;
  finding.number = ++last_question_;
  finding.until = moment.now + round_lasts;
  // A founder that was removed would be missed for ever.
  std::vector<NodeId> others = known_;
  std::erase_if(others, [&](NodeId node) { return node == self_ || !log_->has_place(moment, node); });
  if (COORD_RULE_OR(who_answers_one_round_only_is_named, true, finding.round == 1)) {
    finding.missed.merge(finding.silent);
    finding.silent = {others.begin(), others.end()};
  }
  const Probe begin{Probe::Kind::begin, self_, finding.number, {}, {}};
  for (const NodeId node : others) say(node, begin);
  begin_search(moment, begin);
}

// A probe for each wait of this host's sessions.
void AgreementsPart::begin_search(const node::Moment& moment, const Probe& probe) {
  std::set<SessionId> own;
  for (const GroupLog::Wait& wait : waits_now(moment).waits) {
    if (log_->home_of(moment, wait.waiter) == self_) own.insert(wait.waiter);
  }
  for (const auto& [epoch, region] : regions_) {
    for (const Entrance& each : region.waiting) own.insert(each.session);
  }
  for (const SessionId session : own) chase(moment, probe, session, {});
}

// The log's, looked through once as long as it stays.
const Waits& AgreementsPart::waits_now(const node::Moment& moment) {
  const LogIndex position = log_->position(moment);
  if (waits_ && waits_->position == position) return *waits_;
  waits_ = Waits{position, log_->waits(moment), {}};
  for (std::size_t i = 0; i < waits_->waits.size(); ++i) {
    waits_->by_session.emplace(waits_->waits[i].waiter, i);
    for (const SessionId outer : waits_->waits[i].outer) waits_->by_session.emplace(outer, i);
  }
  return *waits_;
}

Search& AgreementsPart::search_of(const node::Moment& moment, const Probe& probe) {
  std::erase_if(searches_, [&](const auto& entry) { return entry.second.until <= moment.now; });
  if (searches_.size() >= most_searches) searches_.erase(searches_.begin());
  Search& search = searches_[{probe.origin, probe.search}];
  search.until = moment.now + search_lasts;
  return search;
}

// At the home of `session`: what it waits for, or a command that it runs does.
void AgreementsPart::chase(const node::Moment& moment, const Probe& probe, SessionId session,
                           const std::vector<WaitStep>& path) {
  const SessionId initiator = path.empty() ? session : path.front().waiter;
  Search& search = search_of(moment, probe);
  if (search.dependent.size() >= most_dependent || path.size() >= longest_path) return;
  // Its own session was asked for at the start: whoever stands behind it in a line leads back there.
  const bool is_back = !path.empty() && session == initiator;
  if (!search.dependent.emplace(initiator, session).second && !is_back) return;
  if (is_back || (!path.empty() && is_inside_of(moment, initiator, session))) {
    const Probe found{Probe::Kind::found, probe.origin, probe.search, {}, path};
    if (probe.origin == self_) return heard(moment, self_, found);
    return say(probe.origin, found);
  }
  const auto is_under = [&](SessionId waiter, const std::vector<SessionId>& outer) {
    if (waiter == session) return true;
    return !path.empty() && std::ranges::find(outer, session) != outer.end();
  };
  const Waits& now = waits_now(moment);
  const auto [first, last] = now.by_session.equal_range(session);
  std::vector<GroupLog::Wait> under;
  for (auto at = first; at != last; ++at) {
    const GroupLog::Wait& wait = now.waits[at->second];
    if (is_under(wait.waiter, wait.outer)) under.push_back(wait);
  }
  for (const GroupLog::Wait& wait : under) {
    for (const SessionId blocker : wait.blockers)
      pass_on(moment, probe, path, {wait.waiter, blocker, wait.number, wait.name, false});
  }
  for (auto& [epoch, region] : regions_) {
    for (const Entrance& each : region.waiting) {
      if (!is_under(each.session, each.outer)) continue;
      const WaitStep step{each.session, {}, each.number, region.known.name, true};
      Probe question = probe;
      question.kind = Probe::Kind::who_is_inside;
      question.epoch = epoch;
      question.path = path;
      question.path.push_back(step);
      if (region.inside) held_up(moment, question, self_, region);
      for (const service::DecisionSite& site : region.known.sites) {
        if (site.node != self_) say(site.node, question);
      }
    }
  }
}

// The edge is there: to the home of whom is waited for.
void AgreementsPart::pass_on(const node::Moment& moment, const Probe& probe, std::vector<WaitStep> path,
                             WaitStep step) {
  path.push_back(std::move(step));
  const NodeId to = log_->home_of(moment, path.back().blocker).value_or(NodeId{});
  const Probe on{Probe::Kind::chase, probe.origin, probe.search, {}, std::move(path)};
  if (to == self_) {
    heard(moment, self_, on);
  } else if (is_known(to)) {
    say(to, on);
  }
}

// Whether this wait is one of a command that `outer` runs.
bool AgreementsPart::is_inside_of(const node::Moment& moment, SessionId waiter, SessionId outer) {
  const Waits& now = waits_now(moment);
  const auto [first, last] = now.by_session.equal_range(waiter);
  for (auto at = first; at != last; ++at) {
    const GroupLog::Wait& wait = now.waits[at->second];
    if (wait.waiter == waiter && std::ranges::find(wait.outer, outer) != wait.outer.end()) return true;
  }
  for (const auto& [epoch, region] : regions_) {
    for (const Entrance& each : region.waiting) {
      if (each.session == waiter && std::ranges::find(each.outer, outer) != each.outer.end()) return true;
    }
  }
  return false;
}

// At a site of the epoch; `from` is the one of which the last of the path waits.
void AgreementsPart::held_up(const node::Moment& moment, const Probe& question, NodeId from, Region& region) {
  if (!region.inside || question.path.empty()) return;
  const bool holds_up = from == self_ || region.core->holds_up(from);
  if (!holds_up) return;
  std::vector<WaitStep> path = question.path;
  WaitStep step = std::move(path.back());
  path.pop_back();
  step.blocker = *region.inside;
  pass_on(moment, question, std::move(path), std::move(step));
}

void AgreementsPart::heard(const node::Moment& moment, NodeId from, const Probe& what) {
  if (what.path.size() > longest_path) return out_.push_back(node::Unreadable{"it is no probe"});
  switch (what.kind) {
    case Probe::Kind::begin:
      say(from, Probe{Probe::Kind::begun, what.origin, what.search, {}, {}});
      return begin_search(moment, what);
    case Probe::Kind::begun:
      for (Finding& finding : finding_) {
        if (finding.number == what.search) finding.silent.erase(from);
      }
      return;
    case Probe::Kind::chase:
      if (!what.path.empty()) chase(moment, what, what.path.back().blocker, what.path);
      return;
    case Probe::Kind::who_is_inside:
      if (const auto region = regions_.find(what.epoch); region != regions_.end())
        held_up(moment, what, from, region->second);
      return;
    case Probe::Kind::found:
      for (Finding& finding : finding_) {
        auto& found = finding.round == 1 ? finding.first : finding.second;
        if (finding.number == what.search && found.size() < most_circles && !what.path.empty())
          found.insert(from_the_least(what.path));
      }
      return;
  }
}

void AgreementsPart::circles_go_on(const node::Moment& moment) {
  std::erase_if(finding_, [&](Finding& finding) {
    if (finding.until > moment.now) return false;
    if (finding.round == 1) {
      begin_round(moment, finding);
      return false;
    }
    Circles circles;
    for (const std::vector<WaitStep>& circle : found_twice(finding.first, finding.second))
      circles.circles.push_back({circle, {}});
    for (Circle& circle : circles.circles) {
      for (const WaitStep& step : circle.steps) circle.waiters.push_back(log_->party(moment, step.waiter));
    }
    finding.missed.merge(finding.silent);
    for (const NodeId node : finding.missed) circles.silent.push_back(host_of(node));
    tell(finding.tool, circles);
    return true;
  });
}

}  // namespace coord::agreements
