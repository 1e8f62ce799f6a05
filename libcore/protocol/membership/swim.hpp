// SPDX-License-Identifier: MIT
// Who is in a large group and alive: SWIM (Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent
// Infection-style Process Group Membership Protocol", DSN 2002), with Lifeguard (suspicion.hpp).
//
// Problem: each member should know soon who has died. The obvious answer, heartbeats to all (detector.hpp),
// costs N(N-1) messages an interval. Algorithm: in each period a member pings one other, by turns, in an
// order that is drawn anew each time round, so that nobody is left out for more than 2N-1 periods. Without an
// answer it asks some helpers to ping it, and pings it by stream itself, since what keeps datagrams away may
// be the one way between the two; only then it is suspected. News of suspects, deaths and joins travels on
// pings and answers, and in datagrams of its own while there is some: each member tells it a number of times
// that grows with log N. Whoever hears that it is suspected denies it by a larger incarnation; who does not
// in time is dead. Now and then two members compare all that they hold, also one with a member that it holds
// dead: that ends partitions.
//
// Where implementations went wrong, each a rule: an incarnation that is lost at a restart (its owner makes it
// durable before it is told); old news that raises the dead; a suspicion that adds who was removed;
// suspecting before the helpers had their time; one confirmation counted twice; a member that was itself
// stopped and blames the others; a table whose deaths are taken as they are, so that the sides of a mended
// partition kill each other again.
//
// Awareness (Lifeguard): a member that hears neither answers nor the "nothing yet" of helpers, or has to deny
// its own death, is the slow one: its periods become longer until its pings are answered again.
//
// What is promised: a dead member is held dead by all in the end. A live one may be held dead for a while; no
// lease and no lock may end by that. phi() is for people. Purity and threads: as in protocol/shape.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "protocol/membership/phi.hpp"
#include "protocol/membership/roster.hpp"
#include "protocol/membership/rumour_queue.hpp"
#include "protocol/membership/suspicion.hpp"
#include "protocol/shape.hpp"

namespace coord::membership {

class Swim : public Shape<Swim> {
 public:
  struct Config {
    NodeId self;
    Roster::Founders founders;
    std::vector<NodeId> contacts;  // whom it asks while it has heard nobody, or knows nobody who lives
    std::uint64_t seed = 1;
    Duration period = std::chrono::milliseconds(250);      // from one probe to the next
    Duration time_out = std::chrono::milliseconds(100);    // of a direct ping; less than the period
    Duration gossip = std::chrono::milliseconds(100);      // from one round of news to the next
    Duration compare = std::chrono::seconds(10);           // from one comparison to the next
    Duration own_pause = std::chrono::milliseconds(1000);  // a step so late was a pause of this member
    Duration remember = std::chrono::hours(24);            // who died or left is not forgotten before
    std::size_t helpers = 3, fan_out = 3;                  // pinging for it; told in a round of news
    std::size_t tell_factor = 4, suspicion_factor = 4;     // see suspicion.hpp
    // While no more members than `small_group` are present, a suspicion goes by the other factor. 0: never.
    std::size_t small_group = 0, small_group_factor = 6;
    std::size_t suspicion_stretch = 6;  // the longest is so many times the shortest
    std::size_t confirmations = 2;      // for the shortest
    std::size_t worst_awareness = 7;
    bool stream_ping = true;
    bool keeps_phi = true;  // some 300 bytes a member that was heard
  };
  using Message = SwimMessage;

  // ---- events
  struct Leave {};
  using Event = std::variant<Leave, Receive, Tick>;

  // ---- actions
  struct Persist {  // durable before what follows it is done
    Incarnation incarnation;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(incarnation);
    }
  };
  struct Changed {  // what it holds of another member
    NodeId node;
    Member member;
    NodeId by;
  };
  struct Departed {};  // its word of leaving has been told: it may end
  using Action = std::variant<Send, Persist, Changed, Departed>;
  using Actions = std::vector<Action>;

  // `stored`: the last one that an earlier life has persisted.
  Swim(Instant now, Config config, std::optional<Incarnation> stored);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);
  void set_contacts(std::vector<NodeId> contacts) { config_.contacts = std::move(contacts); }
  // Founders that are gone for good: once they are dead nobody tries to reach them any more.
  void set_gone(std::vector<NodeId> gone) { gone_ = std::move(gone); }

  // ---- output
  std::optional<Instant> deadline() const;
  const Roster& roster() const { return roster_; }
  Incarnation incarnation() const { return incarnation_; }
  std::size_t awareness() const { return awareness_; }  // 0: sound
  double phi(Instant now, NodeId node) const;

 private:
  struct Probe {
    NodeId target;
    std::uint64_t number = 0;
    Instant direct_ends, ends;
    bool helpers_asked = false;
    std::set<NodeId> helpers, silent_helpers;
  };
  struct Relayed {  // a ping for somebody else
    NodeId asker;
    std::uint64_t number = 0;
    NodeId target;
    Instant nack_at, ends;
    bool told = false;
  };

  // swim.cpp
  void on(const Leave&);
  void on(const Receive& receive);
  void on(const Tick&);
  void begin();
  void notice_own_pause();
  void send(NodeId to, Message message);
  template <class Wanted>
  std::vector<NodeId> draw(std::size_t count, const Wanted& wanted);

  // swim_probes.cpp
  void advance_probe();
  void begin_probe();
  void ask_helpers();
  void probe_failed();
  std::optional<NodeId> next_target();
  void answered(NodeId by, std::uint64_t number);
  void relay_overdue();
  void better() { awareness_ -= awareness_ == 0 ? 0U : 1U; }
  void worse(std::size_t by);
  Duration stretched(Duration duration) const { return duration * static_cast<int>(awareness_ + 1); }
  void receive(NodeId from, const Ping& message);
  void receive(NodeId from, const Ack& message);
  void receive(NodeId from, const PingRequest& message);
  void receive(NodeId from, const Nack& message);
  void receive(NodeId from, const StreamPing& message);
  void receive(NodeId from, const StreamAck& message);

  // swim_news.cpp
  enum class Heard : std::uint8_t { as_news, in_table };
  void receive(NodeId from, const Gossip& message);
  void receive(NodeId from, const Compare& message);
  void receive(NodeId from, const Table& message);
  void hear(NodeId from, const Rumours& rumours, Heard how, std::size_t limit);
  void hear_of(NodeId from, Rumour rumour, Heard how);
  void hear_alive(const Rumour& rumour, const std::optional<Member>& known);
  void hear_suspect(const Rumour& rumour, const std::optional<Member>& known);
  void hear_gone(NodeId from, const Rumour& rumour, const std::optional<Member>& known, Heard how);
  void hear_of_itself(const Rumour& rumour);
  void become(const Rumour& rumour);
  void announce(Incarnation incarnation);
  void expire_suspicions();
  Rumours news_for(NodeId to);
  void gossip();
  bool calls_contacts() const;
  void call_contacts();
  std::optional<NodeId> stranger();
  void compare();

  Config config_;
  Random random_;
  Roster roster_;
  std::vector<NodeId> gone_;
  RumourQueue queue_;
  Incarnation incarnation_;
  bool is_new_life_;
  bool begun_ = false;
  bool has_heard_ = false;  // anybody, in this life
  std::size_t awareness_ = 0;
  std::map<NodeId, Suspicion> suspicions_;
  std::set<std::pair<Instant, NodeId>> ends_;  // of the suspicions
  std::optional<Probe> probe_;
  std::map<std::uint64_t, Relayed> relayed_;
  std::uint64_t last_number_;
  Shuffle order_{0, 0};
  std::size_t place_ = 0;
  Instant period_at_, gossip_at_, compare_at_, forget_at_;
  Duration soon_;  // until the next comparison, as long as contacts are unknown
  Instant call_at_;
  Duration call_again_;
  enum class Leaving : std::uint8_t { no, telling, gone } leaving_ = Leaving::no;
  std::size_t rounds_to_leave_ = 0;
  std::map<NodeId, Arrivals> arrivals_;
  // Of the step that is made.
  Instant now_;
  Actions actions_;
};

}  // namespace coord::membership
