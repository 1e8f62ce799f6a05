// SPDX-License-Identifier: MIT
// Deadlocks among the waits of a group, and the graph that they are found in.
//
// Problem. A command that holds `a` asks, by a dlock of its own, for `b`; on another host one that holds `b`
// asks for `a`. Both wait for ever, and nothing that either host knows alone shows it. The obvious answers:
// a time-out gives up on long but healthy waits and lets real deadlocks stand until then; probes between the
// hosts (Chandy, Misra and Haas, "Distributed deadlock detection", 1983) must be verified again before anyone
// acts on them, since the waits change while they travel (phantom deadlocks).
//
// Here nothing travels: every wait and every hold is in the replicated state, each with the sessions that it
// was asked from inside of. So at the moment when a command makes a wait, every peer looks at the same graph
// and comes to the same end.
//
// The graph. A node is a waiting request. It waits for those who keep it from its names: holders, and
// requests that stand before it in line, as the granting rule says (lock_table.hpp). A holder comes to its
// end unless a request that waits was asked from inside of its session: so an edge goes from a waiting
// request to the requests that hold up those whom it waits for, and to those before it in line. What a
// lingering hold keeps shut opens by itself.
//
// One holder a name: a request needs all whom it waits for, so a cycle is a deadlock (the AND model). A name
// with several permits needs only some of them: there the graph is reduced first (Holt, "Some deadlock
// properties of computer systems", 1972): requests that can be granted although all that are stuck stay are
// taken out, again and again; those left are deadlocked.
//
// The victim is the youngest request on a cycle: it has waited least, and ending it undoes nothing. A request
// that would close a cycle is refused before it waits, so no cycle stands in the state and the victim is
// mostly the one that asks.
//
// Cost: nothing for a request that is not inside of another hold. Else every request that can be reached is
// looked at once; with permits, once for each step of the reduction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "service/answer.hpp"
#include "service/locks/state.hpp"

namespace coord::service {

class Locks;
class StateMachine;

struct Deadlock {
  LogIndex victim;  // the place of the request that is to end
  Cycle cycle;      // from the victim on, whole
};

// Whether `suspect`, a wait at `place` that is in the machine or is about to be, is part of a deadlock.
std::optional<Deadlock> find_deadlock(const Locks& locks, const Request& suspect, LogIndex place);

// A cycle in words, for the tool whose wait it ends: of each step who waits for what, and who is in its way.
// At most about 1,000 bytes: commands and names are cut.
std::string in_words(const StateMachine& machine, const Cycle& cycle);

// The graph, for people. One edge for each holder that keeps a wait from a name (of each name the first
// `most_holders`: a name may have thousands), and for requests before it in line up to the nearest one that
// waits for all before itself; what is behind that is its own affair.
struct WaitEdge {
  LogIndex waiter;
  std::string name;
  SessionId blocker{};  // with a lingering hold: the session that held
  LogIndex place{};     // of the blocker's request; 0 with a lingering hold
  Token token{};        // the blocker holds under it; 0: it is before the waiter in line
  Token grant{};        // the number of its grant
  bool over = false;    // the hold is over, its name is kept shut for a time
};
std::vector<WaitEdge> edges_of(const StateMachine& machine, LogIndex waiter, std::size_t most_holders);

}  // namespace coord::service
