// SPDX-License-Identifier: MIT
// Linearizability of a queue into which each value is put once, without a search.
//
// The problem: which of two concurrent enqueues came first shows only when their values come out, perhaps a
// million operations later. Why the search fails: it decides by then unseen which way to go, and finds out so
// late that it goes back through all that lies between. The solution: with distinct values each dequeue says
// which enqueue it belongs to, and then a history is linearizable exactly if none of four things is in it
// (Henzinger, Sezgin and Vafeiadis, "Aspect-Oriented Linearizability Proofs", CONCUR 2013, theorem 1; two
// operations are ordered only if one ends before the other starts):
//   fresh    a value was taken out that nobody put in, or that was put in only afterwards;
//   repeat   a value was taken out twice;
//   order    of two values put in one after the other, the second was taken out before the first was, or the
//            first never was;
//   witness  a dequeue found the queue empty although, at every moment of it, some value was surely inside.
// An enqueue without an answer counts if its value came out, and may last for ever; else it is left out. A
// dequeue without an answer may have taken what nobody else took.
#pragma once

#include <optional>
#include <vector>

#include "sim/linearizability.hpp"

namespace coord::sim {

// Of these operations of one queue, indices into the history. Nothing: it cannot tell (a value was put in
// twice; or dequeues without an answer leave open whether the queue was empty), search. O(n log n).
std::optional<LinearizabilityVerdict> check_distinct_queue(const std::vector<Operation>& history,
                                                           const std::vector<std::size_t>& operations);

}  // namespace coord::sim
