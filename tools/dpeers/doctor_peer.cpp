// SPDX-License-Identifier: MIT
// The part of dpeers doctor that looks at one peer as this host's peer sees it: connections, disk, timing,
// and the engine where that keeps the log.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/format.hpp"
#include "daemon/founding.hpp"
#include "dpeers/doctor_told.hpp"
#include "dpeers/findings.hpp"
#include "net/address.hpp"

namespace coord::dpeers {

namespace {

constexpr std::string_view founded_anew = "its group was founded anew, as ";
constexpr std::size_t founding_digits = 32;

// What the peer said of a connection that does not come about, and what most likely is behind it.
std::string remedy_for(const std::string& trouble) {
  if (trouble.find("founded anew") != std::string::npos)
    return "run dpeers doctor there: it says how that host comes into this group";
  if (trouble.find("list of peers") != std::string::npos || trouble.find("group") != std::string::npos)
    return "make `peers` the same on both";
  if (trouble.find("key") != std::string::npos || trouble.find("handshake") != std::string::npos ||
      trouble.find("SSL") != std::string::npos || trouble.find("tls") != std::string::npos)
    return "give both the same keys (`dpeers key list`), and each its own name";
  // Nothing was said against us, so that it may be no mistake at all.
  return "look whether that peer is stopped, or its host overloaded; else compare name, peers and key on "
         "both, "
         "the other's log names the mistake";
}

std::string port_of(const std::string& address) {
  return address.substr(address.rfind(':') + 1);
}

// Connected in one direction only: a firewall, most of the time.
void examine_one_way(const local::PeerRecord& peer, const local::Peers& answer, const std::string& own_port,
                     Findings& findings) {
  const std::string trouble = trouble_of(peer.name, answer);
  if (peer.rtt) {  // measured on the connection to it
    add(findings, Health::fail, "peer", peer.name, "we reach it, it does not reach us",
        fmt::format("open TCP {} on this host", own_port));
    return;
  }
  const auto address = net::parse_address(peer.address);
  const std::string refused = address ? connect_to(*address) : "no address";
  const std::string remedy = refused.empty()
                                 ? remedy_for(trouble)
                                 : fmt::format("open TCP {} on {}", port_of(peer.address), peer.name);
  add(findings, Health::fail, "peer", peer.name, "it reaches us, we do not reach it",
      remedy + (trouble.empty() ? "" : fmt::format(" (the last attempt: {})", trouble)));
}

void examine_datagrams(const local::PeerRecord& peer, const local::Peers& answer, Findings& findings) {
  const std::string trouble = trouble_of(peer.name, answer, "datagrams: ");
  if (trouble.empty()) return;
  if (peer.local) {
    add(findings, Health::warn, "datagrams", peer.name, trouble,
        "stop the program on that port, restart the peer");
    return;
  }
  const bool silent = trouble == "none heard";
  add(findings, Health::warn, "datagrams", peer.name,
      silent ? fmt::format("{} from {}", trouble, peer.name) : trouble,
      fmt::format("open UDP {} on {}{}", port_of(peer.address), peer.name,
                  silent ? " and on this host" : ""));
}

// Once: the file is removed when the peer has caught up.
std::string how_to_rejoin(const Examined& examined) {
  const std::string directory = examined.state_dir.empty() ? "STATE_DIR" : examined.state_dir;
  const std::string file = fmt::format("touch {}/{}", directory, daemon::rejoin_file_name);
  return examined.config.starts_with("/etc/") ? fmt::format("{} && systemctl restart coordd", file)
                                              : fmt::format("{}, and restart the peer", file);
}

// True: this host is kept out, and that is all to be said of its peer.
bool examine_founding(const local::PeerRecord& own, const local::Peers& answer, const Examined& examined,
                      Findings& findings) {
  const std::string trouble = founding_trouble(answer);
  if (trouble.empty()) return false;
  const std::string id = trouble.substr(founded_anew.size(), founding_digits);
  const std::string directory = examined.state_dir.empty() ? "STATE_DIR" : examined.state_dir;
  // It is "member" as long as it has had nothing of any group.
  const bool empty = trouble.find("has no state") != std::string::npos && own.role == "member";
  add(findings, Health::fail, "state", examined.state_dir.empty() ? own.name : directory,
      fmt::format("{}: the group was founded anew, as {}",
                  empty ? "its disk was replaced or emptied" : "it is the former group's", id),
      empty ? fmt::format("rm {0}/segment-* && echo {1} >{0}/{2} && {3}", directory, id,
                          daemon::group_file_name, how_to_rejoin(examined))
            : fmt::format(
                  "stop this peer, mv {0} {0}.former, and give coordd --found-from the file `{1}` of the "
                  "host that founded first: coordd(8)",
                  directory, daemon::founding_file_name));
  return true;
}

}  // namespace

std::string founding_trouble(const local::Peers& answer) {
  for (const auto& [name, trouble] : answer.troubles)
    if (trouble.starts_with(founded_anew)) return trouble;
  return "";
}

// Of any host's peer: each says so in its answers to the leader, and the leader tells the others.
void examine_disk(const local::PeerRecord& peer, Findings& findings) {
  if (peer.disk == "full") {
    add(findings, Health::fail, "disk", peer.name,
        "its disk, or its limit of open files, has no room left: it leads only if no other peer can, and "
        "where "
        "a majority is so new locks are refused",
        "free some space on that host, or raise the limit");
  } else if (peer.disk == "stalled") {
    add(findings, Health::fail, "disk", peer.name,
        "its disk takes nothing: a write has been under way for longer than a second",
        "look after the disk of that host");
  }
}

void examine_peer(const local::PeerRecord& peer, const local::Peers& answer, const Examined& examined,
                  const local::PeerRecord& own, Findings& findings) {
  if (peer.local && examine_founding(peer, answer, examined, findings)) return;
  if (!peer.local && trouble_of(peer.name, answer).starts_with(founded_anew)) return;
  if (examine_member(peer, answer, findings)) return;
  if (peer.state == "suspect") return examine_one_way(peer, answer, port_of(own.address), findings);
  if (peer.state != "alive") {
    if (const std::string state = trouble_of(peer.name, answer, "state: "); peer.local && !state.empty()) {
      add(findings, Health::fail, "state", examined.state_dir.empty() ? peer.name : examined.state_dir,
          fmt::format("its disk was replaced or emptied: {}", state),
          fmt::format(
              "dpeers remove {} on another host, and it comes back by itself; or {}. If the disks of a "
              "majority are lost, neither helps: {}",
              peer.name, how_to_rejoin(examined), way_out_of_lost_majority));
      return;
    }
    if (peer.local && !answer.not_begun.empty()) return;  // said of the group
    const std::string trouble = trouble_of(peer.name, answer);
    std::string remedy = remedy_for(trouble);
    std::string what = peer.local ? "it has not caught up with the group yet" : "not connected";
    if (const auto address = net::parse_address(peer.address); !peer.local && address) {
      const std::string refused = connect_to(*address);
      what += refused.empty() ? "; its port answers" : fmt::format("; its port does not answer: {}", refused);
      if (!refused.empty())
        remedy = refused == std::strerror(ECONNREFUSED)
                     ? "start that peer"
                     : fmt::format("open TCP port {} on {} to this host", address->port, peer.name);
    }
    if (peer.member == "alive") what += "; its datagrams come";
    if (!trouble.empty()) what += fmt::format("; the last attempt: {}", trouble);
    if (peer.local) {
      remedy = "wait; if it stays so, look whether a majority of the peers runs";
    }
    add(findings, Health::fail, "peer", peer.name, what, remedy);
    return;
  }
  add(findings, Health::ok, "peer", peer.name, fmt::format("{} at {}", peer.role, peer.address));
  examine_datagrams(peer, answer, findings);
  examine_offset(peer, answer, findings);
  examine_rate(peer, findings);
  const std::string own_version = own.version.value_or("");
  if (!peer.local && peer.version && *peer.version != own_version)
    add(findings, Health::warn, "peer", peer.name,
        fmt::format("runs version {}, this host {}", *peer.version, own_version),
        "install the same release on all hosts");
  if (peer.unreadable > 0)
    add(findings, Health::warn, "peer", peer.name,
        fmt::format("has sent {} messages that this host's peer cannot read", peer.unreadable),
        "install the same release on all hosts");
  if (!peer.timing.empty())
    add(findings, Health::warn, "timing", peer.name,
        fmt::format("has other time-outs than this host's peer: {}", peer.timing),
        "make heartbeat, election_low and election_high the same on all peers");
  if (!peer.rtt) return;
  // A leader must be heard of several times within the shortest time-out, with its disk and the way between.
  const Duration needed = 2 * *peer.rtt + examined.arguments.peer.heartbeat + examined.disk_sync;
  const Duration low = examined.arguments.peer.election_low;
  const auto ms = [](Duration d) { return fmt::format("{} ms", d.count() / 1'000'000); };
  if (needed * 3 / 2 > low)
    add(findings, Health::warn, "timing", peer.name,
        fmt::format("two round trips, a heartbeat and a disk write take {} of the election time-out of {}",
                    ms(needed), ms(low)),
        fmt::format("set election_low to {} or more, and election_high to twice that, on all peers",
                    ms(needed * 3)));
}

}  // namespace coord::dpeers
