// SPDX-License-Identifier: MIT
// Which peer speaks for this host and user, where it listens, and who may start it.
//
// The authority is a state directory: the peer that uses it holds its lock file for life
// (store/directory_lock.hpp). It is found, in this order, by a socket that was named; by a configuration, the
// user's own or the system's; and where there is no configuration at all, it is the user's private peer, kept
// apart by the machine's id so that a home directory shared by several machines has one for each; or, where
// root's file says that there is one (host_peer.hpp), the peer of all users of this host. A configuration
// that is there and unusable is an error, never passed over: a tool must not take a lock from a private peer
// because a file has a typing error.
//
// The state directory decides, not the place of the socket: XDG_RUNTIME_DIR differs between cron and a shell,
// and is gone after a logout while the long job runs on. So the lock file of a directory that is in use is
// asked where its peer listens, and no other peer is started meanwhile.
//
// Never two authorities: where a host's peer comes to a user who has a private one, that one stays
// the authority until it has handed over (base/hand_over.hpp), which it does as soon as nobody holds
// or waits there. Whether it runs does not matter: one that was killed may have left a holder
// behind, and only it can tell.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/ids.hpp"
#include "base/result.hpp"

namespace coord::cli {

struct Authority {
  enum class Kind {
    named,         // by --socket or COORD_SOCKET
    user,          // by the user's own configuration: a tool may start it
    system,        // by /etc: the service manager starts it
    private_peer,  // no configuration: a tool starts it, and it ends when it has been idle for a while
    host,          // the peer of all users of this host: the service manager starts it
  };
  Kind kind = Kind::named;
  std::string socket;     // where it listens, or is to listen when it is started
  std::string state_dir;  // empty: unknown (named)
  // The process that holds the state directory, if one does and it may be started by tools: whether or not it
  // answers now, it is not started again.
  std::optional<pid_t> running;
  std::string config;   // empty: none
  std::string engine;   // of a private gateway: its engine's URL; empty: none
  bool unsafe = false;  // that engine may forget
  bool native = false;  // nothing is kept there: it is for the engine's own keys and locks
  // Whose peer may be believed besides root's and one's own: of the system's peer, the user that its
  // directory was given to. Others cannot make a directory there.
  std::optional<uid_t> system_user;
  // Of the host's peer: what this user's private one has given before it handed over.
  Token token_floor{};

  bool may_be_started() const { return kind == Kind::user || kind == Kind::private_peer; }
};

// `socket` and `config` as given on the command line or in the environment; empty: not given.
// `engine`: a URL; where it is given, and no socket, the gateway of this user to that engine.
// `unsafe`: also to one that may forget what it has acknowledged.
// `by_default`: the engine only where nothing is configured.
// `native`: for the engine's own keys and locks; of a private gateway another one then, which
// keeps no log there.
Result<Authority> find_authority(const std::string& socket, const std::string& config,
                                 const std::string& engine = {}, bool unsafe = false, bool by_default = false,
                                 bool native = false);

// Does an engine keep the log of what find_authority() finds without a socket? As far as can be read.
bool is_behind_engine(const std::string& config, const std::string& engine, bool by_default);

// The peer alone that a group is to replace, whatever is configured: the host's, or this user's private one.
Result<Authority> lone_authority(bool of_host);

// Where this user's private peer keeps its state, whether or not there is one: nothing is made.
std::string private_state_dir();

// Where this user's sockets live: $XDG_RUNTIME_DIR/coordutils, /run/user/UID/coordutils, or
// /tmp/coordutils-UID: the first whose parent is there, is this user's, and is short enough for a socket's
// path. Made where needed, mode 0700; refused if it belongs to another user or others may enter.
Result<std::string> runtime_directory();

// In it, the socket of the private peer with this state directory. The fallback in /tmp is one for all that
// this user may have (XDG_STATE_HOME): there the name tells them apart.
Result<std::string> private_socket(const std::string& state_dir, const std::string& called = "private");

}  // namespace coord::cli
