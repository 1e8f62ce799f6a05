// SPDX-License-Identifier: MIT
// A registered client of the log: this host's commands, each kept until it was applied, each
// taking effect once.
//
// Nobody can tell a lost command from a lost answer. So the host registers once with the group; the place in
// the log of its Register is its client id. Every command carries (client, sequence), is kept here until it
// is seen applied, and is sent again whenever the one who takes it changes or nothing came of it: the machine
// skips doubles (Raft thesis, section 6.3). What was said to, or of, an earlier registration is void.
//
// It does not know who takes commands, only under which name that is (Target): a change of it sends all that
// is kept once more. Pure; owned by Replica and by Forwarder.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "replica/events.hpp"
#include "service/state_machine.hpp"

namespace coord::replica {

class Client {
 public:
  struct Config {
    NodeId self;
    Level knows = newest_level;  // that this program knows: goes with the registration
    Duration resend = std::chrono::seconds(1);
    std::size_t in_flight = 1024;
    std::size_t queued = 65536;
    std::string name{};     // go with the registration, too
    std::string address{};  // HOST:PORT
    std::string zone{};
  };
  // Who takes commands now, and in which term: what was sent to another one goes again.
  struct Target {
    NodeId to;
    Term term;
    bool operator==(const Target&) const = default;
  };

  // A number of one life: another one on every start, never 0.
  static std::uint64_t draw_life(Random& random);
  Client(Config config, std::uint64_t life) : config_(config), life_(life) {}

  service::ClientId id() const { return id_; }
  std::uint64_t life() const { return life_; }
  // Its registration is gone: as in a new process. What was on its way is void.
  void begin_anew(std::uint64_t life, Actions& out);
  bool has_pending() const { return !pending_.empty() || !queued_.empty(); }

  // ---- what the desk says
  void submit(const Submit& event, Actions& out);
  // What waits here is dropped. What was sent may be in some log: another command takes its sequence number,
  // so that whichever is ordered first is the only one that takes effect.
  void retract(const Retract& event, const service::StateMachine& machine, WallTime wall, Actions& out);

  // ---- on the way into the log
  // The Register, if it is due: to every new target, and again when nothing came of it.
  std::optional<Bytes> registration(Instant now, Target target, const service::StateMachine& machine,
                                    WallTime wall);
  // Gives queued submits their sequence numbers, as far as the window of the machine allows.
  void admit(const service::StateMachine& machine, WallTime wall);
  // In sequence order, what this target has not been sent, or not lately: each is one message.
  std::vector<std::vector<Bytes>> due(Instant now, Target target);
  std::optional<Instant> next_resend() const;
  // A new connection stands: what it was sent before may have gone into one that was dead already.
  void sent_in_vain_to(NodeId node);
  // What is on its way is said anew in the formats of the level, under the same numbers.
  void level_has_changed(const service::StateMachine& machine);

  // ---- what came of it
  void applied(const service::Command& command, const service::Effects& effects,
               const service::StateMachine& machine, Actions& out);
  // The entries were not seen one by one: the machine is asked what became of each command.
  void replaced(const service::StateMachine& machine, Actions& out);
  // Of those that nobody would put into the log. `here`: it was this very peer.
  void reject(const Rejected& rejected, bool here, const service::StateMachine& machine, WallTime wall,
              Actions& out);

 private:
  struct Pending {
    std::uint64_t ticket = 0;  // 0: nobody waits for the outcome
    Bytes command;
    Level level = first_level;  // by whose formats it is laid out
    std::uint64_t sends = 0;
    std::string rejected;  // why, if nobody would put it into the log and nothing else came of it
    std::optional<Instant> sent;
    Target sent_to;
  };
  struct Queued {
    std::uint64_t ticket = 0;
    service::Body body;
  };

  Bytes encoded(std::uint64_t sequence, std::uint64_t acknowledged, service::Body body, Level level,
                WallTime wall) const;
  void replace(std::uint64_t sequence, Pending& pending, Level level, WallTime wall);
  bool has_told_its_zone(const service::StateMachine& machine) const;
  static std::string why_not(const Pending& pending, const service::Outcome& what);

  Config config_;
  std::uint64_t life_ = 0;
  service::ClientId id_;
  bool is_registering_ = false;
  std::optional<Instant> register_sent_;
  Target register_sent_to_;
  service::ClientId register_replaces_;
  std::uint64_t next_sequence_ = 1;
  std::map<std::uint64_t, Pending> pending_;
  std::deque<Queued> queued_;
};

}  // namespace coord::replica
