// SPDX-License-Identifier: MIT
// What a node hears and does, as lines in the notation of the golden traces (sim/trace.hpp), so that the log
// of a peer in the field reads as a test does:
//
//   b > a vote request term 3 log 4@2     a has received this from b; `a > b`: a has sent it
//   a x b vote term 3 granted             it could not be sent (or taken): nothing of it arrives
//   a - candidate of term 3, no leader    a says so of itself
//   a > engine append epoch 1 ...         a gateway asks its engine; `engine > a`: that tells
//
// Heartbeats are left out: they say that nothing has happened. Pure; made only where somebody wants to read
// it. Threading: none; one owner.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "node/node.hpp"

namespace coord::node {

class Narrator {
 public:
  struct Names {
    std::function<std::string(NodeId)> node;
    std::function<std::string(replica::ConnectionId)> tool;  // a tool, or what is left of its session
    std::function<std::string(std::uint16_t channel)> part;
  };
  using Say = std::function<void(const std::string& line)>;
  Narrator(NodeId self, Names names, Say say) : self_(self), names_(std::move(names)), say_(std::move(say)) {}

  // Before the node's step. `taken` false: there was no room for it.
  void hears(const NodeEvent& event, bool taken = true);
  // What a step answers, but for what is sent or told.
  void does(const NodeAction& action);
  // `went` false: there was no way to that node.
  void sends(const replica::SendPeer& action, bool went);
  void sends(const SendOnChannel& action, const std::string& part, bool went);
  void is_told(replica::ConnectionId tool, const local::Request& request);
  void tells(replica::ConnectionId tool, const local::Answer& answer);

 private:
  void note(const std::string& text) { say_(names_.node(self_) + " - " + text); }
  void message(NodeId from, NodeId to, const std::string& text, bool arrives);
  std::string names_of(const std::vector<NodeId>& nodes) const;
  std::string tool(replica::ConnectionId connection) const { return names_.tool(connection); }

  void on(const replica::FromPeer& event, bool taken);
  void on(const OnChannel& event, bool taken);
  void on(const replica::Greeted& event);
  void on(const replica::Parted& event);
  void on(const replica::ToolGone& event);
  void on(const replica::HoldersGone& event);
  void on(const replica::CommandGone& event);
  void on(const replica::HeldElsewhere& event);
  void on(const replica::Recovered& event);
  void on(const replica::JobFailed& event);
  void on(const replica::AskVoters& event);
  void on(const replica::FromEngine& event);

  void on(const replica::DiskJob& action);
  void on(const replica::Applied& action);
  void on(const replica::LeaderChanged& action);
  void on(const replica::SpeakLevel& action);
  void on(const replica::StopCommand& action);
  void on(const replica::SignalHolder& action);
  void on(const replica::SessionOver& action);
  void on(const replica::KeepHold& action);
  void on(const replica::ForgetHold& action);
  void on(const replica::Moved& action);
  void on(const replica::VoterStep& action);
  void on(const replica::VotersChanged& action);
  void on(const replica::Halted& action);
  void on(const replica::ToEngine& action);

  NodeId self_;
  Names names_;
  Say say_;
};

}  // namespace coord::node
