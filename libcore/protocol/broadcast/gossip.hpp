// SPDX-License-Identifier: MIT
// Casts to all members of a group that comes and goes: rumour mongering for speed, anti-entropy for certainty
// (Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", PODC 1987).
//
// Problem: any member casts at any time, to members that nobody can count, over datagrams that are lost; each
// living one is to hear each cast, once. Why the obvious answers fail: the origin that tells everybody may
// die after half of them, and sends N messages; one rumour (rumour.hpp) ends before everybody has heard it;
// comparing tables (anti_entropy.hpp) takes seconds. Algorithm, for each cast:
//   - who hears it for the first time tells it at once to a few others, chosen at random among those that it
//     does not know to have it, and goes on so in each period. It loses interest after some that had it
//     already (the paper's feedback and counter), after some periods, or when all have it.
//   - what is longer than a datagram is offered instead, and fetched by pieces from who has offered it: it
//     crosses each link about once, however many offers there are.
//   - while there was news lately each member compares a digest with a random other one, several times a
//     second; later now and then, for as long as casts are remembered. Each gives the other what it lacks.
//
// At most once: a cast is an id, (origin, life of the origin, number). Ids are remembered for Config::memory,
// or as many as Config::most_ids. A cast says how old it is, and one that is older than the memory is not
// taken. Of what was forgotten the highest number of each origin's life stays: what is at or below it is
// never taken again. Promises: all members that are up and reach each other, over others, within the memory
// hear it. Not that a member does which is down or cut off for longer; nor an order (causal_order.hpp).
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/broadcast/types.hpp"
#include "protocol/shape.hpp"

namespace coord::broadcast {

struct CastId {
  NodeId origin{};
  std::uint64_t life = 0;    // of the origin's process: its numbers begin anew
  std::uint64_t number = 0;  // from 1
  auto operator<=>(const CastId&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(origin, life, number);
  }
};
// Why it is none; null: it may be one.
const char* fault_of(const CastId& id);

// What a node has of a cast.
enum class Standing : std::uint8_t {
  unknown,  // it has not come yet
  taken,    // it came, and is perhaps forgotten
  missed,   // it never came, and if it came now it would not be taken any more
};

struct Cast {
  CastId id{};
  std::vector<CastId> after{};  // which its origin had heard before
  Payload body{};
  bool operator==(const Cast&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, after, body);
  }
};

// ---- messages

// Bounds on what a message may hold: whoever decodes one checks fault_of().
inline constexpr std::size_t most_after = 16;
inline constexpr std::size_t longest_body = (std::size_t{64} << 10U) + 1024;
inline constexpr std::size_t piece_bytes = 1024;  // in a datagram
inline constexpr std::size_t most_pieces = (longest_body + piece_bytes - 1) / piece_bytes;
inline constexpr std::size_t whole_bytes =
    1024;  // of body and `after`: up to this a cast is told, not offered
inline constexpr std::size_t most_summaries = 1024;
inline constexpr std::size_t most_extras = 64;
inline constexpr std::size_t brought_bytes = std::size_t{256} << 10U;  // at a time

using Pieces = std::array<std::uint64_t, 2>;  // a bit a piece
static_assert(most_pieces <= 128);

struct Tell {  // have you heard?
  Cast cast{};
  Duration age{};  // since it was cast, as far as it was somebody's
  bool operator==(const Tell&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cast, age);
  }
};
struct Offer {  // the same of a longer one
  CastId id{};
  std::vector<CastId> after{};
  Duration age{};
  std::uint32_t size = 0;
  bool operator==(const Offer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, after, age, size);
  }
};
struct Want {  // these pieces of what you have offered
  CastId id{};
  Pieces pieces{};
  bool operator==(const Want&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, pieces);
  }
};
struct Piece {
  CastId id{};
  std::uint32_t index = 0;
  Payload bytes{};
  bool operator==(const Piece&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, index, bytes);
  }
};
struct Heard {  // the answer to Tell and Offer: I have it; was it news?
  CastId id{};
  bool news = false;
  bool operator==(const Heard&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, news);
  }
};
// Of the casts of one life of an origin: all up to `upto`, and `extras` above it.
struct Summary {
  NodeId origin{};
  std::uint64_t life = 0;
  std::uint64_t expired = 0;  // all up to this one are older than the memory: nobody has them any more
  std::uint64_t upto = 0;
  std::vector<std::uint64_t> extras{};
  bool operator==(const Summary&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(origin, life, expired, upto, extras);
  }
};
struct Digest {  // what I have
  std::vector<Summary> summaries{};
  bool is_complete = true;  // of lives that are not in it nothing is had
  bool thorough = false;    // goes by stream, and so does what it brings
  bool is_answer = false;   // to one that had more than this: it is not answered by another digest
  bool operator==(const Digest&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(summaries, is_complete, thorough, is_answer);
  }
};
struct Bring {  // what your digest lacks; by stream
  std::vector<Tell> casts{};
  bool operator==(const Bring&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(casts);
  }
};
using GossipMessage = std::variant<Tell, Offer, Want, Piece, Heard, Digest, Bring>;

// Why no member sends this; null: one may.
const char* fault_of(const GossipMessage& message);
// All else goes by datagram.
bool goes_by_stream(const GossipMessage& message);
std::string text(const GossipMessage& message);

// ---- the protocol

class Gossip : public Shape<Gossip> {
 public:
  using Message = GossipMessage;
  struct Config {
    NodeId self{};
    std::uint64_t life = 1;
    std::uint64_t seed = 1;
    std::size_t fanout = 3;        // told at once, and in each period
    std::size_t boring_after = 4;  // that had it already
    std::size_t most_periods = 12;
    Duration period = std::chrono::milliseconds(25);
    Duration lately = std::chrono::seconds(4);  // so long after news digests are compared often
    Duration compare_often = std::chrono::milliseconds(200);
    Duration compare_seldom = std::chrono::seconds(10);
    Duration memory = std::chrono::minutes(10);
    std::size_t most_ids = 65'536;
    std::size_t most_bytes = std::size_t{8} << 20U;  // of bodies that are kept for others
  };

  struct Members {  // as of now; the node itself may be among them
    std::vector<NodeId> alive{};
    std::vector<NodeId> all{};  // also who is held dead: compared with at times
  };
  struct Begin {  // casts
    Payload body{};
    std::vector<CastId> after{};
  };
  struct Meet {  // a connection with it has come about: what has been missed on either side?
    NodeId node{};
  };
  using Event = std::variant<Members, Begin, Meet, Receive, Tick>;

  struct Arrived {  // once a cast, at the origin too
    std::shared_ptr<const Cast> cast;
    Duration age{};
  };
  struct Confirmed {  // a cast of this node's: another member has it
    CastId id{};
  };
  using Action = std::variant<Send, Arrived, Confirmed>;
  using Actions = std::vector<Action>;

  explicit Gossip(Config config);

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const;

  // ---- for listings and tests
  bool knows(const CastId& id) const;  // or has forgotten it, or will never take it
  Standing standing(const CastId& id) const;
  // All whose bodies are kept, with when they were cast, in the order in which they came.
  std::vector<std::pair<std::shared_ptr<const Cast>, Instant>> kept() const;
  std::pair<std::shared_ptr<const Cast>, Instant> kept(const CastId& id) const;  // null: its body is not
  std::size_t ids() const { return by_arrival_.size(); }
  std::size_t bytes() const { return bytes_; }
  std::size_t hot() const { return due_.size(); }
  CastId last() const { return {config_.self, config_.life, last_number_}; }  // cast by this node

 private:
  struct Hot {  // is being spread
    std::set<NodeId> have;
    std::size_t unnecessary = 0, periods = 0;
    Instant next;
  };
  struct Held {
    Instant born;                      // by this node's clock
    std::shared_ptr<const Cast> cast;  // null: only the id is left
    std::optional<Hot> hot;
    bool confirmed = false;
  };
  struct Origin {
    std::uint64_t forgotten = 0;  // all up to this one are had or never taken
    std::uint64_t expired = 0;    // up to this one by age; the rest for want of room
    std::uint64_t upto = 0;       // all up to this one are held or forgotten
    // Up to `forgotten`, what was never held: the first and the last of each row.
    std::map<std::uint64_t, std::uint64_t> missed;
    std::map<std::uint64_t, Held> held;
    Instant last;
  };
  using Life = std::pair<NodeId, std::uint64_t>;
  struct Fetching {
    std::vector<CastId> after;
    Instant born;
    std::string bytes;
    Pieces missing{}, asked_for{};
    std::deque<NodeId> from;  // who has offered it; the first one is asked
    Instant ask_at;
    std::size_t in_vain = 0;
  };

  void on(Instant now, const Members& event, Actions& actions);
  void on(Instant now, const Begin& event, Actions& actions);
  void on(Instant now, const Meet& event, Actions& actions);
  void on(Instant now, const Receive& event, Actions& actions);
  void on(Instant now, const Tick& event, Actions& actions);
  void heard(Instant now, NodeId from, const Tell& what, Actions& actions);
  void heard(Instant now, NodeId from, const Offer& what, Actions& actions);
  void heard(Instant now, NodeId from, const Want& what, Actions& actions);
  void heard(Instant now, NodeId from, const Piece& what, Actions& actions);
  void heard(Instant now, NodeId from, const Heard& what, Actions& actions);
  void heard(Instant now, NodeId from, const Digest& what, Actions& actions);
  void heard(Instant now, NodeId from, const Bring& what, Actions& actions);

  Held* find(const CastId& id);
  const Held* find(const CastId& id) const { return const_cast<Gossip*>(this)->find(id); }
  bool takes(const CastId& id, Duration age) const;
  void learn(Instant now, std::optional<NodeId> from, Cast cast, Duration age, Actions& actions);
  void has(Held& held, const CastId& id, NodeId node, Actions& actions);
  void spread(Instant now, const CastId& id, Held& held, Actions& actions);
  void cool(const CastId& id, Held& held);
  void tell(Instant now, NodeId to, const Held& held, Actions& actions) const;
  void ask(Instant now, const CastId& id, Fetching& fetching, Actions& actions);
  void ask_again(Instant now, Actions& actions);
  void compare(Instant now, Actions& actions);
  void give(Instant now, NodeId to, const Digest& theirs, Actions& actions) const;
  bool lacks_some_of(const Digest& theirs) const;
  void adopt(const Digest& theirs);
  Digest digest(bool thorough, bool is_answer) const;
  void forget(Instant now);
  void forget_first(bool by_age);
  static void forget_up_to(Origin& origin, std::uint64_t number);
  static void advance(Origin& origin);
  std::vector<NodeId> some(const std::vector<NodeId>& among, const std::set<NodeId>& but, std::size_t count);

  Config config_;
  Random random_;
  Members members_;
  std::uint64_t last_number_ = 0;
  std::map<Life, Origin> origins_;
  std::deque<std::pair<Instant, CastId>> by_arrival_;  // all ids that are held
  std::deque<CastId> with_body_;                       // the oldest first
  std::size_t bytes_ = 0;
  std::set<std::pair<Instant, CastId>> due_;  // all that are hot
  std::map<CastId, Fetching> fetching_;
  std::optional<Instant> last_news_, compare_at_;
  std::size_t compared_ = 0;
};

}  // namespace coord::broadcast
