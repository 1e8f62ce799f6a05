// SPDX-License-Identifier: MIT
// What sites that decide by a classical algorithm say to each other on their channel, and tools to their
// peer's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/decisions/commands.hpp"
#include "wire/bounds.hpp"

namespace coord::agreements {

// ---- between peers

// Who this peer is: this life of its process, and of its disk. Sent when asked for, and when a peer names
// another life than this.
struct Hello {
  std::uint64_t life = 0, disk = 0;
  bool asks = false;
  bool operator==(const Hello&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(life, disk, asks);
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
using ToPeer = std::variant<Hello, Packet>;

inline constexpr std::size_t item_message_bytes = std::size_t{256} << 10U;  // at most

// A message of the algorithm of a decision, or of an epoch. `depth`: how many messages one after the other
// have led to it.
struct Item {
  enum class Kind : std::uint8_t {
    message,
    lost,     // none: its sender has lost one of this epoch, and takes part in it no more
    is_busy,  // none: would this site let the sender wait, whose request came before this?
    busy,     // ... it would
    free,     // ... it does not
  };
  Token generation{};
  std::uint32_t depth = 0;
  Bytes message{};
  Kind kind = Kind::message;
  std::uint64_t question = 0;  // of is_busy, and its answers
  bool operator==(const Item&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, depth, wire::at_most<item_message_bytes>(message), kind, question);
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
  bool operator==(const TellDecided&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, question, begun, decided, wire::at_most<65'536>(value));
  }
};
using AnyItem = std::variant<Item, AskDecided, TellDecided>;

// ---- a tool and its own peer

struct GetSites {          // as they are now, for a name's first entry
  bool answering = false;  // those only that say so
  bool operator==(const GetSites&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(answering);
  }
};
struct Propose {
  Token generation{};
  std::string value{};
  bool operator==(const Propose&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, wire::at_most<65'536>(value));
  }
};
struct GetDecided {
  Token generation{};
  bool operator==(const GetDecided&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation);
  }
};
// This request of this session takes part in a name: it is to enter now. Answered by Entered when it may; by
// Missing if it will not. Who is told Entered says Begin before anything is begun, for it may have been
// stopped, and its turn have passed on: answered by Begun, and it is inside until it takes part no more, or
// as Enter.
struct Enter {
  SessionId session{};
  std::uint64_t request = 0;
  bool at_once = false;  // or be told Busy
  bool operator==(const Enter&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request, at_once);
  }
};
struct Begin {
  SessionId session{};
  std::uint64_t request = 0;
  bool operator==(const Begin&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request);
  }
};
// It does not wait any more. Answered by Withdrawn.
struct Withdraw {
  SessionId session{};
  std::uint64_t request = 0;
  bool operator==(const Withdraw&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request);
  }
};
using FromTool = std::variant<GetSites, Propose, GetDecided, Enter, Begin, Withdraw>;

struct Sites {
  std::vector<service::DecisionSite> sites{};
  NodeId self{};  // this host
  bool operator==(const Sites&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sites, self);
  }
};
struct Step {  // of the way to a decision, as this site saw it
  Duration after{};
  bool sent = false;
  NodeId peer{};
  std::string text{};
  bool operator==(const Step&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(after, sent, peer, text);
  }
};
struct Decided {
  std::string value{};
  std::map<std::string, std::uint64_t> messages{};  // sent and received here until then, by type
  std::uint32_t delays = 0;                         // messages one after the other, from wish to decision
  Duration took{};
  std::vector<Step> steps{};
  bool operator==(const Decided&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<65'536>(value), messages, delays, took, steps);
  }
};
struct Undecided {
  bool operator==(const Undecided&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct CannotTell {
  enum class Why : std::uint8_t { no_site, no_majority, wrong, forgotten, store, behind, open };
  Why why = Why::no_site;
  std::string text{};
  bool operator==(const CannotTell&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(why, text);
  }
};
constexpr const char* name_of(CannotTell::Why value) {
  switch (value) {
    using enum CannotTell::Why;
    case no_site:
      return "no site";
    case no_majority:
      return "no majority";
    case wrong:
      return "wrong";
    case forgotten:
      return "forgotten";
    case store:
      return "store";
    case behind:
      return "behind";
    case open:
      return "open";
  }
  return nullptr;
}
struct Entered {
  Token token{};  // larger than those of all who were inside before
  Token epoch{};
  std::vector<std::string> hosts{};                 // its sites
  std::map<std::string, std::uint64_t> messages{};  // sent and received here from wish to entry, by type
  std::uint32_t delays = 0;                         // messages one after the other
  std::uint64_t sent = 0, received = 0;             // of the algorithm's, here, in this epoch until now
  bool operator==(const Entered&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(token, epoch, hosts, messages, delays, sent, received);
  }
};
// Nobody enters in this epoch any more, as far as this site can tell: close it, and take part in the next. 0:
// in which one it would be is not known here.
struct Missing {
  Token epoch{};
  std::string text{};
  bool operator==(const Missing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(epoch, text);
  }
};
struct Begun {
  bool operator==(const Begun&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct Busy {
  bool operator==(const Busy&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct Withdrawn {
  bool quorum = false;  // the group has one, as far as this peer knows
  bool operator==(const Withdrawn&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(quorum);
  }
};
using ToTool = std::variant<Sites, Decided, Undecided, CannotTell, Entered, Missing, Begun, Withdrawn, Busy>;

}  // namespace coord::agreements
