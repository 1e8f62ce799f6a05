// SPDX-License-Identifier: MIT
// Sessions: a tool that runs somewhere, as the group knows it. Whatever is held, waited
// for or met at belongs to one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::service {

// One life of a peer's process: the place in the log of its Register. 0: the leader itself.
using ClientId = StrongId<struct ClientTag>;

// Who is behind a session, for listings and per-user limits. All of it is claimed by the
// peer, which checked it locally.
struct Owner {
  std::string peer{};  // the peer's name
  std::string host{};
  std::uint32_t uid = 0;
  std::string user{};
  std::uint32_t pid = 0;
  std::string command{};

  bool operator==(const Owner&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(peer, host, uid, user, pid, command);
  }
};

// Opens a session. It ends by Close, or by Expire when `ttl` has passed at the leader without a Renew.
struct Open {
  Owner owner{};
  Duration ttl{};  // Limits::ttl_low to Limits::duration_high
  // the peer's own mark, repeated in Opened and kept: it finds the session again by it
  std::uint64_t nonce = 0;

  bool operator==(const Open&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(owner, ttl, nonce);
  }
};

// How many of the group's hosts are to vote (replica/voter_keeper.hpp).
struct VoterPolicy {
  static constexpr std::uint32_t most = 15;

  std::uint32_t count = 0;  // 0: the group sees to nothing
  Duration after{};         // a voter is replaced that has not been heard for so long
  Duration pause{};  // nothing is changed for so long, by each host's own clock (replica/voter_pause.hpp)
  WallTime pause_asked{};  // tells one pause from another

  bool operator==(const VoterPolicy&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(count, after, pause, pause_asked);
  }
};

struct Session {
  NodeId node{};  // whose commands alone may use it
  Owner owner{};
  Duration ttl{};
  std::uint64_t nonce = 0;
  std::uint64_t renewal = 0;  // how often renewed: an Expire names the one it saw
  WallTime since{};
  bool breaking = false;  // somebody wants it ended: its peer stops the command first

  bool operator==(const Session&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(node, owner, ttl, nonce, renewal, since, breaking);
  }
};

enum class CloseReason : std::uint8_t {
  finished,     // the tool ended it
  holder_gone,  // the last process that held it is gone: lock delays apply
  broken,       // by `dlock --break`, after the holder was stopped
  expired,      // its lease ran out (by Expire only): lock delays apply
};
constexpr const char* name_of(CloseReason value) {
  switch (value) {
    using enum CloseReason;
    case finished:
      return "finished";
    case holder_gone:
      return "holder gone";
    case broken:
      return "broken";
    case expired:
      return "expired";
  }
  return nullptr;
}

// How a session ends, or a hold of it.
struct End {
  CloseReason why = CloseReason::finished;
  std::optional<std::uint8_t> status{};
  bool lost() const { return why == CloseReason::expired || why == CloseReason::holder_gone; }
};

// Where a session's request stands now.
struct Standing {
  enum class Kind : std::uint8_t { no_session, no_request, waiting, held, joined } kind = Kind::no_session;
  Token token;              // held; joined: the other's
  std::uint8_t status = 0;  // joined: of the command that had held
  bool operator==(const Standing&) const = default;
};

std::size_t bytes_of_owner(const Owner& owner);  // its texts, for the limits
std::size_t bytes_of_names(const std::vector<std::string>& names);

}  // namespace coord::service
