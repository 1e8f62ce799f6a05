// SPDX-License-Identifier: MIT
// What a tool and its peer say of changes of the voters: a part of wire/local.hpp. From version 2 on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "wire/bounds.hpp"

namespace coord::local {

enum class VoterVerb : std::uint8_t {
  promote,   // NAME votes
  demote,    // it votes no longer, and goes on learning
  remove,    // it is neither
  replace,   // it is neither, and the other one votes
  transfer,  // it leads
};
constexpr const char* name_of(VoterVerb value) {
  switch (value) {
    using enum VoterVerb;
    case promote:
      return "promote";
    case demote:
      return "demote";
    case remove:
      return "remove";
    case replace:
      return "replace";
    case transfer:
      return "transfer";
  }
  return nullptr;
}

// Bring this about. Any peer passes it on to the leader, which makes the next step and answers how far it is:
// it is said again and again until it is done. Only root and the peer's own user may. Answered by VoterView,
// or Refused.
struct OrderVoters {
  std::uint64_t request = 0;
  VoterVerb verb = VoterVerb::promote;
  std::string name;
  std::string other;  // with replace: who votes instead
  bool only_vote =
      false;  // with remove: it had a vote when this was said first, and is not forgotten without

  bool operator==(const OrderVoters&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, verb, wire::text<255>(name), wire::text<255>(other), only_vote);
  }
};

// So many peers are to vote, and the group sees to that by itself. What is not given stays; nothing given:
// only tell. Said again until it is done, as OrderVoters, and answered as that is.
struct KeepVoters {
  std::uint64_t request = 0;
  std::optional<std::uint32_t> count;  // 0: the group sees to nothing
  std::optional<Duration> after;
  std::optional<Duration> pause;
  WallTime pause_asked{};  // the same each time that it is said

  bool operator==(const KeepVoters&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, count, after, pause, pause_asked);
  }
};

// A peer is reached at another address from now on. Said again until it is done, as OrderVoters, and answered
// as that is.
struct MovePeer {
  std::uint64_t request = 0;
  std::string name;
  std::string address;  // HOST:PORT

  bool operator==(const MovePeer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, wire::text<255>(name), wire::text<300>(address));
  }
};

struct VoterView {
  std::uint64_t request = 0;
  bool done = false;
  bool refused = false;                       // and it does not help to ask again
  bool quorum = true;                         // somebody leads
  std::string what;                           // how far it is, or why it is refused
  std::string remedy;                         // of a refusal
  std::string leader;                         // empty: nobody, or not known
  std::vector<std::string> voters, learners;  // as the leader has them
  // In an answer to KeepVoters.
  std::uint32_t kept = 0;  // so many voters; 0: the group sees to nothing
  Duration after{};
  Duration pause{};         // that is left
  bool takes_vote = false;  // OrderVoters::only_vote, from now on

  bool operator==(const VoterView&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, done, refused, quorum, wire::text<1024>(what), wire::text<1024>(remedy),
            wire::text<255>(leader), wire::at_most<15, 255>(voters), wire::at_most<15, 255>(learners), kept,
            after, pause, takes_vote);
  }
};

}  // namespace coord::local
