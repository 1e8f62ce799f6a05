// SPDX-License-Identifier: MIT
// Who really waits for whom in a run, as nobody in it can know: by this every victim is judged.
//
// Two deadlocks may have processes in common. What a probe has passed may then be gone when it
// comes back, because the victim of the other deadlock gave up, and those that were freed by that
// went on. The judge counts such waits as they stood, for victims whose own wait is older than the
// giving up; all other edges as they are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "protocol/deadlock/waiting.hpp"

namespace coord::catalogue {

class WaitTruth {
 public:
  explicit WaitTruth(deadlock::Needs needs) : needs_(needs) {}

  void begins(NodeId process, const std::set<NodeId>& others);
  void numbered(NodeId process, std::uint64_t wait, deadlock::Age age);  // by itself, when it had begun
  void answered(NodeId process, std::uint64_t wait, NodeId by);  // the answer is on its way: no edge any more
  void goes_on(NodeId process);
  // Why it need not have: it was not deadlocked, or was not the youngest of those that were.
  std::optional<std::string> gives_up(NodeId process);
  std::uint64_t victims() const { return victims_; }

 private:
  struct Wait {
    std::set<NodeId> others;
    std::uint64_t number = 0;
    deadlock::Age age;
    std::uint64_t begun = 0;
    bool freed = false;  // an answer came of somebody's giving up
  };
  bool on_cycle_of_older(NodeId process) const;               // the AND model
  bool only_waits_for_stuck_and_older(NodeId process) const;  // the OR model
  std::vector<const Wait*> waits_of(NodeId process, std::uint64_t since) const;

  deadlock::Needs needs_;
  std::uint64_t now_ = 0;  // counts what happens
  std::uint64_t victims_ = 0;
  std::map<NodeId, Wait> waits_;
  // By giving up, one's own or another's: when, and what it was; in the order of time.
  std::map<NodeId, std::vector<std::pair<std::uint64_t, Wait>>> broken_;
};

}  // namespace coord::catalogue
