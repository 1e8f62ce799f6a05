// SPDX-License-Identifier: MIT
// A host of a Chord ring: its places on the ring (virtual nodes), what they ask other hosts, and lookups.
//
// ring_member.hpp, fingers.hpp and lookup.hpp say what is to be asked and what follows from the answers; this
// is the asking: requests with numbers, time-outs, and when what is repeated. A request that is not answered
// is sent again, and when that is not answered either, who was asked is judged dead. Places of one host ask
// each other without messages.
//
// Virtual nodes: with one place each, hosts own arcs that differ by a factor of log N (the largest of 10^4
// hosts has 9 times the mean); with v places the spread falls as 1/sqrt(v), and a host of twice the capacity
// takes twice the places.
//
// Joining: any host of the ring that is known is asked for its places; from there each own place looks up the
// member before it and joins. A host asks others that it knows of, one after another, for their places for
// as long as it lives: whoever answers is a candidate of stabilize, which makes two rings one after a
// partition. Leaving is failing with a word: the places answer "no member" from then on.
//
// Purity and threads: as in protocol/shape.hpp.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "protocol/chord/fingers.hpp"
#include "protocol/chord/messages.hpp"
#include "protocol/chord/ring_member.hpp"
#include "protocol/shape.hpp"

namespace coord::chord {

class Chord : public Shape<Chord> {
 public:
  struct Config {
    NodeId self;
    std::uint64_t life = 1;     // larger each time that this host begins anew
    std::vector<Id> places;     // 1 to 64, distinct from those of all hosts
    std::vector<NodeId> known;  // other hosts that may be in the ring
    std::size_t hosts = 3;      // r: how many distinct hosts a list of successors names
    Duration interval = std::chrono::milliseconds(500);  // from one stabilize to the next
    Duration patience =
        std::chrono::milliseconds(500);  // until a request is sent again, and until it is given up
  };

  using Message = chord::Message;

  // ---- events
  struct Found {  // begins as one of an ideal ring: all its members, this host's places among them
    List all;
  };
  struct Join {};
  // It was in the ring in its last life. It begins as a ring of its own, which becomes one with the others'
  // as after a partition: so all hosts may be started anew at once, and nobody waits for another to begin.
  struct Resume {};
  struct Leave {};
  struct Find {  // the answer bears the same tag
    std::uint64_t tag = 0;
    Id key;
  };
  using Event = std::variant<Found, Join, Resume, Leave, Find, Receive, Tick>;

  // ---- actions
  struct Joined {};  // all places are in the ring
  struct Owners {    // of the key that was looked for: its owner first; empty: nobody could be asked
    std::uint64_t tag = 0;
    Id key;
    List owners;
    std::vector<Lookup::Hop> hops;
  };
  using Action = std::variant<Send, Joined, Owners>;
  using Actions = std::vector<Action>;

  explicit Chord(Config config);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const;
  enum class Phase : std::uint8_t { outside, joining, inside, left };
  Phase phase() const { return phase_; }
  // Of places that are in the ring, in the order of Config::places.
  std::vector<const RingMember*> members() const;
  const Fingers* fingers_of(const Member& place) const;
  Member member(const Id& place) const { return {place, config_.self, config_.life}; }

 private:
  struct Place {
    Place(const Member& self, std::size_t hosts) : ring(self, hosts), fingers(self) {}
    RingMember ring;
    Fingers fingers;
    bool is_member = false;
    std::uint64_t joining = 0;  // the lookup for its place, 0: none
    std::uint64_t fixing = 0;   // the lookup for a finger
  };
  struct Search {
    Lookup lookup;
    enum class For : std::uint8_t { user, join, finger } purpose = For::user;
    std::uint64_t tag = 0;  // the user's
    std::size_t place = 0;  // whose finger or joining it is
  };
  // A request that is not answered yet.
  struct Open {
    NodeId to;
    Message message;
    Instant due;
    bool again = false;  // it was sent twice
    // Whom it concerns, and what it is for.
    Member whom;
    std::size_t place = 0;
    RingMember::Purpose purpose = RingMember::Purpose::successor;
    std::uint64_t search = 0;
  };

  // chord.cpp
  void on(const Found& event);
  void on(const Join&);
  void on(const Resume&);
  void on(const Leave&);
  void on(const Find& event);
  void on(const Receive& receive);
  void on(const Tick&);
  void tick();
  void begin_round();
  void overdue();
  void give_up(const Open& open);

  // chord_members.cpp: the places of this host and their requests
  void receive(NodeId from, const Ask& message);
  void receive(NodeId from, const Answer& message);
  void receive(NodeId from, const Notify& message);
  void receive(NodeId from, const WhoAreYou& message);
  void receive(NodeId from, const Places& message);
  void perform(std::size_t place, const RingMember::Actions& actions);
  void join_or_wait(std::size_t place);
  void joined(std::size_t place, const Lookup& lookup);
  void say_hello();

  // chord_lookups.cpp
  void receive(NodeId from, const FindRoute& message);
  void receive(NodeId from, const RouteFound& message);
  std::uint64_t search(Search search);
  void go_on(std::uint64_t search);
  void finish(std::uint64_t id, Search search);
  void fix_finger(std::size_t place);
  List own_members() const;
  std::optional<Route> own_route(const Member& whom, const Id& key) const;

  void request(Open open, std::uint64_t number);
  std::optional<Open> answered(std::uint64_t number, NodeId by);
  void send(NodeId to, Message message);
  Place* own(const Member& member);

  Config config_;
  Phase phase_ = Phase::outside;
  std::vector<Place> places_;
  std::map<std::uint64_t, Open> open_;
  std::map<std::uint64_t, Search> searches_;
  std::uint64_t last_number_;  // no two lives have the same
  std::size_t next_known_ = 0;
  List heard_of_;  // places of other hosts, to begin a lookup with while joining
  std::optional<Instant> round_at_;
  // Of the step that is made.
  Instant now_;
  std::deque<Message> to_self_;
  Actions actions_;
};

}  // namespace coord::chord
