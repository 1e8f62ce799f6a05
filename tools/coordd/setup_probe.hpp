// SPDX-License-Identifier: MIT
// Whether the hosts of a group reach each other, before any peer of it runs: the real links and datagrams of
// a peer, with nothing behind them. Who has not the key is answered nothing.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "coordd/setup_files.hpp"
#include "daemon/settings.hpp"
#include "net/key_file.hpp"

namespace coord::coordd {

inline constexpr Duration listener_stays = std::chrono::minutes(10);

// Whether this host's own address is known, and its port free: before anything is written that says so. An
// address that is not up yet is no error.
Status can_listen(const Places& places, const daemon::Settings& settings);

// Leaves a process behind that answers probes for so long, or until this host's peer starts. False: there is
// one already, or the peer runs.
Result<bool> leave_listener(const Places& places, const daemon::Settings& settings, const net::KeyRing& keys);

struct Reach {
  enum class Verdict { both, absent, wrong };
  std::string name;
  Verdict verdict = Verdict::absent;
  std::string text;
};
// Of each of the others. An error: the port cannot be had.
Result<std::vector<Reach>> probe(const daemon::Settings& settings, const net::KeyRing& keys);

// Does a process hold the state directory?
bool peer_runs(const Places& places);

}  // namespace coord::coordd
