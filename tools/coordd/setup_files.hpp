// SPDX-License-Identifier: MIT
// The files of a host in a group: where they are, who owns them, and how they come to be there.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "coordd/arguments.hpp"
#include "net/key_file.hpp"

namespace coord::coordd {

// Of root: /etc/coordutils, /var/lib/coordutils and the user `coordutils`, where there is one. Of an ordinary
// user: that user's own directories. What is named by an option is there.
struct Places {
  std::string config, key, join;
  std::string state_dir, socket;
  std::string admit;
  bool of_system = false;  // /etc: a service manager starts the peer
  uid_t owner = 0;         // whom the peer runs as
  gid_t group = 0;
};
Result<Places> find_places(const Arguments& given);

// The user that the peer will be, until this goes: its files are read with its eyes, and made its own.
class ActingAs {
 public:
  explicit ActingAs(const Places& places);
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  ~ActingAs();

 private:
  bool changed_ = false;
};

// What a key file, or a join file, has: never printed, wiped when it goes.
struct KeyText {
  std::string lines;
  KeyText() = default;
  explicit KeyText(std::string text) : lines(std::move(text)) {}
  KeyText(const KeyText&) = delete;
  KeyText& operator=(const KeyText&) = delete;
  KeyText(KeyText&&) = default;
  KeyText& operator=(KeyText&&) = default;
  ~KeyText();
};

// What is done, in words for the user; empty: everything was there.
using Changes = std::vector<std::string>;

Status ensure_state_dir(const Places& places, Changes& changes);
// Makes it of `lines`, if there is none. One that is there stays, and gets its owner and mode.
Status ensure_key(const Places& places, const KeyText& lines, Changes& changes);
Result<KeyText> read_keys(const Places& places);
// Whether all of these keys are in the other.
Result<bool> has_keys(const KeyText& in, const KeyText& these);

struct Member {
  std::string name;
  std::vector<std::string> peers;   // NAME=HOST:PORT, sorted
  std::vector<std::string> join{};  // HOST:PORT, of a host that is none of them and does not vote
};
Status ensure_config(const Places& places, const Member& member, Changes& changes);
// That of the configuration that is there; nothing: there is none.
Result<std::optional<Arguments>> read_member(const Places& places);

// The file that another host is made a member by.
Status ensure_join_file(const Places& places, const std::vector<std::string>& peers, const KeyText& lines,
                        Changes& changes);
struct Invitation {
  std::vector<std::string> peers;
  KeyText lines;
};
// `-`: standard input. A file that others may read is refused.
Result<Invitation> read_invitation(const std::string& file);

}  // namespace coord::coordd
