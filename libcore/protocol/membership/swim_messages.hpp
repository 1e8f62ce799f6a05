// SPDX-License-Identifier: MIT
// What members of a SWIM group say to each other. `number` is the asker's, and comes back in the answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"

namespace coord::membership {

// How often a member has denied what was said of it. Only the member itself raises it.
using Incarnation = StrongId<struct IncarnationTag>;
inline constexpr Incarnation last_incarnation{(std::uint64_t{1} << 53U) - 2};

// In the order in which news of one incarnation takes precedence.
enum class State : std::uint8_t { alive, suspect, dead, left };
constexpr const char* name_of(State state) {
  switch (state) {
    case State::alive:
      return "alive";
    case State::suspect:
      return "suspect";
    case State::dead:
      return "dead";
    case State::left:
      return "left";
  }
  return nullptr;
}
constexpr bool is_present(State state) {
  return state == State::alive || state == State::suspect;
}

struct Rumour {
  NodeId node;
  Incarnation incarnation;
  State state = State::alive;
  NodeId by;  // who says so: confirmations of a suspicion count by it

  bool operator==(const Rumour&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, incarnation, state, by);
  }
};
using Rumours = std::vector<Rumour>;
// So many fit into a datagram with all that is around them; and so many members a table may name.
inline constexpr std::size_t datagram_rumours = 32, table_rumours = 16'384;

// ---- by datagram
struct Ping {
  std::uint64_t number = 0;
  Rumours rumours;

  bool operator==(const Ping&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, rumours);
  }
};
struct Ack {
  std::uint64_t number = 0;
  Rumours rumours;

  bool operator==(const Ack&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, rumours);
  }
};
struct PingRequest {  // to a helper
  std::uint64_t number = 0;
  NodeId target;
  Rumours rumours;

  bool operator==(const PingRequest&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, target, rumours);
  }
};
struct Nack {  // the helper lives, and has heard nothing of the target
  std::uint64_t number = 0;

  bool operator==(const Nack&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number);
  }
};
struct Gossip {
  Rumours rumours;

  bool operator==(const Gossip&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(rumours);
  }
};

// ---- by stream
struct StreamPing {
  std::uint64_t number = 0;

  bool operator==(const StreamPing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number);
  }
};
struct StreamAck {
  std::uint64_t number = 0;

  bool operator==(const StreamAck&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number);
  }
};
struct Compare {  // whoever holds something else answers with a table
  std::uint64_t digest = 0;

  bool operator==(const Compare&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(digest);
  }
};
struct Table {
  bool is_answer = false;  // else one is wanted, with what is newer there
  Rumours members;

  bool operator==(const Table&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(is_answer, members);
  }
};

using SwimMessage = std::variant<Ping, Ack, PingRequest, Nack, Gossip, StreamPing, StreamAck, Compare, Table>;

bool goes_by_stream(const SwimMessage& message);
std::string text(const Rumour& rumour);
std::string text(const SwimMessage& message);

}  // namespace coord::membership
