// SPDX-License-Identifier: MIT
// A consistent global state where messages may overtake each other (Lai and Yang, "On Distributed Snapshots",
// Inf. Proc. Letters 25(3), 1987; how many to wait for: Mattern, "Efficient Algorithms for Distributed
// Snapshots and Global Virtual Time Approximation", JPDC 18(4), 1993, section 3).
//
// Problem: a marker of Chandy and Lamport parts a channel only if nothing overtakes it. Why the obvious
// answer, number the messages and put them in order again, fails: a datagram that is missing holds up all
// that follow. Algorithm: each message carries the colour of its sender: the number of the last snapshot that
// the sender has recorded. Who is reached by a message of a later colour records its own state before it
// takes the message: so nothing that was sent after a record is received before one. A message of an earlier
// colour that arrives after the record was on its way. Each tells every other one how many it had sent there
// when it recorded; a channel is whole when so many have arrived.
//
// N(N-1) counts for a snapshot; they may be late and overtake too. All snapshots are numbered together: two
// who begin at the same time have begun the same one. Needs channels that lose nothing: with a lost message a
// snapshot never becomes whole, and missing() names where.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"
#include "protocol/snapshot/types.hpp"

namespace coord::snapshot {

class LaiYang : public Shape<LaiYang> {
 public:
  using Colour = std::uint64_t;
  struct Payment {
    Amount amount = 0;
    Colour colour = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(amount, colour);
    }
  };
  struct Count {  // of messages to its receiver that were sent before the sender took this colour
    Colour colour = 0;
    std::uint64_t sent = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(colour, sent);
    }
  };
  using Message = std::variant<Payment, Count>;

  struct Begin {};
  using Event = std::variant<Begin, Hand, Receive, Tick>;

  using Action = std::variant<Send, Handed, Recorded>;
  using Actions = std::vector<Action>;

  LaiYang(Group group, Amount balance);

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return std::nullopt; }
  Amount balance() const { return account_.balance; }
  Colour colour() const { return colour_; }
  std::set<NodeId> missing() const;  // whose counts, or whose messages, have not all come

 private:
  struct Recording {
    Recorded record;
    std::map<NodeId, std::uint64_t> told;  // by sender: what it had sent here
  };

  void on(const Begin&, Actions& actions);
  void on(const Hand& hand, Actions& actions);
  void on(const Receive& receive, Actions& actions);
  void on(const Tick&, Actions&) {}
  void received(NodeId from, const Payment& payment, Actions& actions);
  void received(NodeId from, const Count& count, Actions& actions);
  // Takes this colour, and all between.
  void record_up_to(Colour colour, Actions& actions);
  bool arrived(const Recording& recording, NodeId from) const;
  void close_whole(Actions& actions);

  Group group_;
  Account account_;
  Colour colour_ = 0;
  std::map<Colour, Recording> recordings_;
};

std::string text(const LaiYang::Message& message);

}  // namespace coord::snapshot
