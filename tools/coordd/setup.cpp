// SPDX-License-Identifier: MIT
#include "coordd/setup.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "coordd/inherited.hpp"
#include "coordd/setup_files.hpp"
#include "coordd/setup_probe.hpp"
#include "daemon/settings.hpp"
#include "net/introduction.hpp"

namespace coord::coordd {

namespace {

constexpr const char* usual_port = ":7411";
constexpr std::size_t longest_answer = 1024;

Error usage(std::string object, std::string what, std::string remedy) {
  return {ErrorKind::usage, std::move(object), std::move(what), std::move(remedy)};
}

std::string host_name() {
  std::array<char, 256> text{};
  (void)::gethostname(text.data(), text.size() - 1);
  const std::string name = text.data();
  return name.substr(0, name.find('.'));
}

// As numbers; of interfaces that are up, the loopback's last.
std::vector<std::string> own_addresses() {
  std::vector<std::string> outside, inside;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return outside;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    const int family = at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    std::array<char, NI_MAXHOST> text{};
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::getnameinfo(at->ifa_addr, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    const std::string address = text.data();
    if (address.find('%') != std::string::npos) continue;  // of one link only
    ((at->ifa_flags & IFF_LOOPBACK) != 0 ? inside : outside).push_back(address);
  }
  ::freeifaddrs(list);
  outside.insert(outside.end(), inside.begin(), inside.end());
  return outside;
}

// An address as people write it, with the port that they leave out.
std::string with_port(const std::string& address) {
  if (net::parse_address(address)) return address;
  const bool bare_v6 = std::count(address.begin(), address.end(), ':') > 1 && address.front() != '[';
  return (bare_v6 ? fmt::format("[{}]", address) : address) + usual_port;
}

Result<std::string> ask(const std::string& question, const std::string& otherwise) {
  cli::print(fmt::format("{}{}: ", question, otherwise.empty() ? "" : fmt::format(" [{}]", otherwise)));
  if (Status out = cli::flush(); !out) return out.error();
  std::string line;
  for (char c = 0; line.size() < longest_answer && ::read(STDIN_FILENO, &c, 1) == 1;) {
    if (c == '\n') return line.empty() ? otherwise : line;
    line += c;
  }
  return usage("--setup", "no answer", "give it as an option");
}

struct Entry {
  std::string name, address;
};

// NAME=HOST[:PORT]
Result<Entry> entry_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    return usage("--peers", fmt::format("'{}' has no address", cli::shown(text)),
                 "write NAME=HOST or NAME=HOST:PORT");
  return Entry{text.substr(0, equals), with_port(text.substr(equals + 1))};
}

Result<std::vector<Entry>> entries_of(const std::vector<std::string>& lists) {
  std::vector<Entry> entries;
  for (const std::string& list : lists) {
    for (std::size_t begin = 0; begin <= list.size();) {
      const std::size_t end = std::min(list.find(',', begin), list.size());
      auto entry = entry_of(list.substr(begin, end - begin));
      if (!entry) return entry.error();
      entries.push_back(std::move(*entry));
      begin = end + 1;
    }
  }
  return entries;
}

// The others, until an empty line.
Status ask_for_others(std::vector<Entry>& entries) {
  cli::print("The other peers, NAME=HOST[:PORT], one a line; an empty line ends the list.\n");
  for (;;) {
    const auto line = ask("peer", "");
    if (!line) return line.error();
    if (line->empty()) return done();
    auto entry = entry_of(*line);
    if (!entry) {
      cli::notice("coordd", entry.error().text());
      continue;
    }
    entries.push_back(std::move(*entry));
  }
}

Member member_of(std::string name, const std::vector<Entry>& entries) {
  Member member{std::move(name), {}};
  for (const Entry& entry : entries) member.peers.push_back(fmt::format("{}={}", entry.name, entry.address));
  std::sort(member.peers.begin(), member.peers.end());
  member.peers.erase(std::unique(member.peers.begin(), member.peers.end()), member.peers.end());
  return member;
}

const Entry* find(const std::vector<Entry>& entries, const std::string& name) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

// By options, by what the host says of itself, or by what its user is asked.
Result<Member> first_member(const Arguments& given) {
  const bool asks = cli::is_terminal(STDIN_FILENO) && cli::is_terminal(STDOUT_FILENO);
  auto entries = entries_of(given.peers);
  if (!entries) return entries.error();
  std::string name = given.peer.name;
  if (name.empty()) {
    const std::string host = host_name();
    const bool listed = find(*entries, host) != nullptr;
    if (!listed && !asks) return usage("--name", "missing", "name this peer, one of --peers");
    const auto answer = listed ? Result<std::string>(host) : ask("The name of this peer", host);
    if (!answer) return answer.error();
    name = *answer;
  }
  const Entry* const own = find(*entries, name);
  std::string address = given.address.empty() ? "" : with_port(given.address);
  if (own != nullptr && !address.empty() && own->address != address)
    return usage("--address", fmt::format("is {}, and --peers has {} for {}", address, own->address, name),
                 "leave one of them out");
  if (own == nullptr) {
    if (address.empty()) {
      if (!asks) return usage("--address", "missing", "give this peer's address, or list it in --peers");
      const auto addresses = own_addresses();
      const auto answer = ask("Its address", addresses.empty() ? "" : with_port(addresses.front()));
      if (!answer) return answer.error();
      address = with_port(*answer);
    }
    entries->push_back({name, address});
  }
  if (given.peers.empty()) {
    if (!asks) return usage("--peers", "missing", "list the peers: NAME=HOST,NAME=HOST,...");
    if (Status asked = ask_for_others(*entries); !asked) return asked.error();
  }
  return member_of(name, *entries);
}

// Which of the peers this host is: as it is told, by its name, or by its address.
Result<std::string> who_am_i(const Arguments& given, const std::vector<Entry>& entries) {
  if (!given.peer.name.empty()) return given.peer.name;
  if (const std::string host = host_name(); find(entries, host) != nullptr) return host;
  std::set<std::string> own;
  for (const std::string& address : own_addresses()) own.insert(address);
  std::string name, names;
  int found = 0;
  for (const Entry& entry : entries) {
    names += (names.empty() ? "" : ", ") + entry.name;
    const auto address = net::parse_address(entry.address);
    if (!address || !own.contains(address->host)) continue;
    ++found;
    name = entry.name;
  }
  if (found == 1) return name;
  return usage("--name", "missing, and neither this host's name nor its addresses tell",
               fmt::format("give one of {}", names));
}

// By the file of the first host: one of its peers, or a host that does not vote.
Result<Member> further_member(const Arguments& given, const std::vector<Entry>& entries,
                              const std::optional<Arguments>& there) {
  if (!given.without_vote) {
    const auto name =
        there && given.peer.name.empty() ? Result<std::string>(there->peer.name) : who_am_i(given, entries);
    if (!name) return name.error();
    if (find(entries, *name) == nullptr)
      return usage("--name", fmt::format("{} is not among the peers", cli::shown(*name)),
                   "give the name that the first host lists, or add --without-vote");
    return member_of(*name, entries);
  }
  Member member;
  member.name = !given.peer.name.empty() ? given.peer.name : there ? there->peer.name : host_name();
  if (find(entries, member.name) != nullptr)
    return usage("--without-vote", fmt::format("{} is one of the peers that vote", cli::shown(member.name)),
                 "leave it out, or give --name");
  for (const Entry& entry : entries) member.join.push_back(entry.address);
  return member;
}

daemon::Options options_of(const Places& places, const Member& member) {
  daemon::Options options;
  options.name = member.name;
  for (const std::string& peer : member.peers) options.peers += (options.peers.empty() ? "" : ",") + peer;
  options.join = member.join;
  options.key_file = places.key;
  options.state_dir = places.state_dir;
  options.socket = places.socket;
  options.admit = places.admit;
  return options;
}

struct Begun {
  Places places;
  bool was_configured = false;
  Member member;
  daemon::Settings settings;
};

// Before anything is written: what there is must be what is asked for, and what is asked
// for must be possible.
Result<Begun> begin(const Arguments& given, const Result<Member>& wanted, const Places& places,
                    std::optional<Arguments> there) {
  Begun begun{places, there.has_value(), {}, {}};
  daemon::Options options;
  if (there) {
    auto entries = entries_of(there->peers);
    if (!entries) return entries.error();
    begun.member = member_of(there->peer.name, *entries);
    begun.member.join = there->peer.join;
    options = there->peer;
    begun.places.key = options.key_file;
    begun.places.state_dir = options.state_dir;
    if (wanted && (wanted->name != begun.member.name || wanted->peers != begun.member.peers ||
                   wanted->join.empty() != begun.member.join.empty()))
      return Error{ErrorKind::unavailable, places.config,
                   fmt::format("this host is set up otherwise, as {}", begun.member.name),
                   "change that file on all hosts, or remove it and its key"};
  } else {
    if (!wanted) return wanted.error();
    begun.member = *wanted;
    options = options_of(places, *wanted);
    options.listen = given.peer.listen;
    if (places.of_system) {
      if (Status over = host_has_handed_over(); !over)
        return Error{ErrorKind::unavailable, over.error().object, over.error().what,
                     "dpeers hand-over, then this"};
    }
  }
  auto settings = daemon::check_but_keys(options);
  if (!settings) return settings.error();
  if (settings->alone())
    return usage("--peers", "there is no other peer",
                 "a peer alone needs no set-up; list all peers of the group");
  begun.settings = std::move(*settings);
  if (!begun.was_configured && !begun.settings.joins()) {
    if (Status can = can_listen(places, begun.settings); !can) return can.error();
  }
  return begun;
}

void tell(const Begun& begun, const Changes& changes) {
  for (const std::string& change : changes) cli::print(fmt::format("{}\n", change));
  const std::string as = begun.member.join.empty() ? fmt::format("one of {}", begun.member.peers.size())
                                                   : std::string("without a vote");
  cli::print(fmt::format("{}{}, {}\n", changes.empty() ? "set up already, nothing is changed: " : "set up: ",
                         begun.member.name, as));
}

std::string how_to_start(const Places& places) {
  if (places.of_system) return "systemctl start coordd";
  return fmt::format("coordd --config {}", places.config);
}

// Anybody of the group suffices; the way back is tried when coordd starts.
Result<cli::Exit> look_for_anybody(const Begun& begun, const net::KeyRing& keys) {
  bool anybody = false;
  for (const net::Address& address : begun.settings.join) {
    const auto answer = net::ask_introduction(keys, address, {}, std::chrono::seconds(2));
    const std::string what = !answer                   ? answer.error().what
                             : answer->why_not.empty() ? fmt::format("{} answers", answer->name)
                                                       : fmt::format("{}: {}", answer->name, answer->why_not);
    anybody = anybody || answer.ok();
    cli::print(fmt::format("{}: {}\n", address.text(), what));
  }
  cli::print(fmt::format("next: open TCP and UDP {} to this host; {}\n",
                         std::to_string(begun.settings.listen.port), how_to_start(begun.places)));
  return anybody ? cli::Exit::done : cli::Exit::failed;
}

std::string port_of(const daemon::Settings& settings) {
  return std::to_string(settings.listen.port);
}

}  // namespace

Result<cli::Exit> set_up(const Arguments& given) {
  (void)::prctl(PR_SET_DUMPABLE, 0);
  const auto places = find_places(given);
  if (!places) return places.error();
  auto there = read_member(*places);
  if (!there) return there.error();
  const bool asked_for = !given.peers.empty() || !given.address.empty() || !given.peer.name.empty();
  Result<Member> wanted = Member{};
  if (*there && !asked_for) {
    auto entries = entries_of((*there)->peers);
    if (!entries) return entries.error();
    wanted = member_of((*there)->peer.name, *entries);
  } else if (*there && given.peers.empty()) {
    Arguments rest = given;
    rest.peers = (*there)->peers;
    wanted = first_member(rest);
  } else {
    wanted = first_member(given);
  }
  if (!wanted) return wanted.error();
  auto begun = begin(given, wanted, *places, std::move(*there));
  if (!begun) return begun.error();
  Changes changes;
  if (Status key = ensure_key(begun->places, KeyText(fmt::format("{}\n", net::new_key_line())), changes);
      !key)
    return key.error();
  const auto keys = read_keys(begun->places);
  if (!keys) return keys.error();
  if (Status made = ensure_state_dir(begun->places, changes); !made) return made.error();
  if (Status made = ensure_join_file(begun->places, begun->member.peers, *keys, changes); !made)
    return made.error();
  if (Status made = ensure_config(begun->places, begun->member, changes); !made) return made.error();
  tell(*begun, changes);
  const auto ring = net::parse_keys(keys->lines, begun->places.key);
  if (!ring) return ring.error();
  const auto left = leave_listener(begun->places, begun->settings, *ring);
  if (!left) return left.error();
  if (*left)
    cli::print(
        fmt::format("for 10 minutes, or until coordd starts, the other hosts can check the way to this one: "
                    "TCP and UDP {}\n",
                    port_of(begun->settings)));
  cli::print(
      fmt::format("next: open TCP and UDP {} between the hosts; on each of the others\n  ssh {} cat {} | "
                  "coordd --join-file -\nthen on all: {}\n",
                  port_of(begun->settings), host_name(), begun->places.join, how_to_start(begun->places)));
  return cli::Exit::done;
}

Result<cli::Exit> join(const Arguments& given) {
  (void)::prctl(PR_SET_DUMPABLE, 0);
  auto invitation = read_invitation(given.join_file);
  if (!invitation) return invitation.error();
  const auto entries = entries_of(invitation->peers);
  if (!entries) return entries.error();
  const auto places = find_places(given);
  if (!places) return places.error();
  auto there = read_member(*places);
  if (!there) return there.error();
  const auto wanted = further_member(given, *entries, *there);
  if (!wanted) return wanted.error();
  auto begun = begin(given, wanted, *places, std::move(*there));
  if (!begun) return begun.error();
  Changes changes;
  if (Status key = ensure_key(begun->places, invitation->lines, changes); !key) return key.error();
  const auto keys = read_keys(begun->places);
  if (!keys) return keys.error();
  const auto same = has_keys(*keys, invitation->lines);
  if (!same) return same.error();
  if (!*same)
    return Error{ErrorKind::unavailable, begun->places.key, "it is the key of another group, or an older one",
                 "remove it if this host is in no other group"};
  if (Status made = ensure_state_dir(begun->places, changes); !made) return made.error();
  if (Status made = ensure_config(begun->places, begun->member, changes); !made) return made.error();
  tell(*begun, changes);
  if (peer_runs(begun->places)) {
    cli::print("the peer runs: dpeers doctor looks at the ways to the others\n");
    return cli::Exit::done;
  }
  if (Status out = cli::flush(); !out) return out.error();
  const auto ring = net::parse_keys(keys->lines, begun->places.key);
  if (!ring) return ring.error();
  if (begun->settings.joins()) return look_for_anybody(*begun, *ring);
  const auto reached = probe(begun->settings, *ring);
  if (!reached) return reached.error();
  bool wrong = false;
  for (const Reach& peer : *reached) {
    cli::print(fmt::format("{}\n", peer.text));
    wrong = wrong || peer.verdict == Reach::Verdict::wrong;
  }
  cli::print(fmt::format("next: {}\n", how_to_start(begun->places)));
  return wrong ? cli::Exit::failed : cli::Exit::done;
}

}  // namespace coord::coordd
