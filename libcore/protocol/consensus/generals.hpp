// SPDX-License-Identifier: MIT
// Agreement on one commander's order although some generals lie: oral messages, OM(m) (Lamport, Shostak,
// Pease, "The Byzantine Generals Problem", ACM TOPLAS 4(3), 1982, section 3).
//
// Problem: a commander sends an order to his lieutenants. All loyal lieutenants must follow the same order
// (IC1), and it must be the commander's if he is loyal (IC2), although up to m of all of them say whatever
// they like to whomever. Why the obvious answer fails: a lieutenant who asks the others what they were told
// cannot know who lies: with three generals and one traitor the two stories "the commander told me otherwise"
// and "he lies about what he was told" look alike. So N > 3m is needed, and check() refuses less. Algorithm,
// in m+1 rounds of equal length: in the first the commander sends his order. In each later one every
// lieutenant tells all others who do not know it yet what he was told in the round before, by whom, by whom
// before him, ...: a path of names. In the end each works the paths out from the longest to the shortest:
// what was said along a path is the majority of what he heard himself and of what the others say they heard;
// no majority, or nothing heard: the default.
//
// Needs a synchronous network: the length of a round is longer than any message takes, all begin
// together, and the receiver knows who sent (links are authenticated; nothing is signed). A late or
// lost message counts as the silence of a traitor, so if the network breaks its promise for more than
// m generals nothing is promised. Messages: (N-1) + (N-1)(N-2) + ... + (N-1)...(N-m-1): 9 for (4,1),
// 156 for (7,2), 3609 for (10,3).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "protocol/consensus/types.hpp"
#include "protocol/group.hpp"
#include "protocol/shape.hpp"

namespace coord::consensus {

class Generals : public Shape<Generals> {
 public:
  struct Config {
    Group group;
    NodeId commander;
    std::size_t traitors = 1;  // m: so many are withstood
    Duration round = std::chrono::milliseconds(100);
    Value fallback = "retreat";
    bool too_few = false;  // allows N <= 3m, to show what happens then
  };
  // Whether these can agree at all, and with less than a million messages.
  static Status check(const Config& config);
  // (N-1) + (N-1)(N-2) + ...: of one order.
  static std::uint64_t messages(std::size_t nodes, std::size_t traitors);

  using Path = std::vector<NodeId>;  // the commander first, who says it last
  struct Order {
    Path path;
    Value value;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(path, value);
    }
  };
  using Message = std::variant<Order>;

  struct Begin {  // to all, at the same time
    Value order;  // the commander's; not looked at by others
  };
  using Event = std::variant<Begin, Receive, Tick>;

  using Action = std::variant<Send, Decided>;
  using Actions = std::vector<Action>;

  explicit Generals(Config config);  // checked: check(config) is ok

  [[nodiscard]] Actions step(Instant now, const Event& event);
  std::optional<Instant> deadline() const { return round_ends_; }
  const std::optional<Value>& decided() const { return decided_; }
  const std::map<Path, Value>& heard() const { return heard_; }

 private:
  void on(Instant now, const Begin& begin, Actions& actions);
  void on(Instant now, const Receive& receive, Actions& actions);
  void on(Instant now, const Tick&, Actions& actions);
  bool credible(NodeId from, const Path& path) const;
  void relay(Actions& actions);
  const Value& heard_along(const Path& path) const;
  Value worked_out(const Path& path) const;
  std::size_t last_round() const;

  Config config_;
  std::size_t rounds_over_ = 0;
  bool begun_ = false;
  std::map<Path, Value> heard_;
  std::optional<Instant> round_ends_;
  std::optional<Value> decided_;
};

std::string text(const Generals::Message& message);

}  // namespace coord::consensus
