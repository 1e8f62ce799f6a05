// SPDX-License-Identifier: MIT
// All of a peer that is not input or output: the ordered log, as a voter (Replica) or a member (Forwarder)
// has it, and the desk for this host's tools, as one state machine.
//
// coordd feeds it from one inbox and carries out what it answers; the simulator does the same with virtual
// time, network and disk. Rule of use: after each batch of step()s, one settle(); perform the actions in the
// order in which they came; call tick() when deadline() has come. Threading: none; one owner.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/check.hpp"
#include "replica/desk.hpp"
#include "replica/ordered_log.hpp"
#include "replica/replica.hpp"

namespace coord::replica {

using ServiceEvent = std::variant<FromPeer, Tick, JobDone, JobFailed, Space, Leave, Greeted, Parted, RaiseNow,
                                  RaiseTokens, GrantNothing, PutIntoLog, AskVoters, KnownVoters, FromTool,
                                  ToolGone, HoldersGone, CommandGone, HeldElsewhere, Recovered, FromEngine>;
using ServiceAction =
    std::variant<DiskJob, SendPeer, SpeakLevel, Applied, LeaderChanged, Report, Halted, ToTool, StopCommand,
                 SignalHolder, SessionOver, KeepHold, ForgetHold, HoldsCompleteSince, Moved, DescribePeers,
                 VotersAnswered, VoterStep, VotersChanged, ToEngine, RememberEngine>;
using ServiceActions = std::vector<ServiceAction>;

class ReplicatedService {
 public:
  ReplicatedService(std::unique_ptr<OrderedLog> log, SessionsConfig sessions);
  ReplicatedService(Replica replica, SessionsConfig sessions);
  ReplicatedService(ReplicatedService&&) noexcept;
  ReplicatedService& operator=(ReplicatedService&&) noexcept;
  ~ReplicatedService();

  [[nodiscard]] ServiceActions step(Instant now, WallTime wall, const ServiceEvent& event);
  [[nodiscard]] ServiceActions settle(Instant now, WallTime wall);
  std::optional<Instant> deadline() const;

  const OrderedLog& log() const { return *log_; }
  // Null: this host has no part in keeping the log.
  const Replica* voter() const { return voter_; }
  // Of a host that has (checked).
  const Replica& replica() const {
    COORD_CHECK(voter_ != nullptr);
    return *voter_;
  }
  const Sessions& sessions() const { return desk_->sessions(); }
  // What a group that has never begun waits for, for users; empty: it has.
  const std::string& not_begun() const { return not_begun_; }

 private:
  void look_whether_begun();
  void tool_said(Instant now, WallTime wall, FromTool event);
  void perform(Instant now, WallTime wall, Actions actions);
  void perform(Instant now, WallTime wall, SessionActions actions);

  std::unique_ptr<OrderedLog> log_;
  const Replica* voter_ = nullptr;  // the same one
  std::map<NodeId, std::string> names_;
  bool begun_ = false;          // the group; once for all
  std::string not_begun_;       // what it waits for
  std::unique_ptr<Desk> desk_;  // which stays where it is
  ServiceActions out_;
};

}  // namespace coord::replica
