// SPDX-License-Identifier: MIT
// One process of a group whose state can be recorded: what `dsnapshot run` does between a command and the
// other processes. Chandy and Lamport's algorithm (protocol/snapshot/chandy_lamport.hpp) around a program
// that knows nothing of it.
//
// Problem: the state is the command's, and only the command knows it. It is asked by a line of its input and
// answers by a line of its output, and between the two it goes on reading and writing. Why the obvious
// answer, take the answer as the state at the time of the question, fails: what it read and wrote in between
// would be in the state and on its way too. Algorithm: after the question all further input is withheld until
// the answer was read. So the command has read exactly what was written before the question, and has written
// exactly what was read before the answer: both places are one, the cut. *Received* is what was written to
// the command; *sent* is what was read from it. Markers leave at the place of the answer among the messages.
//
// What is withheld stays where it is: in the channels, up to their bounds. The command's output is read on
// meanwhile, up to `spill` bytes, for a command that cannot write cannot answer. Who does not answer in
// `patience`, or writes more than that, has its record given up: input flows again. A snapshot may fail, it
// never stops the computation.
//
// Lives and views. A process is a life; the view says which there are. A snapshot is of one view: if it
// changes before the record is whole, the record is void. A life that is gone has its channels voided: what
// it has not read is given back to the sender. So is what comes for a command that has ended, or whose input
// has, while its life goes on until the others have read what it said: else two of these wait for ever.
//
// Driven as follows: next_input() when the command can be written to, and input_written() once that is done;
// said() for each line that it writes (read only while reads_output()), packet() and view() as they come;
// after any of them packets() and deadline(). A line that was asked for and never written to the command
// comes back to its sender when the input ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "cut/items.hpp"
#include "protocol/channel/channel.hpp"
#include "snapshot/record.hpp"

namespace coord::cut {

struct View {
  std::uint64_t number = 0;
  std::vector<record::Member> members;  // by id; each id and each life once

  const record::Member* find(std::string_view id) const;
  bool operator==(const View&) const = default;
};

// ---- to the command
struct InputMessage {
  std::string from;  // empty: from outside
  std::string body;
};
struct InputSnapshot {
  std::string snapshot;
};
struct InputEnd {};
using Input = std::variant<InputMessage, InputSnapshot, InputEnd>;

// ---- to another life
struct Packet {
  Life to = 0;
  Bytes bytes;  // of channel::Message
};

// ---- for the user
struct Returned {  // the receiver has ended, or its input has
  std::string to, body;
};
struct Unread {  // of a process that has ended, and whose messages go with it
  std::string from;
  std::uint64_t messages = 0;
};
struct GivenUp {
  std::string snapshot;
  record::Why why = record::Why::no_answer;
};
using Note = std::variant<Returned, Unread, GivenUp>;

class Member {
 public:
  struct Config {
    std::string group, id;
    Life life = 0;
    Duration patience = std::chrono::seconds(10);
    std::size_t spill = std::size_t{64} << 20U;
    channel::Spill* file = nullptr;  // for output that waits; nullptr: memory
    bool external = false;           // the state is asked of another command
    channel::Limits channels{};
  };
  explicit Member(Config config);

  // ---- the group
  void view(Instant now, const View& view);
  // `visitor`: from a tool, not from a process.
  void packet(Instant now, Life from, bool visitor, ByteView bytes);
  void reconnected();  // to the peer that carries the packets
  void tick(Instant now);
  std::vector<Packet> packets(Instant now);
  std::optional<Instant> deadline() const;

  // ---- the command
  // What it gets next; nullopt: nothing now.
  std::optional<Input> next_input(Instant now);
  // So many more of these were written to it, in their order.
  void input_written(std::size_t inputs);
  // More of its output may be read.
  bool reads_output() const;
  // False: nobody in the view has this id.
  bool said(Instant now, const std::string& to, std::string body);
  // False: this was not asked for, or was given up.
  bool answered(Instant now, const std::string& snapshot, std::string state);
  // It has ended, or reads no more.
  void input_ended();

  // What it is asked for now; empty: nothing.
  std::string asked() const { return asked_ ? asked_->snapshot : std::string(); }
  void hurry();  // it says nothing more, and waits until all is taken
  // Whether all that it has said was written to others, or came back, and they know what was written here.
  bool all_taken() const;
  const View& group() const { return view_; }
  const Clock& clock() const { return clock_; }
  record::VectorClock vector_clock() const { return named(clock_); }
  std::vector<Note> notes() { return std::exchange(notes_, {}); }
  channel::Counts counts() const;
  // Whose channel has no room: for `ps`.
  std::set<std::string> full() const;

 private:
  struct Peer {
    std::string id;
    channel::Channel channel;
    Clock told;   // the clock as the other end knows it from here
    Clock heard;  // as it was at its last message that was taken
    std::uint64_t sent = 0, received = 0;
  };
  struct Visitor {
    channel::Channel channel;
    Instant heard;
    bool has_lines = false;  // it may have more of them later
  };
  struct Asked {
    std::string snapshot;
    std::optional<Life> by;  // whose marker was the first; that channel is empty
    std::size_t queued = 0;  // bytes, before it was asked
    Instant until;
  };
  struct Recording {
    record::Snapshot snapshot;  // this process's part
    std::set<Life> open;        // channels whose marker has not come
    std::map<Life, std::vector<record::Message>> on_way;
    std::size_t bytes = 0;  // of those
    std::uint64_t returned = 0, outside = 0;
    bool left = false;
    Instant until;
  };
  struct Done {
    std::string text;
    Answer answer;
  };

  channel::Channel* channel_with(Life life);
  void handed(Life from, std::uint64_t number, bool is_input);
  std::optional<Input> take_from(Instant now, Life from, Peer& peer);
  std::optional<Input> take_from(Instant now, Life from, Visitor& visitor);
  std::optional<Input> take(Instant now, Life from, Peer& peer, Item item);
  std::optional<Input> take(Instant now, Life from, Item item);
  std::optional<Input> begin(Instant now, const std::string& snapshot, std::uint64_t view,
                             std::optional<Life> by);
  void marker(const Marker& marker, Life from);
  void cut(Instant now, std::string state);
  void send_markers(const Marker& marker);
  void flush_late(Peer& peer);
  record::Snapshot without_record(const std::string& snapshot, record::Why why) const;
  void give_up(record::Why why);
  void close_unbegun(Instant now, Life from, Visitor& visitor);
  void close_if_whole(const std::string& snapshot);
  void close_without(const std::string& snapshot, Life ended);
  void close_incomplete(const std::string& snapshot);
  void leave_records();
  void record_on_way(Life from, const Peer& peer, const std::string& body);
  void finish(const std::string& snapshot, record::Snapshot part, Answer answer);
  void answer(Life visitor, const std::string& snapshot);
  void void_records(const View& next);
  void part_with(Peer& peer);
  void give_back(const std::string& to, const std::vector<Bytes>& items);
  bool known(const std::string& snapshot) const;
  bool withholds_input() const;
  bool is_of_this_view(std::uint64_t view) const;
  record::Snapshot empty_part(const std::string& snapshot) const;
  record::VectorClock named(const Clock& clock) const;
  std::size_t spilled() const;

  Config config_;
  View view_;
  Clock clock_;
  std::map<Life, Peer> peers_;
  std::map<Life, Visitor> visitors_;
  std::map<std::string, Life, std::less<>> by_id_;
  Life last_served_ = 0;  // channels take turns
  // What the command has not got yet, and what came behind it in the same channel.
  struct Handed {
    std::uint64_t number = 0;
    bool is_input = true;  // else nothing is written for it
  };
  std::map<Life, std::deque<Handed>> handed_;
  std::deque<Life> unwritten_;  // whose inputs, in their order
  bool input_ends_ = false;     // behind what is not written yet
  bool input_ended_ = false;
  std::uint64_t returned_ = 0;

  std::optional<Asked> asked_;
  std::map<std::string, Recording> recordings_;
  std::map<std::string, std::set<Life>> wanted_by_;  // visitors, by snapshot
  std::map<std::string, Done> done_;
  std::deque<std::string> done_order_;
  std::vector<Note> notes_;

  // Of mutants; empty.
  std::map<Life, std::vector<Marker>> late_markers_;
  std::optional<std::pair<std::string, std::string>> late_state_;
};

}  // namespace coord::cut
