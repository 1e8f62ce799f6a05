// SPDX-License-Identifier: MIT
// What a peer is told at its start, and what of it makes sense.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/level.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "engines/driver.hpp"
#include "net/address.hpp"
#include "net/key_file.hpp"
#include "net/roster.hpp"
#include "wire/introduction.hpp"

namespace coord::net {
struct KeptSocket;
}

namespace coord::daemon {

// As written on the command line or in the configuration file.
struct Options {
  std::string name;
  std::string listen;             // HOST:PORT; empty: the peer's own address in `peers`
  std::string peers;              // a=HOST:PORT,b=HOST:PORT,...; empty: this peer alone
  std::vector<std::string> join;  // HOST:PORT,... of anybody of the group that this host comes to
  std::string key_file;           // needed with more than one peer
  std::string engine;             // URL of an engine that keeps the log; empty: peers do
  bool unsafe = false;            // also one that may forget what it has acknowledged
  bool native = false;            // nothing is kept there: it is for its own keys and locks only
  std::string engine_user, engine_password_file;
  std::string engine_ca, engine_cert, engine_key;
  std::string state_dir;
  std::string socket;  // for the tools of this host
  std::string admit;  // a group whose members may use this peer, `*`: all users; empty: its own user and root
  bool host = false;  // alone, and the peer of all users of this host
  // Of a user's private peer: asked whether the host has a peer for all users now, which takes its place.
  std::function<bool()> given_up;
  // Asked for another socket's path when the directory of `socket` is gone (a
  // logout); absent: the same again.
  std::function<Result<std::string>()> elsewhere;
  // Told again and again, with why, while the group has not let this host in: it serves nobody yet.
  std::function<void(const std::string& why)> waits;
  Token token_floor{};   // of a group: what peers alone have given whose place this one takes
  int listen_fd = -1;    // the tools' socket, if whoever started this peer made it; else -1
  Duration idle_exit{};  // a peer that is alone ends after so long without a tool and a session; 0: never
  bool rejoin = false;
  Duration heartbeat = std::chrono::milliseconds(50);
  Duration election_low = std::chrono::milliseconds(150);
  Duration election_high = std::chrono::milliseconds(300);
  Duration raise_after = std::chrono::minutes(10);  // replica::Config
  Duration forget_after = std::chrono::hours(24);   // a host without a vote that nobody has heard of
  std::string zone;                                 // where this host stands, as people call that
  std::string metrics;                              // HOST:PORT to be asked at for metrics; empty: nowhere
  bool metrics_insecure = false;                    // also where other hosts reach it
  std::vector<std::string> metrics_names;           // of locks, that may be labels
};

// In the state directory: as --rejoin, until the peer has caught up, and votes. For a service manager's unit,
// whose command line is not for once.
inline constexpr char rejoin_file_name[] = "rejoin";
// In that file: the host of this name has given its vote up, and asks for another one. What an operator
// writes there says less.
inline std::string rejoin_wants_vote(const std::string& name) {
  return "vote " + name + "\n";
}

// In the state directory, while the group has not let this host in: why. It listens nowhere yet.
inline constexpr char waits_file_name[] = "waits";

inline constexpr std::uint16_t usual_port = 7411;

struct Settings {
  std::string name;
  NodeId node;
  net::Roster roster;  // all, this one included
  net::Address listen;
  std::optional<net::KeyRing> keys;
  std::optional<gid_t> admitted;
  bool admits_all = false;
  std::optional<net::Address> metrics;
  Options options;
  // Of a host that comes to a group which is there: whom to ask, and once it has been told, what it is.
  std::vector<net::Address> join;
  std::string group;       // its id
  std::uint64_t life = 0;  // of this process
  // Its state directory may be the copy of one whose host lives: what it says of holders is no proof.
  bool may_be_copy = false;
  // Where in the group's log this host was of it, in this process: if it is not any more further on it was
  // removed, and comes by its next start only. What a peer says that is behind this place counts for nothing.
  std::optional<LogIndex> registered_at;
  LogIndex
      admitted_at{};  // of the group's log: there it was taken in. What is from before says nothing of it
  // Another host got its name there, and did not live when it was asked (joining.cpp).
  std::uint64_t name_of_dead = 0;
  int rounds_of_dead = 0;         // since then
  int rounds_of_living_name = 0;  // in a row: another host has its name, lives for the group and is not there
  bool goes_by_file = false;      // nobody has answered when it came to its group again
  Level level = first_level;
  // A host that can do without a log has been sent one, or sends it back (member_file.hpp): as its last life
  // in this process has found.
  std::optional<bool> keep_log;
  // It founded the group, its disk was lost, and the group has removed it: it comes again, as a host that
  // comes later does.
  bool comes_anew = false;
  // The tools' socket, of this process' life before: tools that have come meanwhile wait there.
  std::shared_ptr<net::KeptSocket> tools_socket;
  net::Address began_by{};         // beside those of its list it asks there; no host: nowhere
  bool lost_its_vote = false;      // it has waited, without its disk, until the group had removed it
  std::vector<NodeId> founders{};  // the numbers of all, if not those of the roster
  // Of a founder without a vote: who votes, by its file. Their names may have other numbers than in its list.
  std::vector<wire::KnownPeer> known{};

  engines::Settings engine_access;  // where there is one

  bool has_engine() const { return !options.engine.empty(); }
  bool is_gateway() const { return has_engine() && !options.native; }
  bool joins() const { return !join.empty(); }
  bool alone() const { return !joins() && roster.size() <= 1; }
  bool admits_others() const { return admits_all || admitted; }
};

// In the state directory: this host's keys, once they were changed while it ran (keys_file.hpp).
inline constexpr char keys_file_name[] = "keys";
// The file of keys that counts.
std::string keys_path(const std::string& state_dir, const std::string& key_file);

bool is_peer_name(const std::string& name);

// Errors are ErrorKind::usage for what was written wrongly and ErrorKind::unavailable
// for files that cannot be used.
Result<Settings> check(const Options& options);
// All but the keys: whether there are any is not looked at.
Result<Settings> check_but_keys(const Options& options);

}  // namespace coord::daemon
