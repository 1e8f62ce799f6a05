// SPDX-License-Identifier: MIT
// One classical algorithm at one node, whichever it is: fed with bytes, ticks and its user's wishes, it
// answers with bytes to send and with what the user is told. The same objects run here and in the simulator
// (catalogue/); nothing of the simulator is needed. Made by name: registry.hpp.
//
// A driver performs the actions of a step in their order: what is to be persisted is durable before what
// follows it is done. It ticks the instance at its deadline(). Purity and threads: as in protocol/.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "protocol/broadcast/types.hpp"
#include "protocol/consensus/notary.hpp"
#include "protocol/group.hpp"

namespace coord::classical {

// ---- what an instance is made from

struct Setup {
  Group group;
  std::map<std::string, std::string> options{};  // those that its Algorithm lists
  std::uint64_t seed = 1;                        // of its random choices; another one at each node
  Instant now{};
  std::uint64_t life = 1;                     // of this node: a larger one each time that it is made again
  std::map<std::string, Bytes> stored{};      // all that earlier lives of this node have persisted
  const consensus::Notary* notary = nullptr;  // of this node, outlives the instance; where signatures count
};

// ---- what its user wishes; each algorithm takes some of these

struct Enter {};  // mutual exclusion and leases; a ring of members
struct Leave {};  // while it waits: withdraws; where there is work: has done a unit of its own
struct Suspect {};
struct Propose {  // agreement; for one on a bit: 0 or 1
  std::string value;
};
struct Begin {};  // a transaction at its coordinator; a spanning tree; a snapshot
struct Vote {     // the answer to VoteAsked
  bool yes = false;
};
struct Broadcast {
  std::string payload;
};
struct Listen {};  // where news has to be asked for: begins to
struct Write {     // no value: deletes
  std::string key;
  std::optional<std::string> value;
};
struct WaitFor {
  std::set<NodeId> nodes;
};
struct Serve {  // answers this one, which waits
  NodeId node;
};
struct Hand {  // over to another one, of what this node has: money, work
  NodeId to;
  std::uint64_t amount = 0;
};
struct Find {  // who keeps this key
  std::string key;
};
using Wish = std::variant<Enter, Leave, Suspect, Propose, Begin, Vote, Broadcast, Listen, Write, WaitFor,
                          Serve, Hand, Find>;
std::string_view name_of(const Wish& wish);

// No value, payload or key of a wish is longer.
inline constexpr std::size_t value_limit = std::size_t{64} << 10U;

// ---- what he is told

struct Granted {
  Token token;
};
struct Refused {
  std::string why;
};
struct Lost {};  // what was granted is over, whatever he was at
struct Led {
  NodeId leader;
};
struct Decided {
  std::string value;
  std::uint64_t place = 0;  // of a log; 0: there is only one decision
};
struct Answered {  // his own request was executed, with this result
  std::string result;
};
struct VoteAsked {};
struct Committed {};
struct Aborted {};
struct Blocked {};    // voted yes, and may neither commit nor abort until others answer
struct Completed {};  // all know; the tree is there; all work is done
struct Delivered {
  std::string payload;
};
struct Gathered {
  broadcast::Aggregate aggregate;
  std::set<NodeId> missing;
};
struct Wanted {  // this node waits for us: Serve it some time
  NodeId by;
};
struct GoesOn {};
struct GivesUp {};  // it was chosen to break a deadlock
struct Suspected {
  NodeId node;
};
struct Trusted {
  NodeId node;
};
struct Handed {
  NodeId from;
  std::uint64_t amount = 0;
};
struct Recorded {  // this node's part of a snapshot is whole
  std::string snapshot;
  std::uint64_t state = 0;                 // what the node had
  std::uint64_t messages = 0, on_way = 0;  // on their way to it, and what they bring
};
struct Owned {  // the key that was looked for
  NodeId by;
};
using Told = std::variant<Granted, Refused, Lost, Led, Decided, Answered, VoteAsked, Committed, Aborted,
                          Blocked, Completed, Delivered, Gathered, Wanted, GoesOn, GivesUp, Suspected,
                          Trusted, Handed, Recorded, Owned>;
std::string text(const Told& told);

// ---- what the driver does

struct Send {
  NodeId to;
  std::string_view type;  // of the message, for counting; a literal
  Bytes message;
};
struct Persist {  // from now on `key` holds this
  std::string key;
  Bytes value;
};
struct Tell {
  Told what;
};
using Action = std::variant<Send, Persist, Tell>;
using Actions = std::vector<Action>;

// A message for people.
struct MessageText {
  std::string_view type;  // as in Send
  std::string text;       // as in the simulator's traces
};

class Instance {
 public:
  virtual ~Instance() = default;

  // ---- input
  // An Error when they are no message of this algorithm, or one that no node of the group can have meant:
  // then nothing has changed.
  [[nodiscard]] virtual Result<Actions> receive(Instant now, NodeId from, ByteView message) = 0;
  [[nodiscard]] virtual Actions tick(Instant now) = 0;  // early ticks are harmless
  // An Error (usage) when this algorithm takes no such wish.
  [[nodiscard]] virtual Result<Actions> wish(Instant now, const Wish& wish) = 0;

  // ---- output
  virtual std::optional<Instant> deadline() const = 0;
  virtual std::set<NodeId> missing() const = 0;  // whom it waits for, as far as it knows
  virtual std::string state() const = 0;         // for people
  // Where liars take part: a message by which any other instance, of whatever node, decides as this one has;
  // nullopt: it has not.
  virtual std::optional<Bytes> proof() const = 0;
  // Mutual exclusion: what this node has asked for is held up here by another one.
  virtual bool holds_up(NodeId node) const = 0;
  // Mutual exclusion: no token given so far is larger, if all nodes of the epoch that live are asked.
  virtual std::optional<Token> floor() const = 0;
  // Leases: what this node was granted is over by then, unless it is renewed.
  virtual std::optional<Instant> granted_until() const = 0;
};

}  // namespace coord::classical
