// SPDX-License-Identifier: MIT
// A consistent global state of processes and of the channels between them, recorded while they go on (Chandy
// and Lamport, "Distributed Snapshots: Determining Global States of Distributed Systems", ACM TOCS 3(1),
// 1985, section 3.1).
//
// Problem: what do all processes have at one time, and what is on its way between them? Why the obvious
// answer, everybody writes down his state when he is asked, fails: between two askings money moves, and is
// counted twice or not at all. Stopping all of them first costs what the snapshot was meant to save.
// Algorithm: whoever begins records its state and sends a marker on each channel, before anything else that
// it sends there. Who receives a first marker records its own state, takes that channel for empty, and sends
// markers likewise. On every other channel it records what arrives after its own record and before the
// channel's marker: that was on its way. The marker parts what was sent before the sender's record from
// what was sent after it, so nothing is received in the cut that was not sent in it (Theorem 1).
//
// One marker a directed channel: N(N-1) among N who all speak to each other. Needs channels that lose nothing
// and keep their order (lai_yang.hpp: those that do not). Any number of processes may begin, any number of
// times: snapshots are told apart by their ids. A crashed process, and its channels stay open: missing().
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

class ChandyLamport : public Shape<ChandyLamport> {
 public:
  struct Payment {
    Amount amount = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(amount);
    }
  };
  struct Marker {
    Id snapshot;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(snapshot);
    }
  };
  using Message = std::variant<Payment, Marker>;

  struct Begin {};
  using Event = std::variant<Begin, Hand, Receive, Tick>;

  using Action = std::variant<Send, Handed, Recorded>;
  using Actions = std::vector<Action>;

  ChandyLamport(Group group, Amount balance);

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return std::nullopt; }
  Amount balance() const { return account_.balance; }
  std::set<NodeId> missing() const;  // whose markers have not come

 private:
  struct Recording {
    Recorded record;
    std::set<NodeId> open;  // channels whose marker has not come
  };

  void on(const Begin&, Actions& actions);
  void on(const Hand& hand, Actions& actions);
  void on(const Receive& receive, Actions& actions);
  void on(const Tick&, Actions&) {}
  void received(NodeId from, const Payment& payment, Actions& actions);
  void received(NodeId from, const Marker& marker, Actions& actions);
  void record(Id snapshot, Actions& actions);
  void close(Id snapshot, std::optional<NodeId> channel, Actions& actions);

  Group group_;
  Account account_;
  std::uint64_t begun_ = 0;
  std::map<Id, Recording> recordings_;
  std::map<NodeId, std::uint64_t> whole_;       // by initiator: the last snapshot of which all was recorded
  std::map<NodeId, std::vector<Marker>> late_;  // stays empty: a mutant's
};

std::string text(const ChandyLamport::Message& message);
std::string text(const Id& snapshot);  // "2.1": the first one that 2 began

}  // namespace coord::snapshot
