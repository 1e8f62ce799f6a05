// SPDX-License-Identifier: MIT
// A tool's line to a group of processes: packets through the relay of its peer (relay/relay.hpp), and the
// view, which is who holds the group's name in the replicated service.
//
// Membership. `dsnapshot run` holds the shared lock "dsnapshot:GROUP"; its token is the life, its command
// text names the id. So joins and leaves are entries of the log, a process leaves when its session ends, and
// of two who claim one id the earlier token has it. The group is the user's who holds the lowest token: what
// others hold counts for nothing, but root's. A view is the set of lives; its number is a hash of them.
//
// Waits for nothing but a slow peer to read; the caller polls fd() and calls hear(). A line that broke is
// tied again. Threading: one owner.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/connect.hpp"
#include "cut/member.hpp"
#include "cut/relayed.hpp"

namespace coord::dsnapshot {

std::string lock_of(const std::string& group);
// The text by which a listing shows a process, and the id in it; empty: it is none.
std::string command_text(const std::string& id, const std::vector<std::string>& argv);
std::string id_in(const std::string& command_text);
// ErrorKind::usage.
Status check_group(const std::string& group);
Status check_id(const std::string& id);

// It is refused: the group is another user's.
Error others_group(const std::string& group, const std::string& owner);

// A life that is no process's.
cut::Life visitor_life();

class GroupLine {
 public:
  struct Terms {
    cli::ConnectOptions peer;
    std::string group;
    cut::Life life = 0;
    bool visitor = true;
  };
  static Result<GroupLine> open(Terms terms);

  struct Heard {
    std::function<void(cut::Life from, bool visitor, ByteView bytes)> packet;
    std::function<void(const cut::View& view)> view;
    std::function<void()> reconnected;
  };
  // All that has arrived. An Error: it is not ours to hear.
  Status hear(const Heard& heard);
  void send(const std::vector<cut::Packet>& packets);
  // The connection, for another use; answers from the relay may still come by it. Nothing: it is broken.
  std::optional<engine::LocalConnection> part();
  int fd() const { return peer_ ? peer_->fd() : -1; }  // -1: it is broken, and is tied again
  // When hear() is due though nothing has arrived.
  Instant due() const;
  const std::optional<cut::View>& view() const { return view_; }
  // The user whose group it is; empty: nobody's yet.
  const std::string& owner() const { return owner_; }
  // This life holds the name, and is not counted: its user is another one.
  bool is_others() const { return is_others_; }

 private:
  GroupLine(Terms terms, engine::LocalConnection peer);
  void say(const cut::ToRelay& message);
  void enter(const Heard& heard);
  void ask_for_view();
  void take(const local::Locks& locks, const Heard& heard);
  void broken();
  void tie_again();

  Terms terms_;
  std::optional<engine::LocalConnection> peer_;
  std::optional<cut::View> view_;
  std::string owner_;
  bool is_others_ = false;
  std::vector<local::LockParty> holders_;  // of a listing that has more to come
  bool entered_ = false;                   // this connection is known to the relay
  std::uint64_t listing_ = 0;              // the request that is on its way; 0: none
  std::uint64_t last_request_ = 1;
  bool stale_ = true;  // the view may be another one
  int soon_ = 0;       // looks at short intervals that are left: what was told of may not be in the log yet
  Instant look_again_, tie_at_;
  cli::BackOff pause_;
};

// Until the view is known; an Error: unavailable.
Result<cut::View> first_view(GroupLine& line);
// Waits for what the line brings, or until then.
void wait_on(const GroupLine& line, Instant until);

}  // namespace coord::dsnapshot
