// SPDX-License-Identifier: MIT
// A host that neither votes nor learns is removed (`dpeers remove`): the group forgets it.
#include <algorithm>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "daemon/reach.hpp"
#include "daemon/ring_hosts.hpp"
#include "process/boot_time.hpp"

namespace coord::daemon {

namespace {

constexpr Duration told_so_for = std::chrono::seconds(10);  // that it is removed
constexpr std::size_t most_named = 5;

}  // namespace

// It is connected, or the others say so.
bool Daemon::seems_alive(NodeId node) const {
  if (node == settings_.node) return true;
  const auto* members = membership();
  const auto view = members == nullptr ? std::nullopt : members->view(process::boot_now(), node);
  return (view && view->member.state == membership::State::alive) || is_connected(node);
}

bool Daemon::is_connected(NodeId node) const {
  if (node == settings_.node) return true;
  const std::string name = name_of_node(node);
  const std::vector<net::PeerStatus> links = transport_->status();
  return std::ranges::any_of(links, [&](const net::PeerStatus& link) {
    return link.name == name && (link.link.answers || link.incoming);
  });
}

// Since then, by this very peer. Two hosts without a vote keep no link to each other.
bool Daemon::has_been_heard(NodeId node, Instant asked) const {
  if (node == settings_.node) return true;
  const std::string name = name_of_node(node);
  return std::ranges::any_of(transport_->status(), [&](const net::PeerStatus& status) {
    return status.name == name && lives_since(status, asked);
  });
}

// A host that is in a ring has copies of its keys, and serves them only as long as it is of the group. One
// that does not live serves none. Nothing: the host may go.
std::optional<local::VoterView> Daemon::keep_copies(NodeId node) const {
  const std::string* const ring = ring_of(node_->log().machine().state(), node);
  if (ring == nullptr || !seems_alive(node)) return std::nullopt;
  local::VoterView view = view_of(reached());
  view.done = false;
  view.refused = true;
  view.what = fmt::format("{} has copies of the keys of ring '{}', and would serve them no more",
                          name_of_node(node), *ring);
  view.remedy = "let it leave first: `chordctl leave` there; or stop its coordd, if it is gone for good";
  return view;
}

// What this very tool has ordered is done, though the host may have come back since; any tool is told so as
// long as nobody has that name.
bool Daemon::has_removed(replica::ConnectionId by, const std::string& name, NodeId node) const {
  const auto found = removed_.find(name);
  if (found == removed_.end() || process::boot_now() >= found->second.when + told_so_for) return false;
  // It is being given a vote: forgotten now, nobody could name it.
  if (who_votes().has(found->second.node)) return false;
  const service::ClientId now = node_->log().machine().registration(node);
  if (now == service::ClientId{}) return true;
  return found->second.by == by && found->second.registration != now;
}

// A founder that lives stays, as the others have it in their lists: it has no vote, which is all that is
// done. One that has not been heard since `asked` is waited for, until it is, or is held dead. Nothing: it is
// held dead, or is no founder.
std::optional<local::VoterView> Daemon::keep_founder(const net::Roster::Node& node, Instant asked) const {
  if (!node.founder || !seems_alive(node.id)) return std::nullopt;
  local::VoterView view = view_of(reached());
  view.done = has_been_heard(node.id, asked);
  view.what = view.done ? fmt::format("{} has no vote, and stays of the group: it is of the list, and lives",
                                      node.name)
                        : fmt::format("{} has not been heard since, and is not held dead yet", node.name);
  return view;
}

// Of a host that has no vote: it is forgotten, once nothing is held there; a founder's if it is dead, too. It
// registers again if it comes back. Nothing: the host has a vote, or learns.
std::optional<local::VoterView> Daemon::remove_member(replica::ConnectionId by, const std::string& user,
                                                      const net::Roster::Node& node,
                                                      const raft::Voters& known, Instant asked) {
  const service::StateMachine& machine = node_->log().machine();
  if (known.has(node.id)) return std::nullopt;
  local::VoterView view = view_of(reached());
  view.done = false;
  // It may vote again, if who leads now has not got that it does not.
  const replica::Replica* const voter = node_->voter();
  if (voter != nullptr && voter->raft().voters_index() > voter->raft().commit_index()) {
    view.what = "a change is being committed";
    return view;
  }
  if (auto kept = keep_founder(node, asked)) return kept;
  if (auto kept = keep_copies(node.id)) return kept;
  if (node.id == settings_.node) {
    view.refused = true;
    view.what = "this peer would end before it could tell that it is done";
    view.remedy = fmt::format("`dpeers remove {}` on another host of the group", node.name);
    return view;
  }
  const std::vector<SessionId> sessions = machine.sessions_of(node.id);
  if (!sessions.empty()) {
    std::string some;
    for (std::size_t i = 0; i < sessions.size() && i < most_named; ++i) {
      const service::Owner& owner = machine.state().sessions.at(sessions[i]).owner;
      some += fmt::format("{}{} of {} (pid {})", i == 0 ? "" : ", ", owner.command.substr(0, 40), owner.user,
                          owner.pid);
    }
    if (sessions.size() > most_named) some += fmt::format(" and {} more", sessions.size() - most_named);
    view.refused = is_heard(node.id) || seems_alive(node.id);
    view.what = fmt::format("{} holds or waits for something: {}", node.name, some);
    view.remedy = "end these commands first, or stop its coordd: its holds end with their leases";
    return view;
  }
  const service::ClientId registration = machine.registration(node.id);
  view.done = registration == service::ClientId{};
  if (view.done) return view;
  if (!machine.may_forget(node.id)) {
    view.refused = true;
    view.what = fmt::format("its group has noted {} hosts that have voted and are gone, which is the most",
                            machine.limits().retired);
    view.remedy = fmt::format("leave {} in the group, or found it anew (coordd --found-from)", node.name);
    return view;
  }
  removed_[node.name] = {node.id, by, registration, process::boot_now()};
  view.what = fmt::format("{} is being forgotten", node.name);
  if (is_new_order(by, view.what))
    log_.audit(fmt::format("voters: {} is forgotten, ordered by {}", node.name, user),
               {{"COORD_EVENT", "voters"}, {"COORD_NAME", node.name}, {"COORD_USER", user}});
  push(replica::PutIntoLog{service::Forget{node.id, registration, true}});
  return view;
}

}  // namespace coord::daemon
