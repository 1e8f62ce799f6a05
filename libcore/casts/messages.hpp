// SPDX-License-Identifier: MIT
// What peers say to each other of casts, and tools to their peer.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "protocol/broadcast/causal_order.hpp"
#include "protocol/broadcast/gather.hpp"
#include "protocol/broadcast/gossip.hpp"
#include "wire/bounds.hpp"

namespace coord::casts {

using broadcast::CastId;

inline constexpr std::size_t longest_answer = std::size_t{16} << 10U;
inline constexpr std::size_t longest_payload = std::size_t{64} << 10U;

// ---- between peers

using ToPeer = std::variant<broadcast::GossipMessage, broadcast::GatherMessage>;

// The body of a cast, and of a question.
struct Letter {
  std::string name{};
  std::string user{};  // of the host where it was cast, as its kernel and its peer say
  std::uint32_t uid = 0;
  std::string host{};
  WallTime sent{};  // by that host's clock
  std::string payload{};
  bool operator==(const Letter&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(name), wire::at_most<255>(user), uid, wire::at_most<255>(host), sent,
            wire::at_most<longest_payload>(payload));
  }
};

// One of a host's answers to a question.
struct AnswerText {
  std::string host{};       // as it names itself
  std::int32_t status = 0;  // of the command
  std::string text{};
  bool operator==(const AnswerText&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(host), status, wire::at_most<longest_answer>(text));
  }
};

// ---- a tool and its own peer

struct Say {
  std::string name{};
  std::string payload{};
  Duration patience{};  // for another member's word that it has it
  bool operator==(const Say&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(name), wire::at_most<longest_payload>(payload), patience);
  }
};
// Answered by Listening, then by Came and Lost for as long as the connection lasts.
struct Listen {
  std::string name{};
  Duration since{};     // for so long it listens already, at another life of the peer
  bool causal = false;  // each behind what its origin had heard before
  bool operator==(const Listen&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(name), since, causal);
  }
};
struct Took {  // so many of what this request was told: there is room for more
  std::uint32_t count = 0;
  bool operator==(const Took&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(count);
  }
};
struct Ask {
  std::string name{};
  std::string query{};
  Duration patience{};
  bool operator==(const Ask&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(name), wire::at_most<longest_payload>(query), patience);
  }
};
// Answered by Listening, then by Question for as long as the connection lasts.
struct Answer {
  std::string name{};
  bool operator==(const Answer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<255>(name));
  }
};
struct Reply {  // to a Question of the same request; one that is too late says that it is read
  CastId id{};
  AnswerText answer{};
  bool operator==(const Reply&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, answer);
  }
};
using FromTool = std::variant<Say, Listen, Took, Ask, Answer, Reply>;

struct Taken {
  CastId id{};
  std::uint32_t members = 0;  // that are alive, besides this host
  bool confirmed = false;     // one of them has it
  bool operator==(const Taken&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, members, confirmed);
  }
};
struct Later {  // too many at once: again after this
  Duration after{};
  bool operator==(const Later&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(after);
  }
};
struct CannotCast {
  enum class Why : std::uint8_t { wrong, not_yours, level, full };
  Why why = Why::wrong;
  std::string text{};
  bool operator==(const CannotCast&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(why, text);
  }
};
constexpr const char* name_of(CannotCast::Why value) {
  switch (value) {
    using enum CannotCast::Why;
    case wrong:
      return "wrong";
    case not_yours:
      return "not yours";
    case level:
      return "level";
    case full:
      return "full";
  }
  return nullptr;
}
struct Listening {
  bool operator==(const Listening&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct Came {
  CastId id{};
  Letter letter{};
  bool operator==(const Came&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, letter);
  }
};
struct Lost {  // so many came while this listener took none
  std::uint64_t count = 0;
  bool operator==(const Lost&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(count);
  }
};
// In causal order: what should have come before the next one, and is not waited for any longer.
struct Missing {
  CastId id{};
  std::string host{};
  bool operator==(const Missing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, host);
  }
};
struct Gap {
  std::vector<Missing> missing{};
  bool operator==(const Gap&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<broadcast::most_missing>(missing));
  }
};
struct Question {
  CastId id{};
  Letter letter{};
  Instant until{};  // then it is too late for an answer
  bool operator==(const Question&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, letter, until);
  }
};
struct Answered {
  std::string member{};
  AnswerText answer{};
  bool operator==(const Answered&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(member, answer);
  }
};
struct Gathered {  // the answer to Ask
  std::vector<Answered> answers{};
  std::vector<std::string> missing{};  // members
  bool operator==(const Gathered&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(answers, missing);
  }
};
// Bounds on what tools may make their peer remember.
inline constexpr std::size_t most_of_connection = 16;  // Listen, and Answer

using ToTool = std::variant<Taken, Later, CannotCast, Listening, Came, Lost, Gap, Question, Gathered>;

}  // namespace coord::casts
