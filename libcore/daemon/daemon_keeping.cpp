// SPDX-License-Identifier: MIT
// How many hosts vote (dpeers voters N), and where each is reached (dpeers move): what stands in the
// replicated state. An order is made from what this peer sees of that, and is void where it has changed
// since: the tool says it again until it is so.
#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "daemon/daemon.hpp"
#include "process/boot_time.hpp"

namespace coord::daemon {

namespace {

constexpr Duration replaced_after = std::chrono::minutes(10);  // if nobody says another time

std::string words_of_kept(const local::VoterView& view) {
  if (view.kept == 0) return "the group does not change its voters by itself";
  const auto pause_s = view.pause / std::chrono::seconds(1);
  return fmt::format("the group keeps {} voter{}: one that has not been heard for {} s is replaced{}",
                     view.kept, view.kept == 1 ? "" : "s", view.after / std::chrono::seconds(1),
                     pause_s > 0 ? fmt::format("; paused for {} s more", pause_s) : "");
}

}  // namespace

// The tool says it again until it is so: one line a tool.
bool Daemon::is_new_order(replica::ConnectionId connection, const std::string& what) {
  return std::exchange(ordered_, std::pair(connection, what)) != std::pair(connection, what);
}

void Daemon::keep_voters(replica::ConnectionId connection, const Tool& tool,
                         const local::KeepVoters& request) {
  const auto refuse = [&](local::RefusedKind kind, const std::string& why) {
    tell(connection, tool, local::Refused{request.request, kind, why});
  };
  const bool changes = request.count || request.after || request.pause;
  if (is_guest(tool) && changes)
    return refuse(local::RefusedKind::mismatch, "only root and the peer's own user may change the voters");
  if (settings_.alone())
    return refuse(local::RefusedKind::mismatch, "this host's peer is alone: there is no group");
  const service::StateMachine& machine = node_->log().machine();
  const bool is_early = machine.level() < 2 && node_->log().has_begun();
  if (is_early && !may_only_begin())
    return refuse(local::RefusedKind::protocol,
                  "the group is at level 1, and its voters can change from level 2 on: see `dpeers level`");
  service::VoterPolicy policy = machine.state().kept_voters;
  if (policy.after == Duration{}) policy.after = replaced_after;
  policy.count = request.count.value_or(policy.count);
  policy.after = request.after.value_or(policy.after);
  if (request.pause) {
    policy.pause = *request.pause;
    policy.pause_asked = request.pause_asked;
  }
  local::VoterView view;
  view.request = request.request;
  view.quorum = node_->log().has_quorum();
  if (view.quorum) view.leader = name_of_node(node_->log().leader());
  view.voters = names_of_nodes(voters());
  view.done = node_->log().has_begun() && !is_early && (!changes || policy == machine.state().kept_voters);
  view.kept = policy.count;
  view.after = policy.after;
  view.pause = request.pause ? *request.pause : voters_paused_.left(process::boot_now());
  view.what = is_early ? only_begun : words_of_kept(view);
  tell(connection, tool, view);
  if (view.done || is_early || !node_->log().has_begun()) return;
  push(replica::PutIntoLog{service::KeepVoters{policy, machine.state().kept_at}});
  if (!is_new_order(connection, view.what)) return;
  log_.audit(fmt::format("voters: {}, ordered by {}", view.what, tool.user),
             {{"COORD_EVENT", "voters"}, {"COORD_USER", tool.user}});
}

void Daemon::move_peer(replica::ConnectionId connection, const Tool& tool, const local::MovePeer& request) {
  using enum local::RefusedKind;
  const auto refuse = [&](local::RefusedKind kind, const std::string& why) {
    tell(connection, tool, local::Refused{request.request, kind, why.substr(0, 1024)});
  };
  if (is_guest(tool)) return refuse(mismatch, "only root and the peer's own user may change addresses");
  if (settings_.alone()) return refuse(mismatch, "this host's peer is alone: there is no group");
  const auto address = net::parse_address(request.address);
  if (!address || address->host.empty() || address->port == 0)
    return refuse(mismatch, fmt::format("'{}' is no address: give HOST:PORT", request.address));
  const service::State& state = node_->log().machine().state();
  if (!node_->log().has_begun()) return refuse(protocol, "this host's peer has not heard its group yet");
  local::VoterView view;
  view.request = request.request;
  view.quorum = node_->log().has_quorum();
  if (view.quorum) view.leader = name_of_node(node_->log().leader());
  view.voters = names_of_nodes(voters());
  if (state.level < 2 && may_only_begin()) {
    view.what = only_begun;
    return tell(connection, tool, view);
  }
  if (state.level < 2)
    return refuse(protocol,
                  "the group is at level 1, and addresses can change from level 2 on: see `dpeers level`");
  const net::Roster::Node* const node = settings_.roster.find(request.name);
  if (node == nullptr || departing_.contains(node->id))
    return refuse(mismatch, fmt::format("no peer of the group is called '{}'", request.name));
  for (const auto& [id, other] : settings_.roster.all())
    if (id != node->id && other.address == *address)
      return refuse(mismatch, fmt::format("{} is the address of {}", address->text(), other.name));
  const auto registration = state.registrations.find(node->id);
  if (registration == state.registrations.end())
    return refuse(protocol, fmt::format("{} has not been heard by the group yet", request.name));
  view.done = registration->second.reached_at() == address->text();
  view.what = fmt::format("{} is reached at {}", request.name, address->text());
  tell(connection, tool, view);
  if (view.done) return;
  push(replica::PutIntoLog{
      service::Move{node->id, registration->second.client, address->text(), registration->second.moved_at}});
  if (!is_new_order(connection, view.what)) return;
  log_.audit(fmt::format("voters: {}, ordered by {}", view.what, tool.user),
             {{"COORD_EVENT", "voters"}, {"COORD_NAME", request.name}, {"COORD_USER", tool.user}});
}

}  // namespace coord::daemon
