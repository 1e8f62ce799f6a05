// SPDX-License-Identifier: MIT
// The part of dpeers doctor that looks at the running peer, at the others and at what is between them.
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>

#include "base/descriptor.hpp"
#include "base/format.hpp"
#include "cli/connect.hpp"
#include "daemon/founding.hpp"
#include "dpeers/doctor_told.hpp"
#include "dpeers/findings.hpp"
#include "dpeers/voters.hpp"
#include "net/address.hpp"
#include "store/directory_lock.hpp"

namespace coord::dpeers {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds connect_patience{2000};
constexpr std::string_view founded_anew = "its group was founded anew, as ";
constexpr std::size_t founding_digits = 32;
constexpr Duration clocks_apart = std::chrono::seconds(5);

using Resolved = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

Resolved resolve(const net::Address& address, int flags, std::string& why) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const char* const host = address.host.empty() ? nullptr : address.host.c_str();
  const int error = ::getaddrinfo(host, std::to_string(address.port).c_str(), &hints, &list);
  if (error != 0) why = ::gai_strerror(error);
  return {error == 0 ? list : nullptr, ::freeaddrinfo};
}

// Empty: somebody accepts connections there.
std::string connect_to(const net::Address& address) {
  std::string why;
  const Resolved list = resolve(address, 0, why);
  for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
    const Descriptor socket(::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) continue;
    if (::connect(socket.get(), at->ai_addr, at->ai_addrlen) == 0) return "";
    pollfd ready{socket.get(), POLLOUT, 0};
    int error = errno;
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      if (::poll(&ready, 1, static_cast<int>(connect_patience.count())) == 0) {
        error = ETIMEDOUT;
      } else {
        (void)::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      }
    }
    if (error == 0) return "";
    why = std::strerror(error);
  }
  return why.empty() ? "no address" : why;
}

bool is_loopback(const addrinfo& one) {
  if (one.ai_family == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in*>(one.ai_addr)->sin_addr.s_addr) >> 24U) == 127;
  return one.ai_family == AF_INET6 &&
         IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(one.ai_addr)->sin6_addr) != 0;
}

struct Meant {  // what a host's name stands for here
  std::size_t addresses = 0;
  std::size_t loopbacks = 0;
  std::string first;
};

Meant meant_by(const addrinfo* list) {
  Meant meant;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (meant.addresses++ == 0 &&
        ::getnameinfo(at->ai_addr, at->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      meant.first = text.data();
    if (is_loopback(*at)) ++meant.loopbacks;
  }
  return meant;
}

bool is_numeric(const std::string& host) {
  std::string ignored;
  return resolve({host, 1}, AI_NUMERICHOST, ignored) != nullptr;
}

// Empty: a peer could listen there now.
std::string listen_at(const net::Address& address) {
  std::string why;
  Resolved list = resolve(address, AI_PASSIVE, why);
  if (!list) return why;
  const Meant meant = meant_by(list.get());
  if (!address.host.empty() && !is_numeric(address.host) &&
      net::listens_everywhere(address.host, meant.addresses, meant.loopbacks))
    list = resolve({"", address.port}, AI_PASSIVE, why);
  if (!list) return why;
  const Descriptor socket(::socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), list->ai_addr, list->ai_addrlen) != 0) return std::strerror(errno);
  return "";
}

// What the peer said of a connection that does not come about, and what most likely is behind it.
std::string remedy_for(const std::string& trouble) {
  if (trouble.find("founded anew") != std::string::npos)
    return "run dpeers doctor there: it says how that host comes into this group";
  if (trouble.find("list of peers") != std::string::npos || trouble.find("group") != std::string::npos)
    return "make `peers` the same on both";
  if (trouble.find("key") != std::string::npos || trouble.find("handshake") != std::string::npos ||
      trouble.find("SSL") != std::string::npos || trouble.find("tls") != std::string::npos)
    return "give both the same key file, and each its own name";
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

// Once: the file is removed when the peer has caught up.
std::string how_to_rejoin(const Examined& examined) {
  const std::string directory = examined.state_dir.empty() ? "STATE_DIR" : examined.state_dir;
  const std::string file = fmt::format("touch {}/{}", directory, daemon::rejoin_file_name);
  return examined.config.starts_with("/etc/") ? fmt::format("{} && systemctl restart coordd", file)
                                              : fmt::format("{}, and restart the peer", file);
}

// What keeps this host out of a group that was founded anew (coordd --found-from); empty: nothing.
std::string founding_trouble(const local::Peers& answer) {
  for (const auto& [name, trouble] : answer.troubles)
    if (trouble.starts_with(founded_anew)) return trouble;
  return "";
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

// The engine that keeps this host's log, as its gateway sees it.
void examine_engine(const local::PeerRecord& engine, Findings& findings) {
  const auto number = [&engine](std::string_view what) {
    const auto found = std::ranges::find(engine.sent, what, &std::pair<std::string, std::uint64_t>::first);
    return found == engine.sent.end() ? std::uint64_t{0} : found->second;
  };
  if (engine.state != "alive") {
    add(findings, Health::fail, "engine", engine.address, "its log cannot be followed: see the gateway's log",
        "look whether its servers run and have a leader");
    return;
  }
  add(findings, Health::ok, "engine", engine.address,
      fmt::format("{} {}", engine.name, engine.version.value_or("of a version that it does not tell")));
  constexpr std::uint64_t usual_quota = 2U << 30U;  // where etcd is told none
  const std::uint64_t bytes = number("database_bytes"), told = number("quota_bytes");
  const bool is_etcd = engine.name == "etcd";
  const std::uint64_t quota = told != 0 ? told : usual_quota;
  if (bytes != 0 && told == 0 && !is_etcd)
    add(findings, Health::ok, "engine", engine.address, fmt::format("its database has {} MiB", bytes >> 20U));
  else if (bytes != 0)
    add(findings, bytes > quota / 5 * 4 ? Health::warn : Health::ok, "engine", engine.address,
        fmt::format("its database has {} of {} MiB{}", bytes >> 20U, quota >> 20U,
                    told != 0 ? "" : ", if its quota is the usual one"),
        bytes <= quota / 5 * 4 ? ""
        : is_etcd              ? "compact and defragment it, or give it more: --quota-backend-bytes"
                               : "give it more: maxmemory");
  if (number("keeps_all_history") != 0)
    add(findings, Health::warn, "engine", engine.address,
        "its history is never compacted, and grows for ever",
        "run its servers with --auto-compaction-retention");
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
          fmt::format("its disk was replaced or emptied: {}", state), how_to_rejoin(examined));
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

// A host's name that is a loopback address here: its own is listened on everywhere, another's is this host.
void examine_name(const std::string& name, const net::Address& address, const addrinfo* list, bool own,
                  Findings& findings) {
  if (list == nullptr || is_numeric(address.host) || net::is_name_of_loopback(address.host)) return;
  const Meant meant = meant_by(list);
  if (meant.loopbacks == 0) return;
  const std::string what = fmt::format("{} is {} on this host", address.host, meant.first);
  if (own) {
    add(findings, Health::ok, "address", address.text(),
        fmt::format("{}: the peer listens on every address", what));
  } else {
    add(findings, Health::fail, "address", address.text(),
        fmt::format("{}, so {} is looked for here", what, name),
        "correct the line in /etc/hosts, or write an address in `peers`");
  }
}

void examine_listening(const Examined& examined, bool runs, Findings& findings) {
  const auto settings = daemon::check(examined.arguments.peer);
  if (!settings || settings->alone()) return;
  for (const auto& [name, address] : settings->roster.founders()) {
    std::string why;
    const Resolved list = resolve(address, 0, why);
    if (!list)
      add(findings, Health::fail, "address", address.text(), fmt::format("{}: {}", name, why),
          "correct `peers`, or the name service");
    examine_name(name, address, list.get(), name == settings->name, findings);
  }
  if (runs) return;
  const std::string why = listen_at(settings->listen);
  add(findings, why.empty() ? Health::ok : Health::fail, "address", settings->listen.text(),
      why.empty() ? "free to listen on" : fmt::format("cannot be listened on: {}", why),
      why.empty() ? ""
                  : "stop the program on that port, or correct `listen` and this host's address in `peers`");
  for (const net::Address& address : settings->join) {
    const std::string refused = connect_to(address);
    add(findings, refused.empty() ? Health::ok : Health::warn, "address", address.text(),
        refused.empty() ? "a peer answers" : fmt::format("nobody answers: {}", refused),
        refused.empty() ? "" : "start the peer there, open its TCP port to this host, or correct `join`");
  }
  for (const auto& [name, address] : settings->roster.founders()) {
    if (name == settings->name) continue;
    const std::string refused = connect_to(address);
    add(findings, refused.empty() ? Health::ok : Health::warn, "address", address.text(),
        refused.empty() ? fmt::format("{} answers", name)
                        : fmt::format("{} does not answer: {}", name, refused),
        refused.empty()                          ? ""
        : refused == std::strerror(ECONNREFUSED) ? "start that peer"
                                                 : "open its TCP port to this host");
  }
}

// Behind an engine: that, and the gateways that have said something lately.
void examine_gateways(const local::Peers& answer, const Examined& examined, Findings& findings) {
  add(findings, Health::ok, "socket", examined.socket, "a gateway answers");
  if (!answer.not_begun.empty()) add(findings, Health::fail, "engine", "log", answer.not_begun);
  for (const local::PeerRecord& peer : answer.peers) {
    if (peer.local) {
      examine_limits(peer, findings);
    } else if (peer.address != "-") {
      examine_engine(peer, findings);
    } else {
      const bool apart = peer.offset && (*peer.offset > clocks_apart || *peer.offset < -clocks_apart);
      add(findings, apart ? Health::warn : Health::ok, "clock", peer.name,
          peer.offset ? fmt::format("its clock is {} s {} this host's",
                                    std::abs(*peer.offset / std::chrono::seconds(1)),
                                    *peer.offset < Duration{} ? "behind" : "ahead of")
                      : "it has written nothing lately",
          apart ? "set the clocks by NTP: --new-epoch and listings go by them" : "");
    }
  }
  examine_level(answer.level, findings);
}

}  // namespace

Result<local::Peers> ask_peer(const cli::ConnectOptions& options, local::Scope* scope) {
  cli::ConnectOptions running = options;
  running.no_autostart = true;  // it is to be looked at, not made
  auto peer = cli::connect_to_peer(running, "dpeers");
  if (!peer) return peer.error();
  if (scope != nullptr) *scope = peer->welcome().scope;
  if (Status sent = peer->send(local::ListPeers{1}); !sent) return sent.error();
  for (;;) {
    auto answer = peer->wait(std::nullopt);
    if (!answer) return answer.error();
    if (auto* peers = std::get_if<local::Peers>(&**answer)) return std::move(*peers);
  }
}

namespace {

// Else it has ended since it was seen.
bool still_held(const Examined& examined) {
  const auto holder = store::DirectoryLock::holder(examined.state_dir);
  return holder && *holder && (*holder)->pid == *examined.holder;
}

}  // namespace

void examine_group(const cli::ConnectOptions& options, const Examined& examined, Findings& findings) {
  local::Scope scope = local::Scope::private_peer;
  const auto answer = ask_peer(options, &scope);
  if (answer && scope == local::Scope::engine) return examine_gateways(*answer, examined, findings);
  const std::string why = answer ? std::string() : answer.error().what;
  const bool nobody_listens = why.starts_with("no peer answers here");
  // One that runs is none that the next tool starts.
  const bool hangs =
      (nobody_listens || why == "the peer does not answer") && examined.holder && still_held(examined);
  if (hangs) {
    add(findings, Health::fail, "socket", answer.error().object,
        fmt::format("process {} is there and does not answer: it is stopped, or hangs", *examined.holder),
        fmt::format("kill -CONT {0} if it is stopped (T in ps {0}); else kill -KILL {0}, the next start "
                    "goes on from its disk",
                    *examined.holder));
  } else if (!answer) {
    const bool on_demand = examined.usable && examined.config.empty() && nobody_listens;
    add(findings, on_demand ? Health::ok : Health::fail, "socket", answer.error().object,
        on_demand ? "no private peer runs now: the next tool starts one" : answer.error().what,
        on_demand ? "" : answer.error().remedy);
  } else {
    add(findings, Health::ok, "socket", examined.socket, "a peer answers");
    const auto own = std::find_if(answer->peers.begin(), answer->peers.end(),
                                  [](const local::PeerRecord& peer) { return peer.local; });
    const local::PeerRecord here = own == answer->peers.end() ? local::PeerRecord{} : *own;
    bool leader = false;
    std::set<std::string> names;
    for (const local::PeerRecord& peer : answer->peers) {
      leader = leader || peer.role == "leader";
      names.insert(peer.name);
      examine_peer(peer, *answer, examined, here, findings);
      examine_disk(peer, findings);
      examine_key(peer, *answer, findings);
      examine_list(peer, *answer, findings);
    }
    examine_limits(here, findings);
    const bool replaced =
        !trouble_of(here.name, *answer, "state: ").empty() || !founding_trouble(*answer).empty();
    if (!leader && replaced) {
      // said already, with what to do
    } else if (!leader && !answer->not_begun.empty()) {
      add(findings, Health::fail, "peer", "group", founding_text(answer->not_begun, answer->peers.size()),
          "start the peers that are missing");
    } else if (!leader) {
      add(findings, Health::fail, "peer", "group", "nobody leads: nothing is granted",
          "see to it that a majority of the peers runs and reaches each other");
    }
    const auto settings = daemon::check(examined.arguments.peer);
    if (leader && answer->peers.size() > 1) {
      std::vector<std::string> founders;
      if (settings)
        for (const auto& [name, address] : settings->roster.founders()) founders.push_back(name);
      examine_voters(*answer, kept_voters(options), founders, findings);
    }
    examine_level(answer->level, findings);
    if (settings && !settings->alone()) {
      for (const auto& [name, address] : settings->roster.founders())
        if (!names.contains(name))
          add(findings, Health::fail, "configuration", examined.config,
              fmt::format("it names {}, which the running peer does not know", name), "restart the peer");
    }
  }
  if (examined.usable && !examined.config.empty()) examine_listening(examined, answer.ok(), findings);
}

}  // namespace coord::dpeers
