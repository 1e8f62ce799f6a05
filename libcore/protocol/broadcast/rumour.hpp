// SPDX-License-Identifier: MIT
// Spreading news by talking to random others until it gets boring: rumour mongering (Demers et al., "Epidemic
// Algorithms for Replicated Database Maintenance", PODC 1987, section 1.4).
//
// Problem: tell N nodes something without a list of who was told, without a tree that a crash breaks, with a
// load that is the same for all. Why the obvious answer, the origin tells everybody, fails: it has N messages
// to send and may die after half of them. Algorithm: in each period who knows the rumour and is still
// interested calls a random other one. Push: tells it. Pull: who would like news asks. Push-pull: both in one
// call. A call that told nobody anything new is unnecessary; after k of these in all a node loses interest
// and keeps the rumour to itself.
//
// What it does not promise: that everybody hears. With push, who knows it makes one call for everybody that
// hears it by him and k in vain, to random others, so the share that never hears, the residue s, solves s =
// exp(-(k+1)(1-s)): 20 % for k=1, 6 % for 2, 2 % for 3, at (k+1)(1-s) calls a node. (The paper's table is a
// little better: there all calls of a cycle happen at once.) Pull leaves hardly any, for who has heard
// nothing goes on asking. So rumours are for speed, anti_entropy.hpp is for certainty. At most N-1 + kN
// calls, and as many answers; a pull asks in each period whether there is news or not. Loss makes a residue
// larger, and breaks nothing; a crashed node is called in vain, and one that hears no answers goes on calling
// until it does.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/time.hpp"
#include "protocol/broadcast/types.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::broadcast {

class Rumour : public Shape<Rumour> {
 public:
  enum class Mode : std::uint8_t { push, pull, push_pull };
  struct Config {
    Group group;
    Mode mode = Mode::push;
    std::uint64_t boring_after = 3;  // k unnecessary calls
    Duration period = std::chrono::milliseconds(100);
    std::uint64_t asks_for = 60;  // pull: so many periods long a node that has heard nothing goes on asking
    std::uint64_t seed = 1;
  };
  struct Tell {  // push
    Payload payload;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(payload);
    }
  };
  struct Heard {  // the answer: was it news?
    bool news = false;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(news);
    }
  };
  struct Ask {  // pull
    template <class Archive>
    void serialize(Archive&) {}
  };
  struct Answer {
    Payload payload;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(payload);
    }
  };
  using Message = std::variant<Tell, Heard, Ask, Answer>;

  struct Begin {  // with a payload: the origin; without: starts to ask, where the mode is pull
    std::optional<Payload> payload;
  };
  using Event = std::variant<Begin, Receive, Tick>;

  using Action = std::variant<Send, Delivered>;
  using Actions = std::vector<Action>;

  explicit Rumour(Config config);

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return call_at_; }
  bool knows() const { return payload_.has_value(); }
  bool interested() const { return interested_; }

 private:
  void on(Instant now, const Begin& begin, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void learn(Instant now, const Payload& payload, Actions& actions);
  void was_unnecessary();
  NodeId somebody();

  Config config_;
  Random random_;
  std::optional<Payload> payload_;
  bool interested_ = false;
  std::uint64_t unnecessary_ = 0, asked_ = 0;
  std::optional<Instant> call_at_;
};

std::string text(const Rumour::Message& message);

}  // namespace coord::broadcast
