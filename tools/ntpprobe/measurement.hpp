// SPDX-License-Identifier: MIT
// What was measured, as every output shows it: the servers' results, and what they say together.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clock/ntp_select.hpp"
#include "ntpprobe/prober.hpp"

namespace coord::ntpprobe {

enum class Verdict { truechimer, falseticker, unusable };
const char* verdict_text(Verdict verdict);

struct ServerResult {
  std::string server;
  std::string address;
  std::optional<ntp::Estimate>
      estimate;  // nothing: not one good sample; then the next three are not set either
  Duration root_distance{};
  Duration bound{};
  std::optional<ntp::Packet> reply;  // the last good one
  Duration precision{};              // the server's
  Counters counters;
  std::string stamp;  // source of the time stamps, "" without samples
  std::vector<TakenSample> samples;
  Verdict verdict = Verdict::unusable;
  bool used = false;  // in the combined offset

  std::string reference() const;     // "GPS", "192.0.2.1", ""; escaped
  std::string reasons_text() const;  // "bogus origin 2, no reply 1"; escaped
  // How long before the last good reply the server was last set by its reference; nothing without a reply,
  // and from a server that tells none.
  std::optional<Duration> reference_age() const;
};

struct Measurement {
  WallTime as_of;
  std::vector<ServerResult> servers;
  bool majority = false;  // false: there is no combined offset
  Duration offset{};
  Duration bound{};
  std::size_t used = 0;
  std::size_t usable = 0;  // servers with an estimate

  std::optional<unsigned> worst_stratum() const;  // of the servers used
  Duration worst_jitter() const;
  // Why there is no offset, in a few words.
  std::string failure() const;
};

// As of now.
Measurement evaluate(const Prober& prober);

}  // namespace coord::ntpprobe
