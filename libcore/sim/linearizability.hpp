// SPDX-License-Identifier: MIT
// Is there an order of these operations, each taking effect at one moment between its start and its end, in
// which a simple object would have given these answers? (Herlihy and Wing, "Linearizability", 1990)
//
// Problem: invariants over the nodes' insides miss what users see: a read from the past, a lock granted to
// two. Why looking at the order of ends fails: operations overlap, and an operation whose answer was lost may
// have taken effect, at any later time, or never. Algorithm: Wing and Gong's search with Lowe's memory
// ("Testing for linearizability", 2017): try the operations that could be next, in the order of their starts;
// remember every (set of operations done, state of the object) and do not go there twice; each name is an
// object of its own and is searched apart (Herlihy and Wing's locality). The sets are remembered by 128-bit
// digests, so a wrong "no" is as likely as a collision of those. The search is exponential at worst: after
// `limit` configurations the answer is "undecided".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace coord::sim {

// To the microsecond, or to the nanosecond where that would hide something.
std::string milliseconds(Instant time);

struct Operation {
  enum class Kind : std::uint8_t {
    acquire,         // of a lock, exclusive; `value` is the token given, or 0 if there is none
    acquire_shared,  //
    release,         // by its holder; `value` is the token or 0
    // the service takes the lock from `client` with token `value`; without effect if it does not hold
    expire,
    write,         // of a register: `value`
    read,          //   gave `value`
    compare_swap,  //   from `expected` to `value`; failed: it was something else
    enqueue,       // of a queue: `value`
    dequeue,       //   gave `value`; failed: it was empty
  };
  enum class Outcome : std::uint8_t {
    ok,
    failed,   // answered, and had no effect: an acquire that was refused because somebody holds the lock, ...
    unknown,  // no answer: may take effect at any time after its start, or never
  };

  std::uint64_t client = 0;
  Kind kind = Kind::acquire;
  std::string name;
  Instant start;
  Instant end;  // meaningless if unknown
  Outcome outcome = Outcome::unknown;
  std::uint64_t value = 0;
  std::uint64_t expected = 0;

  std::string text() const;  // `client 3 acquire disk [110.2, 113.0] ms: ok, token 7`
};

// Operations as they happen. One that is never ended stays unknown.
class History {
 public:
  std::uint64_t begin(std::uint64_t client, Operation::Kind kind, std::string name, Instant now,
                      std::uint64_t value = 0, std::uint64_t expected = 0);
  // `value`: of an acquire its token, of a read what it gave; 0 leaves what begin() said.
  void end(std::uint64_t operation, Operation::Outcome outcome, Instant now, std::uint64_t value = 0);
  const std::vector<Operation>& operations() const { return operations_; }

 private:
  std::vector<Operation> operations_;
};

enum class Model : std::uint8_t {
  // One exclusive holder or any number of shared ones; only its holder releases; tokens strictly
  // increase; an acquire is refused only while somebody holds the lock.
  lock,
  // Reads give what was written last; before the first write: 0.
  read_write_register,
  queue,  // First in, first out. Dequeuing fails only while it is empty.
};

// How far a check is. It tries at most LinearizabilityOptions::limit configurations beyond the operations.
struct CheckSoFar {
  std::uint64_t placed = 0;  // operations that have a place in the order now
  std::uint64_t tried = 0;   // configurations: more than are placed once it had to go back
};

struct LinearizabilityOptions {
  // Configurations remembered over all names, 16 to 64 bytes each, beyond the one that every operation needs.
  std::uint64_t limit = 1'000'000;
  // A lock may be refused while nobody holds it: waiters, a lock delay, a limit.
  // Then only grants are checked.
  bool refusals_need_holder = true;
  std::function<void(const CheckSoFar&)> told{};  // now and then, for who waits
};

struct LinearizabilityVerdict {
  enum class Answer : std::uint8_t { yes, no, undecided } answer = Answer::yes;
  std::string name;  // no, undecided: of the object
  // no: the operation that could not be placed when its end came, in the longest order found, first; then
  // those that ran at the same time as it. Indices into the history.
  std::vector<std::size_t> offending;
  std::string explanation;  // no, undecided: for a person
};

LinearizabilityVerdict check_linearizable(const std::vector<Operation>& history, Model model,
                                          const LinearizabilityOptions& options = {});

// The weaker question (Lamport, "How to Make a Multiprocessor Computer That Correctly Executes Multiprocess
// Programs", 1979): is there an order that explains the answers and has each client's operations as it made
// them, whatever the times of different clients? It is asked of all names together: two objects may each be
// sequentially consistent when both together are not. `offending` is then where each client stood in the
// longest order found. A client's operations are in the order of their starts.
LinearizabilityVerdict check_sequential(const std::vector<Operation>& history, Model model,
                                        const LinearizabilityOptions& options = {});

}  // namespace coord::sim
