// SPDX-License-Identifier: MIT
// What the parts of agreements say to each other.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "agreements/chains.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/decision_site.hpp"
#include "wire/bounds.hpp"

namespace coord::agreements {

// Who this peer is: this life of its process, and of its disk. Sent when asked for, and when a peer names
// another life than this.
struct Hello {
  std::uint64_t life = 0, disk = 0;
  bool asks = false;
  Bytes key{};  // by which it signs; empty: none
  bool operator==(const Hello&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(life, disk, asks, wire::at_most<32>(key));
  }
};
// Of protocol/channel: what follows goes by items, each once and in order between two lives.
struct Packet {
  Bytes bytes;
  bool operator==(const Packet&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<(std::size_t{512} << 10U)>(bytes));
  }
};
// How hosts settle who leads.
enum class ElectBy : std::uint8_t { bully, lease_race };
constexpr const char* name_of(ElectBy value) {
  switch (value) {
    using enum ElectBy;
    case bully:
      return "bully";
    case lease_race:
      return "lease-race";
  }
  return nullptr;
}
inline constexpr std::size_t item_clock_hosts = 1'024;  // at most

// Of a leadership that hosts settle by themselves: said once, and void when it is late.
struct Election {
  enum class Kind : std::uint8_t {
    message,  // of the algorithm
    leads,    // none: its sender does
    over,     // none: it does no more
    refused,  // none, of who gives leases: others have another length
  };
  Kind kind = Kind::message;
  ElectBy by = ElectBy::bully;
  std::string name{};
  Duration bound{};                // on messages, or the length of leases
  std::uint32_t from = 0, to = 0;  // nodes of the algorithm
  std::uint32_t depth = 0;         // as of Item
  Bytes message{};
  // As of Item; none: it was no event of its sender's, who has said the same before.
  std::map<NodeId, std::uint64_t> clock{}, trace_clock{};
  bool operator==(const Election&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, by, wire::at_most<1'024>(name), bound, from, to, depth, wire::at_most<65'536>(message),
            wire::at_most<item_clock_hosts>(clock), wire::at_most<item_clock_hosts>(trace_clock));
  }
};
constexpr const char* name_of(Election::Kind value) {
  switch (value) {
    using enum Election::Kind;
    case message:
      return "message";
    case leads:
      return "leads";
    case over:
      return "over";
    case refused:
      return "refused";
  }
  return nullptr;
}
// Of a wait, as a probe went over it.
struct WaitStep {
  SessionId waiter{}, blocker{};
  std::uint64_t number = 0;  // of the wait: another one of the same session has another
  std::string name{};
  bool classical = false;  // to enter by an algorithm
  auto operator<=>(const WaitStep&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(waiter, blocker, number, wire::at_most<1'024>(name), classical);
  }
};
// Of a search for circles of waits; said once.
struct Probe {
  enum class Kind : std::uint8_t {
    begin,          // a probe for each wait of yours
    begun,          // so it was
    chase,          // of the last one's blocker, whose home this is
    who_is_inside,  // of `epoch`, and holds up the last one, who waits at the sender's?
    found,          // to its origin: the path is a circle
  };
  Kind kind = Kind::begin;
  NodeId origin{};
  std::uint64_t search = 0;  // of the origin
  Token epoch{};
  std::vector<WaitStep> path{};
  bool operator==(const Probe&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, origin, search, epoch, path);
  }
};
constexpr const char* name_of(Probe::Kind value) {
  switch (value) {
    using enum Probe::Kind;
    case begin:
      return "begin";
    case begun:
      return "begun";
    case chase:
      return "chase";
    case who_is_inside:
      return "who is inside";
    case found:
      return "found";
  }
  return nullptr;
}
using ToPeer = std::variant<Hello, Packet, Election, Probe>;

inline constexpr std::size_t item_message_bytes = std::size_t{256} << 10U;  // at most
inline constexpr std::size_t told_value_bytes = std::size_t{64} << 10U;

// A message of the algorithm of a decision, or of an epoch. `depth`: how many messages one after the other
// have led to it; of an epoch `chains` says so instead.
struct Item {
  enum class Kind : std::uint8_t {
    message,
    lost,     // none: its sender has lost one of this epoch, and takes part in it no more
    is_busy,  // none: would this site let the sender wait, whose request came before this?
    busy,     // ... it would
    free,     // ... it does not
    ready,    // none, to the coordinator of a transaction: its participant can vote
  };
  Token generation{};
  std::uint32_t depth = 0;
  Bytes message{};
  Kind kind = Kind::message;
  std::uint64_t question = 0;      // of is_busy, and its answers; of ready: 1 if it will say yes
  std::uint32_t from = 0, to = 0;  // of a transaction, whose participants may share a host: which of them
  // How many events of each host its sender knew: of this generation, and, where they are
  // written down, of all.
  std::map<NodeId, std::uint64_t> clock{}, trace_clock{};
  Bytes signature{};  // of its sender, over the message and what it is of; where sites may lie
  Chains chains{};
  bool operator==(const Item&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, depth, wire::at_most<item_message_bytes>(message), kind, question, from, to,
            wire::at_most<item_clock_hosts>(clock), wire::at_most<item_clock_hosts>(trace_clock),
            wire::at_most<64>(signature), chains);
  }
};
constexpr const char* name_of(Item::Kind value) {
  switch (value) {
    using enum Item::Kind;
    case message:
      return "message";
    case lost:
      return "lost";
    case is_busy:
      return "is busy";
    case busy:
      return "busy";
    case free:
      return "free";
    case ready:
      return "ready";
  }
  return nullptr;
}
// What is known to be decided? `question`: of the asking life, so that an answer to an earlier one is none.
struct AskDecided {
  Token generation{};
  std::uint64_t question = 0;
  bool operator==(const AskDecided&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, question);
  }
};
// `begun`: this site has taken part, so that a value may be chosen of which it has not heard.
struct TellDecided {
  Token generation{};
  std::uint64_t question = 0;
  bool begun = false;
  bool decided = false;
  std::string value{};
  // Where sites may lie: what shows to anybody that the value was decided, which has it; and that this
  // sender says this to who has asked.
  Bytes proof{};
  Bytes signature{};
  bool operator==(const TellDecided&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, question, begun, decided, wire::at_most<told_value_bytes>(value),
            wire::at_most<item_message_bytes>(proof), wire::at_most<64>(signature));
  }
};
using AnyItem = std::variant<Item, AskDecided, TellDecided>;

}  // namespace coord::agreements
