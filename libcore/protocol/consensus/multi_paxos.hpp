// SPDX-License-Identifier: MIT
// A log of commands agreed on by Paxos under a leader that stays (Lamport, "The Part-Time Parliament", 1998,
// section 3; "Paxos Made Simple", 2001, section 3).
//
// Problem: one instance of Paxos for each place of a log costs two round trips a command, and nodes that
// propose at once overtake each other. Why the obvious answer, elect a leader and let it dictate, fails: two
// nodes may believe that they lead. Algorithm: phase 1 of *all* places at once. A node that would lead asks
// for promises of a ballot for every place that it does not know as chosen; each answers with all that it has
// accepted there. With a majority the leader proposes again, under its own ballot, what was accepted in the
// highest ballot of each place, fills gaps with commands that do nothing, and from then on needs phase 2
// only: 2(N-1) messages and one round trip a command, and N-1 to tell that it is chosen. A second leader's
// ballot is higher or lower; acceptors obey the higher one.
//
// Rules: the promise covers all places; the highest ballot's command is adopted for each place; a
// gap is filled before anything after it is delivered; a ballot is never used again after a restart;
// durable before told. A command that its origin sends again may be chosen twice: delivery() tells
// it once, by (origin, sequence).
//
// Leadership here is a matter of speed, not of safety: heartbeats keep others from standing, a
// follower that hears none for a random time in [election_low, election_high] stands. Liveness: a
// majority up and connected, links faster than a heartbeat's interval, clocks of roughly one speed.
// What is chosen is kept in memory for ever and a restarted node fetches it again from the leader: for
// long-lived logs with snapshots see raft/.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/consensus/types.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::consensus {

// What is agreed on for a place: a user's command, told apart by who asked for it and his count of it (from
// 1). sequence 0: does nothing.
struct Command {
  NodeId origin;
  std::uint64_t sequence = 0;
  Value value;
  bool operator==(const Command&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(origin, sequence, value);
  }
};

class MultiPaxos : public Shape<MultiPaxos> {
 public:
  using Slot = std::uint64_t;  // a place of the log, from 1

  struct Config {
    Group group;
    std::uint64_t seed = 1;  // of the election time-outs
    // of a leader; also how often what was lost is resent
    Duration heartbeat = std::chrono::milliseconds(50);
    Duration election_low = std::chrono::milliseconds(200);
    Duration election_high = std::chrono::milliseconds(500);
    Slot places =
        0;  // of the log; 0: any number. What goes beyond is proposed to nobody and accepted by nobody
  };
  struct Vote {  // what an acceptor accepted last for a place
    Slot slot = 0;
    Ballot ballot;
    Command command;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(slot, ballot, command);
    }
  };
  struct Durable {
    std::uint64_t round = 0;  // of the highest ballot that this node began
    Ballot promised;
    std::map<Slot, Vote> accepted;
  };

  struct Prepare {
    Ballot ballot;
    Slot from = 0;  // and all places after it
    template <class Archive>
    void serialize(Archive& archive) {
      archive(ballot, from);
    }
  };
  struct Promise {
    Ballot ballot;
    std::vector<Vote> accepted;  // at or after Prepare::from
    template <class Archive>
    void serialize(Archive& archive) {
      archive(ballot, accepted);
    }
  };
  struct Accept {
    Ballot ballot;
    Slot slot = 0;
    Command command;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(ballot, slot, command);
    }
  };
  struct Accepted {
    Ballot ballot;
    Slot slot = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(ballot, slot);
    }
  };
  struct Rejected {
    Ballot promised;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(promised);
    }
  };
  struct Chosen {
    Slot slot = 0;
    Command command;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(slot, command);
    }
  };
  struct Heartbeat {
    Ballot ballot;
    Slot chosen_to = 0;  // every place up to it is chosen
    template <class Archive>
    void serialize(Archive& archive) {
      archive(ballot, chosen_to);
    }
  };
  struct Missing {  // to the leader: send me what is chosen from here on
    Slot from = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(from);
    }
  };
  struct Forward {  // a user's command, to the leader
    Command command;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(command);
    }
  };
  using Message =
      std::variant<Prepare, Promise, Accept, Accepted, Rejected, Chosen, Heartbeat, Missing, Forward>;

  struct Submit {  // `sequence` is never used again for another value by this node, also after a restart
    std::uint64_t sequence = 1;
    Value value;
  };
  using Event = std::variant<Submit, Receive, Tick>;

  struct PersistPromise {
    std::uint64_t round = 0;
    Ballot promised;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(round, promised);
    }
  };
  struct PersistVote {
    Ballot promised;
    Vote vote;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(promised, vote);
    }
  };
  struct Delivered {  // in the order of the log, each command once; from the beginning again after a restart
    Slot slot = 0;
    Command command;
  };
  struct Leads {
    Ballot ballot;
  };
  using Action = std::variant<PersistPromise, PersistVote, Send, Delivered, Leads>;
  using Actions = std::vector<Action>;

  MultiPaxos(Instant now, Config config, Durable restored);
  MultiPaxos(Instant now, Config config) : MultiPaxos(now, std::move(config), Durable{}) {}

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const { return wake_at_; }
  bool leads() const { return role_ == Role::leader; }
  NodeId leader() const { return leader_; }  // as it believes; 0: nobody
  const std::map<Slot, Command>& chosen() const { return chosen_; }
  Slot delivered_to() const { return delivered_to_; }

 private:
  enum class Role : std::uint8_t { follower, candidate, leader };
  struct Proposal {
    Command command;
    std::set<NodeId> accepted;
    Instant sent;
  };
  struct Wish {
    Command command;
    Instant sent;
  };

  void on(Instant now, const Submit& submit, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void receive(Instant now, NodeId from, const Prepare& message, Actions& actions);
  void receive(Instant now, NodeId from, const Promise& message, Actions& actions);
  void receive(Instant now, NodeId from, const Accept& message, Actions& actions);
  void receive(Instant now, NodeId from, const Accepted& message, Actions& actions);
  void receive(Instant now, NodeId from, const Rejected& message, Actions& actions);
  void receive(Instant now, NodeId from, const Chosen& message, Actions& actions);
  void receive(Instant now, NodeId from, const Heartbeat& message, Actions& actions);
  void receive(Instant now, NodeId from, const Missing& message, Actions& actions);
  void receive(Instant now, NodeId from, const Forward& message, Actions& actions);

  void stand(Instant now, Actions& actions);
  void lead(Instant now, Actions& actions);
  void follow(Instant now, Ballot ballot);
  void propose(Instant now, const Command& command, Actions& actions);
  void propose_at(Instant now, Slot slot, const Command& command, Actions& actions);
  void route(Instant now, Wish& wish, Actions& actions);
  void learn(Slot slot, const Command& command, Actions& actions);
  void deliver(Actions& actions);
  void beat(Instant now, Actions& actions);
  void send(NodeId to, Message message, Actions& actions);
  void send_to_all(const Message& message, Actions& actions);
  bool obeys(Instant now, NodeId from, Ballot ballot, Actions& actions);
  Instant patience(Instant now);
  bool near(Slot slot) const;
  bool within(Slot slot) const { return config_.places == 0 || slot <= config_.places; }

  Config config_;
  Durable durable_;
  Random random_;
  std::deque<Message> to_self_;

  Role role_ = Role::follower;
  NodeId leader_;
  Ballot ballot_;  // of our own candidacy or leadership
  std::uint64_t round_seen_ = 0;
  std::optional<Instant> wake_at_;
  std::set<NodeId> promised_by_;
  std::map<Slot, Vote> adopted_;  // while a candidate: the highest vote that was told of each place
  std::map<Slot, Proposal> proposals_;
  Slot next_slot_ = 1;

  std::map<Slot, Command> chosen_;
  Slot delivered_to_ = 0;
  std::set<std::pair<NodeId, std::uint64_t>> delivered_;
  std::map<std::uint64_t, Wish> own_;  // this node's users' commands that are not delivered yet
};

std::string text(const MultiPaxos::Message& message);

}  // namespace coord::consensus
