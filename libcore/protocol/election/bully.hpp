// SPDX-License-Identifier: MIT
// Election of the highest node that lives (Garcia-Molina, "Elections in a Distributed Computing System", IEEE
// Transactions on Computers C-31(1), 1982: the bully algorithm).
//
// Problem: the coordinator may have died; the others shall agree on a new one. Why the obvious answer fails:
// if whoever notices makes himself coordinator, two notice at once. Algorithm: who suspects the coordinator
// asks all higher nodes. If none answers in time it is the highest that lives, and tells all lower ones. Who
// is asked by a lower one answers, and holds an election of its own. Who was answered waits for the
// announcement, and starts again if none comes. A node that comes up holds an election; so the highest takes
// over as soon as it is back.
//
// It stands on a bound for the time that a message and its answer take: silence for `answer_time` is taken
// for death. Where messages may be later than that, or links are cut, there will be two coordinators: it
// promises nothing there. For that, elect by majority (raft/) or by lease (lease_race.hpp). Costs N^2 - 1
// messages if the lowest of N notices, N - 1 if the highest does.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "protocol/shape.hpp"

namespace coord::election {

namespace bully {

enum class What : std::uint8_t { election, answer, coordinator };
struct Message {
  What what = What::election;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(what);
  }
};

}  // namespace bully

class Bully : public Shape<Bully> {
 public:
  using Message = bully::Message;
  struct Config {
    NodeId self;
    std::vector<NodeId> nodes;  // all, self included, sorted
    Duration answer_time{};     // by own clock, at least as long as a message and its answer take
    NodeId leader;              // who is known to lead; 0: nobody, hold an election
  };
  struct Suspect {};                                   // told by the user: the coordinator seems to be dead
  using Event = std::variant<Suspect, Receive, Tick>;  // the first Tick starts it
  struct Led {                                         // said to the user: this one leads now
    NodeId leader;
  };
  using Action = std::variant<Send, Led>;
  using Actions = std::vector<Action>;

  explicit Bully(Config config);

  // ---- input
  [[nodiscard]] Actions step(Instant now, const Event& event);
  // ---- output
  std::optional<Instant> deadline() const { return due_; }
  NodeId leader() const { return leader_; }

 private:
  enum class State : std::uint8_t { content, asking, waiting };

  void on(Instant now, const Suspect&, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void hold_election(Instant now, Actions& actions);
  void announce(Instant now, Actions& actions);

  Config config_;
  State state_ = State::content;
  NodeId leader_;
  std::optional<Instant> due_;
  std::optional<Instant> announced_at_;
  std::optional<Instant> heard_at_;  // the announcement of the leader
};

}  // namespace coord::election
