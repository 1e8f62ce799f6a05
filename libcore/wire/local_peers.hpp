// What a peer tells its host's tools of the group's peers: a part of wire/local.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"

namespace coord::local {

struct PeerRecord {
  std::string name;
  std::string address;
  bool local = false;
  std::string role;   // leader, follower, candidate, learner, member
  std::string state;  // alive, suspect, dead, left, recovering
  bool voter = true;
  std::optional<std::uint64_t> term;
  std::optional<std::uint64_t> commit_index;
  std::optional<Duration> rtt;
  std::optional<Duration> uptime;
  std::optional<std::uint64_t> sessions;
  std::optional<std::uint64_t> locks;
  std::optional<std::string> version;
  WallTime since;
  std::vector<std::pair<std::string, std::uint64_t>> sent;  // messages by type, since start
  std::vector<std::pair<std::string, std::uint64_t>> received;

  bool operator==(const PeerRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, address, local, role, state, voter, term, commit_index, rtt, uptime, sessions, locks,
            version, since, sent, received);
  }
};

struct Peers {
  std::uint64_t request = 0;
  WallTime as_of;
  std::vector<PeerRecord> peers;
  std::vector<std::pair<std::string, std::string>> troubles;  // peer, why there is no connection to it

  bool operator==(const Peers&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, as_of, peers, troubles);
  }
};

}  // namespace coord::local
