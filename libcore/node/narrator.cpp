// SPDX-License-Identifier: MIT
#include "node/narrator.hpp"

#include <variant>

#include "base/format.hpp"
#include "protocol/raft/text.hpp"
#include "replica/text.hpp"

namespace coord::node {

namespace {

// A round of heartbeats, or an answer to one.
bool is_beat(const replica::PeerMessage& message) {
  const raft::Message* const of_raft = replica::raft_message_in(message);
  if (of_raft == nullptr) return false;
  const auto* const beat = std::get_if<raft::Heartbeat>(of_raft);
  return (beat != nullptr && beat->round != 0) || std::holds_alternative<raft::HeartbeatReply>(*of_raft);
}

const char* by(Way way) {
  switch (way) {
    case Way::stream:
      return "";
    case Way::datagram:
      return " by datagram";
    case Way::both:
      return " both ways";
  }
  return "";
}

}  // namespace

void Narrator::message(NodeId from, NodeId to, const std::string& text, bool arrives) {
  say_(fmt::format("{} {} {} {}", names_.node(from), arrives ? '>' : 'x', names_.node(to), text));
}

// ---- heard

void Narrator::hears(const NodeEvent& event, bool taken) {
  if (const auto* on_channel = std::get_if<OnChannel>(&event)) return on(*on_channel, taken);
  const auto* const of_service = std::get_if<replica::ServiceEvent>(&event);
  if (of_service == nullptr) return;
  std::visit(
      [&](const auto& concrete) {
        if constexpr (requires { on(concrete, taken); }) {
          on(concrete, taken);
        } else if constexpr (requires { on(concrete); }) {
          on(concrete);
        }
      },
      *of_service);
}

void Narrator::on(const replica::FromPeer& event, bool taken) {
  if (is_beat(event.message) && taken) return;
  message(event.from, self_,
          to_text(event.message, event.level) + by(event.datagram ? Way::datagram : Way::stream), taken);
}

void Narrator::on(const OnChannel& event, bool taken) {
  message(event.from, self_,
          fmt::format("{} bytes {}{}", names_.part(event.message.channel), event.message.bytes.size(),
                      by(event.way)),
          taken);
}

void Narrator::on(const replica::Greeted& event) {
  note(fmt::format("greeted by {}, which knows level {}", names_.node(event.from), event.knows));
}

void Narrator::on(const replica::Parted& event) {
  note(fmt::format("no link with {}", names_.node(event.from)));
}

void Narrator::on(const replica::ToolGone& event) {
  note(fmt::format("{} is gone", tool(event.connection)));
}

void Narrator::on(const replica::HoldersGone& event) {
  note(fmt::format("no holder is left of {}", tool(event.connection)));
}

void Narrator::on(const replica::CommandGone& event) {
  note(fmt::format("the command has ended of {}", tool(event.connection)));
}

void Narrator::on(const replica::HeldElsewhere& event) {
  note(fmt::format("session {} holds elsewhere{}", event.session.value,
                   event.lost.empty() ? "" : fmt::format(": lost: {}", event.lost)));
}

void Narrator::on(const replica::Recovered& event) {
  for (const auto& hold : event.holds)
    note(fmt::format("found session {} token {} {}", hold.record.session.value, hold.record.token.value,
                     hold.held ? "held" : "without a holder"));
}

void Narrator::on(const replica::JobFailed& event) {
  note(fmt::format("disk: {}", event.why));
}

void Narrator::on(const replica::AskVoters& event) {
  const replica::VoterOrder& order = event.order;
  note(fmt::format("is asked to {} {}{}", name_of(order.verb), names_.node(order.node),
                   order.other == NodeId{} ? "" : fmt::format(" by {}", names_.node(order.other))));
}

void Narrator::on(const replica::FromEngine& event) {
  say_(fmt::format("engine > {} {}", names_.node(self_), replica::to_text(event.told)));
}

// ---- done

void Narrator::does(const NodeAction& action) {
  const auto* const of_service = std::get_if<replica::ServiceAction>(&action);
  if (of_service == nullptr) return;
  std::visit(
      [&](const auto& concrete) {
        if constexpr (requires { on(concrete); }) on(concrete);
      },
      *of_service);
}

void Narrator::on(const replica::DiskJob& action) {
  if (const auto* snapshot = std::get_if<raft::Snapshot>(&action.work))
    return note(fmt::format("writes a snapshot of {}@{}", snapshot->index.value, snapshot->term.value));
  if (const auto* reserved = std::get_if<replica::ReserveTokens>(&action.work))
    return note(fmt::format("reserves tokens up to {}", reserved->up_to.value));
  const auto& persist = std::get<raft::Persist>(action.work);
  if (persist.snapshot)
    note(fmt::format("takes over the snapshot of {}@{}", persist.snapshot->index.value,
                     persist.snapshot->term.value));
  for (const raft::Entry& entry : persist.entries) note(fmt::format("appends {}", replica::to_text(entry)));
  if (!persist.hard_state) return;
  const raft::HardState& state = *persist.hard_state;
  note(fmt::format("writes term {}, {}", state.term.value,
                   state.vote == NodeId{} ? "no vote" : fmt::format("vote for {}", names_.node(state.vote))));
}

void Narrator::on(const replica::Applied& action) {
  for (const service::Effect& effect : action.effects)
    note(fmt::format("applies {} {}", action.index.value, replica::to_text(effect)));
}

void Narrator::on(const replica::LeaderChanged& action) {
  note(fmt::format(
      "{} of term {}, {}", raft::to_text(action.role), action.term.value,
      action.leader == NodeId{} ? "no leader" : fmt::format("leader {}", names_.node(action.leader))));
}

void Narrator::on(const replica::SpeakLevel& action) {
  note(fmt::format("speaks level {}", action.level));
}

void Narrator::on(const replica::StopCommand& action) {
  note(fmt::format("{} the command of {}", action.kill ? "kills" : "ends", tool(action.connection)));
}

void Narrator::on(const replica::SignalHolder& action) {
  note(fmt::format("sends signal {} to the holder of {}", action.signal, tool(action.connection)));
}

void Narrator::on(const replica::SessionOver& action) {
  note(fmt::format("is done with {}", tool(action.connection)));
}

void Narrator::on(const replica::KeepHold& action) {
  note(fmt::format("keeps session {} token {} of {}", action.record.session.value, action.record.token.value,
                   tool(action.connection)));
}

void Narrator::on(const replica::ForgetHold& action) {
  note(fmt::format("forgets session {}", action.session.value));
}

void Narrator::on(const replica::Moved& action) {
  note(fmt::format("moves the session of {} to {}", tool(action.from), tool(action.to)));
}

std::string Narrator::names_of(const std::vector<NodeId>& nodes) const {
  std::string all;
  for (const NodeId node : nodes) all += fmt::format(" {}", names_.node(node));
  return all;
}

void Narrator::on(const replica::VoterStep& action) {
  if (!action.change) return note(fmt::format("hands over, to {}", name_of(action.order.verb)));
  note(fmt::format("proposes to {} {}, to {} {}", name_of(action.change->step),
                   names_.node(action.change->node), name_of(action.order.verb),
                   names_.node(action.order.node)));
}

void Narrator::on(const replica::VotersChanged& action) {
  const std::string learners =
      action.voters.learners.empty() ? "" : fmt::format(", learners{}", names_of(action.voters.learners));
  note(fmt::format("applies {} voters{}{}", action.index.value, names_of(action.voters.voters), learners));
}

void Narrator::on(const replica::Halted& action) {
  note(fmt::format("halts: {}", action.why));
}

void Narrator::on(const replica::ToEngine& action) {
  say_(fmt::format("{} > engine {}", names_.node(self_), replica::to_text(action.request)));
}

// ---- sent and told

void Narrator::sends(const replica::SendPeer& action, bool went) {
  if (is_beat(action.message)) return;
  message(self_, action.to,
          to_text(action.message, action.level) + by(action.datagram_also ? Way::both : Way::stream), went);
}

void Narrator::sends(const SendOnChannel& action, const std::string& part, bool went) {
  message(self_, action.to, fmt::format("{} bytes {}{}", part, action.message.bytes.size(), by(action.way)),
          went);
}

void Narrator::is_told(replica::ConnectionId connection, const local::Request& request) {
  note(fmt::format("{} says {}", tool(connection), replica::to_text(request)));
}

void Narrator::tells(replica::ConnectionId connection, const local::Answer& answer) {
  note(fmt::format("tells {} {}", tool(connection), replica::to_text(answer)));
}

}  // namespace coord::node
