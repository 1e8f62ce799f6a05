// SPDX-License-Identifier: MIT
// Deadlocks found in one place: every process reports its waits to a coordinator, which looks for cycles (the
// centralized scheme of Gray 1978; its phantoms: Knapp, "Deadlock Detection in Distributed Databases", ACM
// Computing Surveys 19(4), 1987).
//
// Problem: cycles of waits, seen by nobody as a whole. The simple answer, one process that is told of all
// edges, fails as it stands: reports of different processes take different times, so the coordinator may hear
// that 2 waits for 1 before it hears that 1 no longer waits for 2. Such a phantom kills a process that would
// have gone on. Algorithm: waits are numbered. Before it acts on a cycle the coordinator asks each process of
// it whether it is still in that same wait and has not answered the one before it on the cycle, and acts only
// if all say yes. Whoever says yes has waited all the time since it reported, so it has answered nobody
// meanwhile: all edges of the cycle existed at once when the first yes was given. After a no, which may only
// mean that a request is still on its way, it looks again later. The youngest wait of the cycle gives up.
//
// Costs a report for each wait, one for each answer, and for a cycle of k two messages for each process and
// one for the victim. The coordinator is one point of failure, and all reports go through it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "protocol/deadlock/waiting.hpp"

namespace coord::deadlock {

struct Waits {  // to the coordinator: for these, in this wait; none: it is over
  std::uint64_t wait = 0;
  std::uint64_t time = 0;
  std::set<NodeId> processes;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wait, time, processes);
  }
};
struct Still {  // from the coordinator: is it still in this wait, and has `asker` no answer yet in its own?
  std::uint64_t wait = 0;
  NodeId asker;
  std::uint64_t asker_wait = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wait, asker, asker_wait);
  }
};
struct Confirm {
  std::uint64_t wait = 0;
  bool yes = false;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wait, yes);
  }
};
struct Kill {
  std::uint64_t wait = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wait);
  }
};

// A process, and the coordinator as well if it is that one: then it has no waits of its own.
class CentralGraph : public Waiting<Waits, Still, Confirm, Kill> {
 public:
  // `patience`: after a no, how long the coordinator waits before it looks again.
  CentralGraph(NodeId self, NodeId coordinator, Duration patience)
      : Waiting(self, Needs::all), coordinator_(coordinator), patience_(patience) {}

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);
  // ---- output
  std::optional<Instant> deadline() const { return look_at_; }

 private:
  struct Known {
    std::uint64_t wait = 0;
    Age age;
    std::set<NodeId> processes;
  };

  void on(Instant, const Ask& ask, Actions& actions);
  void on(Instant, const Serve& serve_now, Actions& actions) { serve(serve_now.to, actions); }
  void on(Instant now, const Tick&, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void report(Actions& actions);

  void hear_own(NodeId from, const Request& request, Actions& actions) { hear(from, request, actions); }
  void hear_own(NodeId from, const Cancel& cancel, Actions&) { hear(from, cancel); }
  void hear_own(NodeId from, const Reply& reply, Actions& actions);
  void hear_own(NodeId from, const Still& still, Actions& actions);
  void hear_own(NodeId from, const Kill& kill, Actions& actions);
  // ---- the coordinator's
  void hear_own(NodeId from, const Waits& waits, Actions& actions);
  void hear_own(NodeId from, const Confirm& confirm, Actions& actions);
  void forget_suspicion();
  void look_for_cycle(Actions& actions);
  std::optional<std::vector<NodeId>> cycle_from(NodeId process) const;
  void kill_youngest(Actions& actions);

  NodeId coordinator_;
  Duration patience_;
  Instant now_;  // of this step
  std::optional<Instant> look_at_;
  std::map<NodeId, Known> graph_;
  std::vector<NodeId> suspected_;  // the cycle that is being confirmed
  std::set<NodeId> open_;          // of these: who has not said yes
};

}  // namespace coord::deadlock
