// SPDX-License-Identifier: MIT
// Who votes: an operator's orders, and what the log and listings say of the voters.
#include <algorithm>
#include <utility>

#include "base/counted.hpp"
#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "daemon/nameless.hpp"
#include "daemon/wall_now.hpp"
#include "process/boot_time.hpp"
#include "replica/forwarder.hpp"
#include "replica/raise_counts.hpp"

namespace coord::daemon {

namespace {

constexpr std::size_t most_orders = 256;
constexpr Duration forgotten_after = std::chrono::seconds(10);
constexpr Duration group_begins_within = std::chrono::seconds(10);

const char* words_of(raft::Step step) {
  switch (step) {
    case raft::Step::learn:
      return "learns";
    case raft::Step::promote:
      return "votes";
    case raft::Step::demote:
      return "votes no longer, and learns";
    case raft::Step::remove:
      return "is removed";
  }
  return "";
}

}  // namespace

raft::Voters Daemon::who_votes() const {
  if (const auto* voter = node_->voter()) return voter->raft().voters();
  const auto* forwarder = dynamic_cast<const replica::Forwarder*>(&node_->log());
  return forwarder == nullptr ? raft::Voters{} : raft::Voters{forwarder->voters(), forwarder->learners()};
}

// A new group is at level 1 for a moment.
bool Daemon::may_only_begin() const {
  return process::boot_now() < started_at_ + group_begins_within;
}

// What was ordered is so, as far as this peer knows.
replica::VoterAnswer Daemon::reached() const {
  replica::VoterAnswer answer;
  answer.progress = replica::VoterProgress::done;
  answer.leader = node_->log().leader();
  answer.voters = who_votes();
  return answer;
}

std::string Daemon::name_of_node(NodeId node) const {
  if (node == settings_.node) return settings_.name;
  const net::Roster::Node* const found = settings_.roster.find(node);
  return found != nullptr ? found->name : nameless(node);
}

std::vector<std::string> Daemon::names_of_nodes(const std::vector<NodeId>& nodes) const {
  std::vector<std::string> names;
  for (const NodeId node : nodes) names.push_back(name_of_node(node));
  std::sort(names.begin(), names.end());
  return names;
}

std::string Daemon::words_of(const replica::VoterOrder& order) const {
  const std::string other =
      order.verb == replica::VoterVerb::replace ? " " + name_of_node(order.other) : std::string();
  return fmt::format("{} {}{}", local::name_of(order.verb), name_of_node(order.node), other);
}

void Daemon::order_voters(replica::ConnectionId connection, Tool& tool, const local::OrderVoters& request) {
  const auto refuse = [&](local::RefusedKind kind, const std::string& why) {
    tell(connection, tool, local::Refused{request.request, kind, why.substr(0, 1024)});
  };
  using enum local::RefusedKind;
  if (is_guest(tool)) return refuse(mismatch, "only root and the peer's own user may change the voters");
  if (settings_.is_gateway())
    return refuse(mismatch, "this host's log is kept by an engine: there are no voters");
  if (settings_.alone()) return refuse(mismatch, "this host's peer is alone: there is no group");
  const auto is_so = [&] {
    local::VoterView view = view_of(reached());
    view.request = request.request;
    tell(connection, tool, view);
  };
  const raft::Voters known = who_votes();
  const replica::Replica* const voter = node_->voter();
  if (voter != nullptr && voter->raft().is_removed()) {
    // The order was carried out, on which this host was removed: whoever repeats it is not refused.
    const bool is_other_in =
        request.verb == local::VoterVerb::replace &&
        std::ranges::find(known.voters, settings_.roster.id_of(request.other)) != known.voters.end();
    if (request.name == settings_.name && (request.verb == local::VoterVerb::remove || is_other_in))
      return is_so();
    return refuse(protocol, "this host's peer was removed from the voters: ask on a host that votes");
  }
  replica::VoterOrder order{request.verb, {}, {}, tool.user.substr(0, 255)};
  const bool replaces = request.verb == local::VoterVerb::replace;
  for (const auto& [name, node] : {std::pair{&request.name, &order.node}, {&request.other, &order.other}}) {
    if (node == &order.other && !replaces) continue;
    const auto number = nameless_number(*name);
    *node = number ? *number : settings_.roster.id_of(*name);
    const bool removes = request.verb == local::VoterVerb::remove;
    const bool is_removed =
        number ? was_of_group(*node) && is_out(*node) : has_removed(connection, *name, *node);
    if (removes && is_removed) return is_so();
    const bool is_known = number ? (removes || request.verb == local::VoterVerb::demote) &&
                                       (known.has(*node) || tool.removals.is_only_vote(*node))
                                 : settings_.roster.find(*node) != nullptr && !departing_.contains(*node);
    if (!is_known) return refuse(mismatch, fmt::format("no peer of the group is called '{}'", *name));
  }
  if (request.only_vote) tool.removals.takes_vote(order.node);
  if (tool.removals.size() > most_orders) return refuse(protocol, "too many hosts on one connection");
  // A host without a vote hears from who leads whether there is a vote to be taken.
  if (voter != nullptr && is_forgotten_by(connection, tool, request.request, order, known)) return;
  if (replaces && order.node == order.other) return refuse(mismatch, "a peer cannot replace itself");
  const Instant now = process::boot_now();
  std::erase_if(voter_orders_, [now](const auto& one) { return now >= one.second.began + forgotten_after; });
  if (voter_orders_.size() >= most_orders) return refuse(protocol, "too many such orders at a time");
  if (voter == nullptr && order.verb == replica::VoterVerb::remove)
    tool.removals.asked(order.node, known.has(order.node));
  voter_orders_[++last_order_] = {connection, request.request, now, order};
  push(replica::AskVoters{last_order_, std::move(order)});
}

// A number that was misspelt is nobody's.
bool Daemon::was_of_group(NodeId node) const {
  const service::State& state = node_->log().machine().state();
  return state.registrations.contains(node) || state.retired.contains(node);
}

// By who leads: this host is a little behind, and may take one that votes for one that does not.
bool Daemon::is_forgotten_as_told(const VoterAsker& asker, Tool& tool, const replica::VoterAnswer& told) {
  return asker.order.verb == replica::VoterVerb::remove && tool.removals.hears(asker.order.node, told) &&
         is_forgotten_by(asker.connection, tool, asker.request, asker.order, told.voters);
}

// To be removed, it is only forgotten, as it has no vote: that is told. A tool says its order again until it
// is done: what takes the vote does not forget the host as well.
bool Daemon::is_forgotten_by(replica::ConnectionId connection, Tool& tool, std::uint64_t request,
                             const replica::VoterOrder& order, const raft::Voters& known) {
  if (order.verb != replica::VoterVerb::remove) return false;
  // Until that is committed it may vote again, and whoever says so again has not heard that it does not.
  const replica::Replica* const voter = node_->voter();
  const bool has_vote =
      known.has(order.node) ||
      (voter != nullptr && replica::voters_of(voter->raft(), voter->raft().commit_index()).has(order.node));
  if (has_vote) tool.removals.takes_vote(order.node);
  const net::Roster::Node* const named = settings_.roster.find(order.node);
  if (named == nullptr || tool.removals.is_only_vote(order.node)) return false;
  const Instant asked = tool.removals.forgets(order.node, process::boot_now());
  auto view = remove_member(connection, order.by, *named, known, asked);
  if (!view) return false;
  view->request = request;
  tell(connection, tool, *view);
  return true;
}

// Of --rejoin: what is in its way is said once.
void Daemon::note_refusal(const replica::VoterAnswer& answer) {
  if (answer.progress == replica::VoterProgress::nobody_leads) return;  // of one that does not lead either
  const local::VoterView view = view_of(answer);
  const std::string why = view.refused ? fmt::format("{}: {}", view.what, view.remedy) : std::string();
  if (why == std::exchange(refused_order_, why) || why.empty()) return;
  log_(net::LogLevel::warning, fmt::format("rejoin: it waits: {}", why));
}

void Daemon::perform(replica::VotersAnswered&& action) {
  if (action.ticket == nobodys_order) return note_refusal(action.answer);
  const auto found = voter_orders_.find(action.ticket);
  if (found == voter_orders_.end()) return;
  const VoterAsker asker = std::move(found->second);
  voter_orders_.erase(found);
  const auto tool = tools_.find(asker.connection);
  if (tool == tools_.end() || !tool->second.connected) return;
  if (node_->voter() == nullptr && is_forgotten_as_told(asker, tool->second, action.answer)) return;
  local::VoterView view = view_of(action.answer);
  view.request = asker.request;
  view.takes_vote = tool->second.removals.is_only_vote(asker.order.node);
  tell(asker.connection, tool->second, view);
}

local::VoterView Daemon::view_of(const replica::VoterAnswer& answer) const {
  using enum replica::VoterProgress;
  local::VoterView view;
  view.done = answer.progress == done;
  view.refused = answer.refusal != replica::VoterRefusal::none;
  view.quorum = answer.leader != NodeId{};
  if (view.quorum) view.leader = name_of_node(answer.leader);
  view.voters = names_of_nodes(answer.voters.voters);
  view.learners = names_of_nodes(answer.voters.learners);
  if (answer.refusal == replica::VoterRefusal::too_early && may_only_begin()) {
    view.refused = false;
    view.what = only_begun;
    return view;
  }
  if (view.refused) {
    add_refusal(answer, view);
    return view;
  }
  switch (answer.progress) {
    case done:
      break;
    case nobody_leads:
      view.what = "nobody leads";
      break;
    case is_proposed:
      view.what = answer.about == NodeId{}
                      ? "a change is being committed"
                      : fmt::format("a change of {} is being committed", name_of_node(answer.about));
      break;
    case catches_up:
      view.what = fmt::format("{} catches up: {} entries behind", name_of_node(answer.about), answer.lacking);
      break;
    case hands_over:
      view.what = answer.about == NodeId{} ? fmt::format("{} hands the leadership over", view.leader)
                                           : fmt::format("{} hands the leadership over to {}", view.leader,
                                                         name_of_node(answer.about));
      break;
    case leads_newly:
      view.what = fmt::format("{} leads only now", view.leader);
      break;
    case waits_rejoined:
      view.what = answer.about == NodeId{}
                      ? "a voter that has lost its state catches up"
                      : fmt::format("{} has not come to the group as it is now", name_of_node(answer.about));
      break;
  }
  return view;
}

void Daemon::add_refusal(const replica::VoterAnswer& answer, local::VoterView& view) const {
  const std::string about = name_of_node(answer.about);
  switch (answer.refusal) {
    using enum replica::VoterRefusal;
    case none:
      return;
    case other_order:
      view.what = answer.other_order ? fmt::format("another change is under way: {}, ordered by {}",
                                                   words_of(*answer.other_order), answer.other_order->by)
                                     : "another change is under way";
      view.remedy = "try again when it is done";
      return;
    case no_majority:
      view.what = "too few of the voters that there would be have answered in the last second";
      view.remedy = "start those that do not run, or remove a dead one first: `dpeers` shows them";
      return;
    case last_voter:
      view.what = fmt::format("{} is the only one that votes", about);
      view.remedy = "promote another one first";
      return;
    case too_many:
      view.what = fmt::format("{} vote and {} learn already, and 15 of each is the most", view.voters.size(),
                              view.learners.size());
      view.remedy = "remove one first";
      return;
    case no_voter:
      view.what = fmt::format("{} does not vote, so it cannot lead", about);
      view.remedy = fmt::format("`dpeers promote {}` first", about);
      return;
    case not_there:
      view.what = fmt::format("{} does not vote", about);
      view.remedy = "`dpeers` shows the voters";
      return;
    case does_not_answer:
      view.what = fmt::format("{} does not answer", about);
      view.remedy = "start it, or choose another one";
      return;
    case cannot_write:
      view.what = fmt::format("the disk of {} takes nothing now", about);
      view.remedy = "look after that disk, or choose another one";
      return;
    case has_lost_state:
      view.what = fmt::format("{} has lost its state, and has not caught up", about);
      view.remedy = "wait, or choose another one";
      return;
    case too_early:
      view.what = "the group is at level 1, and its voters can change from level 2 on";
      view.remedy = "see `dpeers level`";
      return;
  }
}

// Each step of an order, at who leads.
void Daemon::perform(replica::VoterStep&& action) {
  const replica::VoterOrder& order = action.order;
  const std::string what = action.change ? fmt::format("{} {}", name_of_node(action.change->node),
                                                       daemon::words_of(action.change->step))
                                         : std::string("the leadership is handed over");
  log_.audit(fmt::format("voters: {}: {}, ordered by {}", words_of(order), what, order.by),
             {{"COORD_EVENT", "voters"},
              {"COORD_NAME", name_of_node(action.change ? action.change->node : order.node)},
              {"COORD_USER", order.by}});
}

void Daemon::perform(replica::VotersChanged&& action) {
  const std::string voters = joined(names_of_nodes(action.voters.voters));
  const std::string learners = joined(names_of_nodes(action.voters.learners));
  log_.audit(fmt::format("voters from entry {} on: {}{}", action.index.value, voters,
                         learners.empty() ? "" : fmt::format("; learners: {}", learners)),
             {{"COORD_EVENT", "voters"}, {"COORD_NAME", voters}});
}

// Of any peer, this one too: what it is by the log.
void Daemon::add_vote(local::PeerRecord& record, NodeId node) const {
  if (node_->voter() == nullptr) {
    if (!record.voter && record.role != "leader" && learns(node)) record.role = "learner";
    return;
  }
  const raft::Raft& raft = node_->voter()->raft();
  if (raft.role() == raft::Role::bootstrap) return;
  record.voter = raft.voters().votes(node);
  if (record.voter || record.role == "leader") return;
  record.role = raft.voters().learns(node) ? "learner" : "member";
}

}  // namespace coord::daemon
