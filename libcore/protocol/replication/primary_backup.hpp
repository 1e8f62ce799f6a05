// SPDX-License-Identifier: MIT
// Copies kept by one primary and its backups (Alsberg and Day, "A Principle for Resilient Sharing of
// Distributed Resources", ICSE 1976; Budhiraja, Marzullo, Schneider and Toueg, "The Primary-Backup Approach",
// in Distributed Systems, 1993).
//
// Problem: a store must go on when its host dies, with what its users were told is stored. The obvious
// answer, to copy each write to another host in the background, answers sooner than the copy is there: who
// takes over lacks the last writes, and nobody can tell which. Algorithm, synchronous: the primary gives each
// write the next place of its log, sends it to all backups, and answers its user when all have it. Then any
// of them may take over. Asynchronous: it answers at once; a write takes no round trip, and a fail-over loses
// what was on its way. Both cost 2(N-1) messages a write.
//
// A backup takes writes in the order of their places; one that comes too early waits to be sent again. Who
// takes over begins a view with a larger number and brings the others to its own log. Messages of earlier
// views are refused: what a dead primary has still sent must not mend what is decided now.
//
// What it cannot do: decide who takes over. A primary that is cut off and not dead has to be stopped before
// another one takes over, or there are two; that decision needs a majority (Raft, or a lease). And one backup
// that does not answer stops all synchronous writes until a view without it begins.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::replication {

namespace primary_backup {

struct Replicate {
  std::uint64_t view = 0, place = 0;  // places from 1
  std::string value;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, place, value);
  }
};
struct Acknowledge {  // all up to this place is there
  std::uint64_t view = 0, place = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, place);
  }
};
struct BeginView {
  std::uint64_t view = 0;
  std::vector<std::string> log;  // all of it
  template <class Archive>
  void serialize(Archive& archive) {
    archive(view, log);
  }
};
using Message = std::variant<Replicate, Acknowledge, BeginView>;

}  // namespace primary_backup

class PrimaryBackup : public Shape<PrimaryBackup> {
 public:
  using Message = primary_backup::Message;
  enum class Mode : std::uint8_t { synchronous, asynchronous };
  struct Config {
    Group group;  // its first node is the primary of view 1
    Mode mode = Mode::synchronous;
    Duration resend{};  // what is not acknowledged is sent again so often
  };

  struct Write {  // at the primary
    std::uint64_t tag = 0;
    std::string value;
  };
  struct TakeOver {              // the primary was stopped, or is dead
    std::uint64_t view = 0;      // larger than all before; 0: the next one after this node's own
    std::set<NodeId> members{};  // that are left; none: all but the primary
  };
  using Event = std::variant<Write, TakeOver, Receive, Tick>;

  struct Written {
    std::uint64_t tag = 0, place = 0;
  };
  struct NotPrimary {
    std::uint64_t tag = 0;
    NodeId primary;
  };
  using Action = std::variant<Send, Written, NotPrimary>;
  using Actions = std::vector<Action>;

  explicit PrimaryBackup(Config config);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);

  // ---- output
  std::optional<Instant> deadline() const { return resend_at_; }
  std::uint64_t view() const { return view_; }
  NodeId primary() const { return primary_; }
  const std::vector<std::string>& log() const { return log_; }
  std::set<NodeId> missing() const;  // of a primary: who has not acknowledged all

 private:
  void on(Instant now, const Write& write);
  void on(Instant now, const TakeOver& event);
  void on(Instant now, const Receive& receive);
  void on(Instant now, const Tick&);
  void receive(NodeId from, const primary_backup::Replicate& message);
  void receive(NodeId from, const primary_backup::Acknowledge& message);
  void receive(NodeId from, const primary_backup::BeginView& message);
  void bring_up(NodeId member);
  void answer_writes();
  void set_timer(Instant now);

  Config config_;
  std::uint64_t view_ = 1;
  NodeId primary_;
  std::vector<std::string> log_;
  // Of a primary.
  std::map<NodeId, std::optional<std::uint64_t>>
      acknowledged_;                                // by each other member; none: not even the view
  std::map<std::uint64_t, std::uint64_t> waiting_;  // tags by the places of their writes
  std::optional<Instant> resend_at_;
  Actions out_;  // of the step that is made
};

std::string_view type_of(const primary_backup::Message& message);
std::string text(const primary_backup::Message& message);

}  // namespace coord::replication
