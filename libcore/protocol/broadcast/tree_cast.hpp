// SPDX-License-Identifier: MIT
// Telling all nodes of a tree, and gathering from all: broadcast and convergecast (Peleg, "Distributed
// Computing: A Locality-Sensitive Approach", 2000, chapter 3).
//
// Problem: the root of a known tree tells everybody something and wants one answer made of all
// answers. Why the obvious answer, the root asks each node, fails: the root alone handles N answers,
// and its links all of them. Algorithm: down the tree each passes it on to its children; up the tree
// each waits for its children's answers, adds its own and answers its parent. N-1 messages down, N-1
// up, twice the depth of the tree in time.
//
// Links may lose and repeat: a child that has not answered is told again, a child that has answers again with
// the same. A child that stays silent for Config::patience is left out: the answer names it, and is then of
// the nodes that were reached only. An answer that comes later changes nothing that was already said.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "protocol/broadcast/types.hpp"
#include "protocol/shape.hpp"

namespace coord::broadcast {

class TreeCast : public Shape<TreeCast> {
 public:
  struct Config {
    NodeId self;
    std::optional<NodeId> parent;  // none: the root
    std::set<NodeId> children;
    std::int64_t contribution = 0;
    Duration resend{};  // 0: never
    // For the answers of the children; 0: for ever. A parent's must be longer than its children's, or it
    // gives up on a child that waits for its own.
    Duration patience{};
  };
  struct Down {
    Payload payload;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(payload);
    }
  };
  struct Up {
    Aggregate aggregate;
    std::set<NodeId> missing;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(aggregate, missing);
    }
  };
  using Message = std::variant<Down, Up>;

  struct Begin {  // at the root
    Payload payload;
  };
  using Event = std::variant<Begin, Receive, Tick>;

  using Action = std::variant<Send, Delivered, Gathered>;
  using Actions = std::vector<Action>;

  explicit TreeCast(Config config) : config_(std::move(config)) {}

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const;
  bool reached() const { return payload_.has_value(); }
  const std::set<NodeId>& waits_for() const { return waits_for_; }

 private:
  void on(Instant now, const Begin& begin, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  void spread(Instant now, const Payload& payload, Actions& actions);
  void tell_children(Instant now, Actions& actions);
  void answer_if_complete(Actions& actions);
  void say(Actions& actions) const;

  Config config_;
  std::optional<Payload> payload_;
  bool answered_ = false;
  Aggregate aggregate_;
  std::set<NodeId> waits_for_, missing_;
  std::optional<Instant> resend_at_, patience_ends_;
};

std::string text(const TreeCast::Message& message);

}  // namespace coord::broadcast
