// SPDX-License-Identifier: MIT
// All who use a simulated group at once: each is told what concerns it.
#pragma once

#include "sweep/casters.hpp"
#include "sweep/operators.hpp"
#include "sweep/participants.hpp"
#include "sweep/scribes.hpp"
#include "sweep/tools.hpp"

namespace coord::sweep {

class Crowd : public HostWatcher {
 public:
  Crowd(Cluster& cluster, Tools& tools, Participants& participants, Scribes& scribes, Casters& casters,
        Operators& operators)
      : tools_(tools),
        participants_(participants),
        scribes_(scribes),
        casters_(casters),
        operators_(operators) {
    cluster.watcher = this;
  }

  void told(NodeId node, const replica::ToTool& answer) override { of(answer.connection).told(node, answer); }
  void stop_command(NodeId node, const replica::StopCommand& stop) override {
    of(stop.connection).stop_command(node, stop);
  }
  void applied(NodeId node, const replica::Applied& applied) override {
    tools_.applied(node, applied);
    participants_.applied(node, applied);
    scribes_.applied(node, applied);
  }
  void process_died(NodeId node) override {
    tools_.process_died(node);
    participants_.process_died(node);
    scribes_.process_died(node);
    casters_.process_died(node);
  }
  void process_started(NodeId node) override {
    tools_.process_started(node);
    participants_.process_started(node);
  }
  void voters_answered(NodeId node, const replica::VotersAnswered& answer) override {
    operators_.told(node, answer);
  }
  void voter_step(NodeId node, const replica::VoterStep& step) override { operators_.stepped(node, step); }
  void heard_of(NodeId node, NodeId from) override { operators_.heard(node, from); }
  void put_into_log(const service::Command& command) override { participants_.put_into_log(command); }
  void log_was_restored() override {
    tools_.log_was_restored();
    participants_.log_was_restored();
  }
  bool taken_up(NodeId node, SessionId session, replica::ConnectionId connection) override {
    return tools_.taken_up(node, session,
                           connection);  // of barriers nothing is kept: who is left arrives again
  }

 private:
  HostWatcher& of(replica::ConnectionId connection) {
    if (connection.value >= Casters::first_connection && connection.value < 2 * Casters::first_connection)
      return casters_;
    if (connection.value >= Scribes::first_connection && connection.value < 2 * Scribes::first_connection)
      return scribes_;
    const bool meets = connection.value >= Participants::first_connection &&
                       connection.value < 2 * Participants::first_connection;
    return meets ? static_cast<HostWatcher&>(participants_) : tools_;
  }

  Tools& tools_;
  Participants& participants_;
  Scribes& scribes_;
  Casters& casters_;
  Operators& operators_;
};

}  // namespace coord::sweep
