// SPDX-License-Identifier: MIT
// What the command line asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/common.hpp"
#include "cli/options.hpp"
#include "ntpprobe/endpoint.hpp"
#include "ntpprobe/report.hpp"
#include "ntpprobe/server_probe.hpp"

namespace coord::ntpprobe {

struct Settings {
  std::vector<std::string> servers;
  bool ipv4 = false;
  bool ipv6 = false;
  std::optional<unsigned> samples;
  std::optional<Duration> interval;
  std::optional<Duration> timeout;
  bool burst = false;
  bool interleaved = false;
  bool user_stamps = false;
  std::string key_file;
  std::optional<std::uint32_t> key_id;
  std::string root;  // where the system's configuration is looked for

  bool peers = false;
  cli::ConnectOptions peer;  // of --peers

  bool chain = false;
  std::optional<Duration> watch;
  bool check = false;
  Thresholds thresholds;

  bool json = false;
  bool csv = false;
  bool quiet = false;
  bool verbose = false;
  bool list_samples = false;

  Family family() const { return ipv4 ? Family::ipv4 : ipv6 ? Family::ipv6 : Family::any; }
  unsigned samples_or(unsigned usual) const { return samples.value_or(usual); }
};

void declare(cli::Options& options, Settings& settings);

// Combinations that the option table cannot tell.
Status check_combinations(const Settings& settings);

// The servers named, or those of the system's configuration.
Result<std::vector<ServerName>> server_names(const Settings& settings);

// How to probe; reads the key file.
Result<Manner> manner_of(const Settings& settings);

}  // namespace coord::ntpprobe
