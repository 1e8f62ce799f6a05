// SPDX-License-Identifier: MIT
// What a snapshot is, once it is taken: the states of all processes of a group at one consistent cut, and the
// messages that were on their way across it. The same record holds a snapshot of the group of peers itself.
//
// It is a value and says nothing of how it was taken. Files of it: record_text.hpp; whether the cut is
// consistent: consistency.hpp.
//
// Ids. A process is known by its id; the same id run again is another process, with another *life*. In one
// view an id has one life, so a record names processes by id alone. Clocks too: they are vectors whose
// entries are the members of the view; what a clock knew of earlier lives is left out.
//
// A clock counts events: each message sent and each one received is one of the process that does it. Taking a
// state is none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "clock/vector_clock.hpp"
#include "snapshot/peers.hpp"

namespace coord::record {

using clock::VectorClock;

// By the other end of the channel: how many messages.
using Counts = std::map<std::string, std::uint64_t, std::less<>>;

struct Member {
  std::string id;
  std::uint64_t life = 0;  // larger for each later process of that id
  std::string host;

  bool operator==(const Member&) const = default;
};

// Why a record is not whole.
enum class Why : std::uint8_t {
  died,         // it ended, or its host did
  no_answer,    // it did not answer in time
  left,         // it ended as it should while the snapshot was taken
  gave_up,      // its record was given up: more was withheld than there is room for
  joined,       // it came while the snapshot was taken
  broke,        // a link: its connection ended while the snapshot was taken
  unreachable,  // a peer: nobody could ask it
  last = unreachable,
};
std::string_view to_string(Why why);
std::optional<Why> why_of(std::string_view word);

struct Missing {
  std::string id;  // of a process or peer; "FROM > TO" of a link
  Why why = Why::died;

  bool operator==(const Missing&) const = default;
};

struct Process {
  std::string id;
  std::string state;  // its TEXT
  VectorClock clock;  // at the cut
  // The state was asked of another command, at about that time: it is not of the cut.
  bool external = false;
  Counts sent;      // by receiver, up to the cut, since this life and that one have a channel
  Counts received;  // by sender: written to the command up to the cut

  bool operator==(const Process&) const = default;
};

struct Message {
  std::uint64_t number = 0;  // its place in the channel, from 1
  std::string body;
  VectorClock clock;  // with its sending

  bool operator==(const Message&) const = default;
};

// From one process to another: what was sent before the sender's cut and received after the receiver's, in
// its order. A channel with nothing on its way may be left out.
struct Channel {
  std::string from, to;
  std::vector<Message> messages;
  bool full = false;  // its sender waited for room in it

  bool operator==(const Channel&) const = default;
};

struct Snapshot {
  std::string id;
  std::string group;
  std::uint64_t view = 0;
  std::vector<Member> members;
  WallTime at;  // when it was begun
  std::vector<Missing> missing;
  std::vector<Process> processes;
  std::vector<Channel> channels;
  // Of the group of peers itself; the members are theirs then, and `group` is empty.
  std::vector<Peer> peers;
  std::vector<Link> links;

  bool of_peers() const { return !peers.empty() || !links.empty() || group.empty(); }
  bool complete() const { return missing.empty(); }
  bool operator==(const Snapshot&) const = default;
};

// Bounds of what a record holds and a reader takes.
inline constexpr std::size_t longest_name = 255;                          // bytes of an id, group or host
inline constexpr std::size_t longest_body = std::size_t{1} << 20U;        // a line of a process, a TEXT
inline constexpr std::size_t most_members = 1024;                         // of one view
inline constexpr std::size_t most_record_bytes = std::size_t{64} << 20U;  // of one file
// Of all its clocks: an entry takes ten times its text in memory.
inline constexpr std::size_t most_clock_entries = 1'000'000;

// Why `id` cannot be of a process, nullptr if it can: it is a host of a dclock log,
// and does not begin with '!'.
const char* id_fault(std::string_view id);

// Processes that wait for each other, each one for room in its channel to the next: none of them goes on.
// Nothing: there is no such cycle.
std::vector<std::string> full_cycle(const Snapshot& snapshot);

// The entries of `clock` that are of the view, which is all that a record keeps of it.
VectorClock within_view(const VectorClock& clock, const std::vector<Member>& members);

}  // namespace coord::record
