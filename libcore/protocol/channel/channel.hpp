// SPDX-License-Identifier: MIT
// A first-in-first-out channel between two processes, over carriers that lose, double, reorder and break
// (Stenning, "A Data Transfer Protocol", Computer Networks 1(2), 1976: numbers, a window, cumulative
// acknowledgements, everything after a gap sent again).
//
// Problem: two processes on hosts whose peers may be killed and restarted exchange items, and none may be
// lost, doubled or out of order. Why the obvious answer, the connections between the peers, fails: a peer
// that is killed has taken what it had not passed on yet, and nobody knows how much. Algorithm: the ends
// number the items; the sender keeps each one until the other end says that it was taken, which is more than
// that it has arrived; what has not arrived in time is sent again from there on; the receiver takes only the
// number that is next.
//
// An end belongs to one *life* of a process, and speaks to one life of another: the owner says what a life
// is, and numbers it. What names other lives is dropped. If the other life is over, close() gives back what
// it has not taken: it is void, and no later life gets it. A process that is there and takes nothing more,
// ever, refuses: what it has not taken comes back to the sender in the same way, though both lives go on, or
// two that have nothing more to do than to see their last items taken would wait for each other for ever.
//
// Taken is what the owner says that it has done with, which may be later than that it has the item: take()
// hands it over, done() says so. What was handed over and is not done comes back to the sender with the rest.
//
// Bounds: so many bytes are on their way at once that the receiver holds no more than `window` for each
// channel, however slow its process is; and has_room() says when the owner must wait before it offers more.
// What is offered beyond that goes to the owner's `Spill`, if there is one, until its turn comes. An item
// longer than `fragment` travels in pieces. Acknowledgements may wait a little, so that one is for many.
//
// Driven as follows: after any call, poll() gives what is to be sent now, and deadline() when it will give
// more without being called.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace coord::channel {

using Life = std::uint64_t;

struct Limits {
  std::size_t longest_item = (std::size_t{1} << 20U) + 4096;  // bytes; a longer one is a bug of the owner's
  std::size_t fragment = std::size_t{256} << 10U;             // bytes that travel at once
  std::size_t window = std::size_t{2} << 20U;  // bytes that are sent and not taken; above the longest item
  std::size_t queue = std::size_t{2} << 20U;   // bytes from which on there is no room
  std::size_t parcel_items = 4096;             // at once
  Duration acknowledge_after{};                // so late at the latest, unless much has come; zero: at once
  Duration resend_low = std::chrono::milliseconds(300);  // after the first loss
  Duration resend_high = std::chrono::seconds(2);        // after several
};

// Items, or pieces of one, in a row. None: asks for an acknowledgement.
struct Parcel {
  Life from = 0, to = 0;
  std::uint64_t first = 1;  // the number of the first
  struct Piece {
    bool last = true;  // of its item
    Bytes bytes;
    bool operator==(const Piece&) const = default;
  };
  std::vector<Piece> pieces;
  bool operator==(const Parcel&) const = default;
};
struct Acknowledge {
  Life from = 0, to = 0;
  std::uint64_t arrived = 0;  // all up to this number
  std::uint64_t taken = 0;
  bool refuses = false;  // what was not taken never will be
  bool knows = false;    // that the other end refuses, and what it has taken
  bool settled = false;  // it refuses, and the other end knows
  bool operator==(const Acknowledge&) const = default;
};
using Message = std::variant<Parcel, Acknowledge>;

// nullopt: these bytes are no message.
Bytes encode(const Message& message);
std::optional<Message> decode(ByteView bytes);

// Where the bytes of pieces wait that are far from their turn: a file. Bytes that nobody
// remembers are given up.
class Spill {
 public:
  Spill() = default;
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;
  virtual ~Spill() = default;
  // Where they are; nullopt: there is no room.
  virtual std::optional<std::uint64_t> put(ByteView bytes) = 0;
  // What put() has got at that place; nullopt: it cannot be read any more.
  virtual std::optional<Bytes> get(std::uint64_t at, std::size_t size) = 0;
  virtual void forget(std::uint64_t at, std::size_t size) = 0;
};

struct Counts {
  std::uint64_t items = 0;             // offered
  std::uint64_t sent = 0;              // pieces, the first time
  std::uint64_t resent = 0;            // pieces
  std::uint64_t acknowledgements = 0;  // sent
  std::uint64_t doubled = 0;           // pieces that had arrived before
  std::uint64_t strayed = 0;           // messages for other lives

  Counts& operator+=(const Counts& other) {
    items += other.items;
    sent += other.sent;
    resent += other.resent;
    acknowledgements += other.acknowledgements;
    doubled += other.doubled;
    strayed += other.strayed;
    return *this;
  }
};

class Channel {
 public:
  // `spill` outlives this; nullptr: all is kept in memory.
  Channel(Life self, Life other, Limits limits = {}, Spill* spill = nullptr);
  Channel(Channel&&) = default;
  Channel& operator=(Channel&&) = delete;
  ~Channel();

  // ---- the owner
  // More may be offered. It is taken though there is none: bounded by the owner then.
  bool has_room() const { return queued_bytes_ < limits_.queue; }
  std::size_t queued_bytes() const { return queued_bytes_; }  // offered and not taken there
  std::size_t queued_pieces() const { return queue_.size(); }
  bool all_taken() const { return queue_.empty(); }
  void offer(ByteView item);
  // For an acknowledgement, now.
  void ask() { probe_ = true; }

  // The item that is next here, if it is there.
  const Bytes* front() const { return items_.empty() ? nullptr : &items_.front().bytes; }
  // It is the owner's now, who tells done() with what this returns, in the order of taking.
  [[nodiscard]] std::uint64_t take();
  void done(std::uint64_t taken);
  std::size_t waiting() const { return items_.size(); }  // to be taken here
  const Bytes& waiting(std::size_t place) const { return items_.at(place).bytes; }

  // Nothing more is taken here, ever: what waits here, and what comes, is the sender's again.
  void refuse();
  // What the other end has refused since this was asked, in order.
  std::vector<Bytes> refused() { return std::exchange(refused_, {}); }

  // Refusing, it may end: the other end knows what was taken here, and takes nothing of that for unread.
  bool may_end() const { return !refuses_ || is_known_ || handed_ == 0; }

  // The other life is over: what it has not taken, in order. Nothing is sent any more.
  std::vector<Bytes> close();

  // ---- the carrier
  void receive(Instant now, const Message& message);
  void reconnected();  // what was on its way may be lost
  std::vector<Message> poll(Instant now);
  std::optional<Instant> deadline() const;

  Life self() const { return self_; }
  Life other() const { return other_; }
  const Counts& counts() const { return counts_; }

 private:
  struct Item {
    Bytes bytes;
    std::uint64_t last_piece = 0;
  };
  struct Queued {
    bool last = true;
    std::size_t size = 0;
    Bytes bytes;
    std::optional<std::uint64_t> spilled;  // there, not in `bytes`
  };
  void received(Instant now, const Parcel& parcel);
  void received(Instant now, const Acknowledge& acknowledge);
  bool put_in(const Parcel::Piece& piece);
  std::vector<Bytes> take_back();
  std::optional<Parcel> next_parcel();
  void start_timer(Instant now);
  void queue(ByteView piece, bool last);
  std::optional<Bytes> bytes_of(const Queued& piece) const;
  void forget(const Queued& piece);

  Life self_, other_;
  Limits limits_;
  bool closed_ = false;

  // Sending: pieces taken_there_ + 1 and on are in queue_.
  Spill* spill_ = nullptr;
  std::deque<Queued> queue_;
  std::size_t queued_bytes_ = 0;
  std::uint64_t taken_there_ = 0, arrived_there_ = 0;
  std::uint64_t next_ = 1;  // the number that is sent next
  std::uint64_t highest_sent_ = 0;
  std::size_t on_way_bytes_ = 0;  // of taken_there_ + 1 .. next_ - 1
  bool probe_ = false;
  std::optional<Instant> resend_at_;
  Duration resend_after_{};
  bool is_refused_ = false;
  std::vector<Bytes> refused_;

  // Receiving.
  std::deque<Item> items_;
  Bytes part_;  // of an item whose last piece has not come
  std::size_t held_bytes_ = 0;
  std::uint64_t arrived_ = 0;
  std::uint64_t handed_ = 0;  // to the owner
  std::uint64_t taken_ = 0;   // the owner has done with
  bool refuses_ = false;
  bool is_known_ = false;  // that it does, there
  std::optional<Instant> refuse_at_;
  bool acknowledge_ = false, urgent_ = false;
  std::size_t unacknowledged_ = 0, unacknowledged_bytes_ = 0;  // taken since the last acknowledgement
  std::optional<Instant> acknowledge_at_;

  Counts counts_;
};

}  // namespace coord::channel
