// SPDX-License-Identifier: MIT
#include "ntpprobe/settings.hpp"

#include <chrono>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "ntpprobe/system_config.hpp"

namespace coord::ntpprobe {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration usual_interval = seconds(2);  // as fast as public servers like to be asked
constexpr Duration burst_interval = milliseconds(20);
constexpr Duration usual_timeout = seconds(2);
constexpr Duration least = milliseconds(1);
constexpr Duration most = std::chrono::hours(24);
constexpr std::size_t most_servers = 64;

Error usage(std::string object, std::string what, std::string remedy) {
  return {ErrorKind::usage, std::move(object), std::move(what), std::move(remedy)};
}

}  // namespace

void declare(cli::Options& o, Settings& s) {
  o.synopsis("[options] SERVER[:PORT]...", "measure the local clock against them");
  o.synopsis("--watch SECONDS [options] SERVER...", "keep measuring");
  o.synopsis("--chain SERVER", "follow the references up to stratum 1");
  o.synopsis("--peers [--json]", "the clocks of the group's hosts, as this host's peer measures them");
  o.value("-n,--samples", "COUNT", s.samples, "exchanges with each server (4)").between(1, 1000);
  o.value("-i,--interval", "SECONDS", s.interval, "between them (2)")
      .between(least, most)
      .excludes("--burst");
  o.flag("--burst", s.burst, "20 ms between them: for servers of your own");
  o.value("-w,--timeout", "SECONDS", s.timeout, "for each reply, and for a name's addresses (2)")
      .between(least, most);
  o.flag("-4", s.ipv4, "IPv4 only").excludes("-6");
  o.flag("-6", s.ipv6, "IPv6 only");
  o.flag("--interleaved", s.interleaved, "servers' exact transmit times (RFC 9769)");
  o.value("--keys", "FILE", s.key_file, "symmetric keys, as chrony or ntpsec")
      .needs("--key")
      .completes(cli::Completion::file);
  o.value("--key", "ID", s.key_id, "authenticate with this key").between(1, 0xffffffff).needs("--keys");
  o.value("--watch", "SECONDS", s.watch, "measure again and again").between(milliseconds(20), most).minor();
  o.flag("--chain", s.chain, "up to stratum 1").operands(1, 1).excludes("--watch").minor();
  cli::Option& peers = o.flag("--peers", s.peers, "the clocks of the group's hosts").operands(0, 0);
  for (const char* other :
       {"-n", "-i", "--burst", "-w", "-4", "-6", "--interleaved", "--keys", "--watch", "--chain"})
    peers.excludes(other);
  o.flag("--check", s.check, "one Nagios line and status")
      .excludes("--watch")
      .excludes("--chain")
      .excludes("--peers");
  o.value("--warn", "SECONDS", s.thresholds.warn, "--check: WARNING above")
      .between(Duration(0), most)
      .needs("--check")
      .minor();
  o.value("--crit", "SECONDS", s.thresholds.crit, "--check: CRITICAL above")
      .between(Duration(0), most)
      .needs("--check")
      .minor();
  o.value("--max-stratum", "N", s.thresholds.max_stratum, "--check: CRITICAL above")
      .between(1, 15)
      .needs("--check")
      .minor();
  o.flag("--json", s.json, "one object a line").excludes("--csv").excludes("-q").excludes("--check");
  o.flag("--csv", s.csv, "comma-separated")
      .excludes("--peers")
      .excludes("-q")
      .excludes("--check")
      .excludes("--chain");
  o.flag("-q,--quiet", s.quiet, "the offset alone")
      .excludes("--peers")
      .excludes("--check")
      .excludes("--chain")
      .excludes("--verbose");
  o.flag("--verbose", s.verbose, "all about each server").excludes("--peers").excludes("--chain");
  o.flag("--list-samples", s.list_samples, "each exchange too")
      .excludes("--peers")
      .excludes("-q")
      .excludes("--check")
      .excludes("--chain")
      .minor();
  o.flag("--user-stamps", s.user_stamps, "no kernel time stamps").minor();
  o.value("--root", "DIR", s.root, "configuration below DIR")
      .excludes("--peers")
      .completes(cli::Completion::directory)
      .minor();
  cli::add_peer_options(o, s.peer);
  o.operands("SERVER", s.servers, 0, most_servers, "host or address, with :PORT where it is not 123");
  o.operand_completes(cli::Completion::host);
  o.example("ntpprobe pool.ntp.org", "all addresses of a name");
  o.example("off=$(ntpprobe -q --burst -n 8 ntp1 ntp2 ntp3)", "seconds to add to the local clock");
  o.example("ntpprobe --check --warn 0.05 --crit 0.5 ntp1 ntp2", "");
  o.example("ntpprobe --watch 2 ntp1 ntp2 ntp3", "a live table and a plot");
}

Status check_combinations(const Settings& s) {
  const Thresholds& t = s.thresholds;
  if (t.warn && t.crit && *t.warn > *t.crit)
    return usage("--warn", "is above --crit", "give the smaller one to --warn");
  return done();
}

Result<std::vector<ServerName>> server_names(const Settings& s) {
  std::vector<ServerName> names;
  for (const std::string& text : s.servers) {
    auto name = read_server_name(text);
    if (!name) return name.error();
    names.push_back(std::move(*name));
  }
  if (!names.empty()) return names;
  ConfiguredServers configured = configured_servers(s.root);
  if (configured.names.empty())
    return usage("SERVER", "none is named, and none is configured for chrony, ntpsec or systemd-timesyncd",
                 "name a server");
  if (s.verbose)
    cli::notice("ntpprobe", fmt::format("{} servers from {}", configured.names.size(), configured.source));
  return std::move(configured.names);
}

Result<Manner> manner_of(const Settings& s) {
  Manner manner;
  manner.interval = s.burst ? burst_interval : s.interval.value_or(usual_interval);
  manner.timeout = s.timeout.value_or(usual_timeout);
  // A round of a watch shall not outlast its turn because one server is silent.
  if (s.watch && !s.timeout) manner.timeout = std::min(manner.timeout, *s.watch);
  manner.interleaved = s.interleaved;
  manner.kernel_stamps = !s.user_stamps;
  manner.local_precision = local_precision();
  manner.stages = std::max<std::size_t>(ntp::SampleFilter::default_stages, s.samples_or(0));
  if (s.key_id) {
    auto key = read_key(s.key_file, *s.key_id);
    if (!key) return key.error();
    manner.key = std::make_shared<const SymmetricKey>(std::move(*key));
  }
  return manner;
}

}  // namespace coord::ntpprobe
