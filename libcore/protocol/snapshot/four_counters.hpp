// SPDX-License-Identifier: MIT
// Is all work done? Termination detection by counting (Mattern, "Algorithms for Distributed Termination
// Detection", Distributed Computing 2(3), 1987, section 4: the four counter method).
//
// Problem: processes hand work to each other; one that has none may get some again from a message that is on
// its way. When is there none left, anywhere? Why the obvious answer, ask everybody whether he is idle and
// how many messages he has sent and received, and compare the sums, fails: they are asked one after the
// other, and a message received by one who was asked late, but sent by one who was asked early, can make up
// for one that is still on its way. Algorithm: ask twice. If all were idle in the first wave, and as many
// messages were received by the first wave as were sent by the second, then none was on its way in between
// the waves, and nobody has sent one since.
//
// Two waves of N-1 questions and N-1 answers: 4(N-1) when all work is done already; else a further wave each
// `period`. Needs channels that lose nothing, in any order. A crashed process, and it
// never answers: missing().
#pragma once

#include <cstdint>
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

class FourCounters : public Shape<FourCounters> {
 public:
  struct Config {
    Group group;
    Amount work = 0;  // that this process has from the start
    Duration period = std::chrono::milliseconds(100);
  };
  struct Work {
    Amount amount = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(amount);
    }
  };
  struct Ask {
    std::uint64_t wave = 0;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(wave);
    }
  };
  struct Answer {
    std::uint64_t wave = 0, sent = 0, received = 0;
    bool idle = false;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(wave, sent, received, idle);
    }
  };
  using Message = std::variant<Work, Ask, Answer>;

  struct Begin {};   // here is asked whether all is done
  struct Finish {};  // one unit of the work that is here is done
  using Event = std::variant<Begin, Finish, Hand, Receive, Tick>;

  struct Terminated {};
  using Action = std::variant<Send, Handed, Terminated>;
  using Actions = std::vector<Action>;

  explicit FourCounters(Config config);

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return next_wave_; }
  Amount work() const { return account_.balance; }
  const std::set<NodeId>& missing() const { return missing_; }  // who has not answered

 private:
  struct Sums {
    std::uint64_t sent = 0, received = 0;
    bool idle = true;
    void add(const Answer& answer);
  };

  void on(Instant now, const Begin&, Actions& actions);
  void on(Instant now, const Finish&, Actions& actions);
  void on(Instant now, const Hand& hand, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void begin_wave(Instant now, Actions& actions);
  void end_wave(Instant now, Actions& actions);
  bool terminated() const;
  Answer answer(std::uint64_t wave) const;

  Config config_;
  Account account_;
  // The initiator's.
  bool asks_ = false;
  std::uint64_t wave_ = 0;
  std::set<NodeId> missing_;
  Sums sums_;
  std::optional<Sums> before_;  // of the wave before this one
  std::optional<Instant> next_wave_;
};

std::string text(const FourCounters::Message& message);

}  // namespace coord::snapshot
