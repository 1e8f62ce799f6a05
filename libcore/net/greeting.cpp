// SPDX-License-Identifier: MIT
#include "net/greeting.hpp"

#include <sodium.h>

#include <algorithm>
#include <chrono>

#include "base/check.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"
#include "net/roster.hpp"
#include "wire/codec.hpp"

namespace coord::net {

Bytes Greeting::hello_to(const std::string& peer, NodeId theirs) const {
  const WallTime now{std::chrono::duration_cast<std::chrono::nanoseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count()};
  const NodeId lost = theirs != NodeId{} ? theirs : Roster::founding_id(peer);
  return wire::encode(
      wire::PeerHello{level, group, self, peer, software, knows, life, timing, token_floor, peers, now,
                      founding, group_id, node, retired.contains(lost) ? lost : NodeId{}},
      hello_version);
}

// A peer that lags behind the group's level is let in, if its program knows it: else it could never catch up.
std::string Greeting::refusal_of(const wire::PeerHello& hello) const {
  const auto number = [](Level n) { return std::to_string(n); };
  if (hello.version > knows)
    return fmt::format(
        "its group is at level {}, and this program knows level {}: install the same release on every host",
        number(hello.version), number(knows));
  if (std::max(hello.knows, hello.version) < level)
    return fmt::format(
        "its program knows level {}, and the group is at level {}: install the group's release on its host",
        number(hello.knows), number(level));
  return "";
}

namespace {

// Of two foundings of one group one is over. Which of them this host's disk is of only its own peer knows.
std::string other_founding(const std::string& ours, const std::string& theirs, bool has_state) {
  if (ours.empty() && !has_state)
    return fmt::format(
        "its group was founded anew, as {}, and this host has no state: empty its directory (but for "
        "`keys`), "
        "write that id into the file `group` in it, and start with --rejoin",
        theirs);
  if (ours.empty())
    return fmt::format(
        "its group was founded anew, as {}: this host has the state of the former one. Move its state "
        "directory away and give coordd --found-from the file `founding` of the host that founded first",
        theirs);
  if (theirs.empty())
    return "it is of the former group, and this one was founded anew, or its disk is empty: its own log and "
           "dpeers doctor there name the remedy";
  return fmt::format(
      "both were founded anew, as {} here and as {} there: give all hosts the file `founding` of one", ours,
      theirs);
}

std::string other_group(const std::string& ours, const std::string& theirs) {
  const auto group = [](const std::string& id) {
    return id.empty() ? std::string("none that it knows") : "group " + id;
  };
  return fmt::format("it is of {}, and this peer is of {}", group(theirs), group(ours));
}

}  // namespace

// A number is of one disk. What its disk has promised it must remember, and so no other one may speak by it;
// and what comes under a name is taken for what the number of that name has said.
std::string Greeting::refusal_of_disk(const wire::PeerHello& hello, const std::string& peer) const {
  // Of two foundings each has its own disks.
  const bool is_ours = founding.empty() || hello.founding == founding || hello.group_id == founding;
  if (COORD_RULE(retired_by_own_group, is_ours) && hello.retired != NodeId{} && hello.retired == node) {
    told_retired(peer);
    return "it says that another disk has this host's place: this one is refused for ever";
  }
  if (!COORD_RULE(retired_disk_is_refused, !retired.contains(hello.node)))
    return "this disk of it was lost, and another one has its place since: it is refused for ever, and must "
           "not be used again";
  const auto known = nodes.find(peer);
  const bool same = hello.node == NodeId{} || known == nodes.end() || known->second == hello.node;
  if (!COORD_RULE(name_is_of_one_disk, same))
    return "it is on another disk than the one that has its name here: this host has not heard of that yet, "
           "or its name is used twice";
  return "";
}

// Later versions may append to it: it is how versions are told apart.
Result<wire::PeerHello> Greeting::read(const wire::Frame& frame) {
  wire::DecodeOptions options = frame.decode_options();
  options.newer_sender = true;
  return wire::decode<wire::PeerHello>(frame.payload, options);
}

Result<wire::PeerHello> Greeting::check(const wire::Frame& frame, const std::string& peer) const {
  const auto refuse = [](std::string why) -> Error {
    return {ErrorKind::unavailable, "", std::move(why), ""};
  };
  const auto hello = read(frame);
  if (!hello.ok()) return refuse(fmt::format("its hello cannot be read: {}", hello.error().what));
  if (const std::string why = refusal_of(*hello); !why.empty()) return refuse(why);
  if (hello->name != peer || hello->to != self)
    return refuse("its hello names other peers than its key does");
  if (const std::string why = refusal_of_disk(*hello, peer); !why.empty()) return refuse(why);
  // Who came later has no list: the group itself is what must be the same.
  if (!are_founders(peer)) {
    const bool same = hello->group_id == group_id && !group_id.empty();
    if (COORD_RULE(members_are_of_this_group, same)) return hello;
    return refuse(other_group(group_id, hello->group_id));
  }
  if (hello->founding != founding) return refuse(other_founding(founding, hello->founding, has_state));
  // Once both know which group they are of, the list that each was started with says nothing of that.
  if (!group_id.empty() && !hello->group_id.empty()) {
    if (!COORD_RULE(founders_are_of_one_group, hello->group_id == group_id))
      return refuse(other_group(group_id, hello->group_id));
    return hello;
  }
  if (hello->group != group)
    return refuse(fmt::format("it has another list of peers: {}make --peers the same on every host",
                              difference_of(peers, hello->peers)));
  return hello;
}

namespace {

std::map<std::string, std::string> entries_of(const std::string& list) {
  std::map<std::string, std::string> entries;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string entry = list.substr(begin, end - begin);
    const std::size_t equals = std::min(entry.find('='), entry.size());
    entries[entry.substr(0, equals)] = entry.substr(std::min(equals + 1, entry.size()));
    begin = end + 1;
  }
  return entries;
}

}  // namespace

std::string list_of(const std::map<std::string, Address>& peers) {
  std::string list;
  for (const auto& [name, address] : peers)
    list += fmt::format("{}{}={}", list.empty() ? "" : ",", name, address.text());
  return list.size() <= wire::longest_list ? list : "";
}

std::string difference_of(const std::string& ours, const std::string& theirs) {
  if (ours.empty() || theirs.empty()) return "";
  const auto here = entries_of(ours), there = entries_of(theirs);
  std::string text;
  const auto add = [&text](const std::string& what) { text += (text.empty() ? "" : ", ") + what; };
  for (const auto& [name, address] : here) {
    const auto found = there.find(name);
    if (found == there.end()) {
      add(fmt::format("{} is only here", name));
    } else if (found->second != address) {
      add(fmt::format("{} is {} here and {} there", name, address, found->second));
    }
  }
  for (const auto& [name, address] : there)
    if (!here.contains(name)) add(fmt::format("{} is only there, at {}", name, address));
  return text.empty() ? "" : fmt::format("{}: ", text);
}

wire::GroupDigest group_digest(const std::map<std::string, Address>& peers, const std::string& founding) {
  std::string lines;
  for (const auto& [name, address] : peers) lines += fmt::format("{}={}\n", name, address.text());
  if (!founding.empty()) lines += fmt::format("founding {}\n", founding);  // no name has a blank
  wire::GroupDigest digest{};
  COORD_CHECK(sodium_init() >= 0);
  const ByteView input = bytes_of(lines);
  crypto_generichash(digest.data(), digest.size(), input.data(), input.size(), nullptr, 0);
  return digest;
}

}  // namespace coord::net
