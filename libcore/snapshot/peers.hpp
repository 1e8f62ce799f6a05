// SPDX-License-Identifier: MIT
// A snapshot of the group of peers itself: each peer's state at its cut, and each directed link.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace coord::record {

using Kinds = std::map<std::string, std::uint64_t, std::less<>>;  // of messages, how many

// Somebody who holds a name, waits for it or leads.
struct Claim {
  std::string kind;  // lock, lingering lock, leadership
  std::vector<std::string> names;
  std::uint64_t token = 0;  // 0: waits
  std::uint64_t session = 0;
  std::string host, user;

  bool operator==(const Claim&) const = default;
};

struct BarrierGeneration {  // a barrier's generation
  std::string name;
  std::uint64_t generation = 0;
  std::uint64_t arrived = 0, count = 0;
  std::string stage;

  bool operator==(const BarrierGeneration&) const = default;
};

// The entries of a log from `index` on, up to the next run or the log's end, are of `term`. By Raft's rules
// two logs with an entry of one index and term have the same entries up to it.
struct Run {
  std::uint64_t index = 0, term = 0;
  bool operator==(const Run&) const = default;
};

struct Peer {
  std::string name, node, life;
  std::string role, leader;
  std::uint64_t term = 0, level = 0;
  std::uint64_t first_index = 0, last_index = 0, commit_index = 0, applied = 0;
  std::vector<Run> runs;         // from first_index on
  std::uint64_t last_token = 0;  // the highest that was given
  std::uint64_t sessions = 0;
  std::vector<Claim> holds, waits;
  std::vector<BarrierGeneration> barriers;
  std::uint64_t left_out = 0;                                // claims and barriers beyond what a record holds
  std::vector<std::pair<std::string, std::string>> members;  // and how it sees them: connected, parted
  WallTime wall;                                             // its clocks
  Duration running{};                                        // since its host started
  std::map<std::string, std::uint64_t, std::less<>> links;   // that stood, to whom; messages sent on each

  bool operator==(const Peer&) const = default;
};

// From one peer to another, by what the receiver recorded and the sender's marker said.
struct Link {
  std::string from, to;
  bool marked = false;            // the sender's marker came in its place; else nothing stood
  bool broke = false;             // a connection ended between the two cuts
  std::uint64_t sent = 0;         // on the connection that stood, up to the sender's cut
  std::uint64_t received = 0;     // on it, up to the receiver's
  std::uint64_t earlier = 0;      // of `messages`, on a connection before that one
  Kinds messages;                 // on their way
  std::vector<std::string> each;  // of them, where that was asked for: what it is
  // By datagram, in the sender's life: what is not received is on its way or lost.
  Kinds datagrams_sent, datagrams_received;

  bool operator==(const Link&) const = default;
};

// Of each kind that more was sent of than received.
Kinds in_flight_or_lost(const Link& link);

// One line of a snapshot's file each, with its newline.
std::string line_of(const Peer& peer);
std::string line_of(const Link& link);

// Bounds of one peer's record.
inline constexpr std::size_t most_claims = 4096;
inline constexpr std::size_t most_kinds = 64;
inline constexpr std::size_t most_each = 2000;
inline constexpr std::size_t longest_each = 400;  // bytes

}  // namespace coord::record
