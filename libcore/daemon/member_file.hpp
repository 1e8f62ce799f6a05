// SPDX-License-Identifier: MIT
// What a host that came to a group later knows of it over its lives: a file in its state directory.
//
// The id of the group stands there before anything is sent to it, so that the host never serves two. The
// number is its own for as long as the directory lasts. Where the voters were is how it finds them again when
// nobody answers at the addresses of --join. A founder that votes no longer has such a file, too: it says
// that it serves by asking the voters. Text, a line a thing, so that people can read it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/disk.hpp"
#include "base/ids.hpp"
#include "base/level.hpp"
#include "base/result.hpp"
#include "wire/introduction.hpp"

namespace coord::daemon {

inline constexpr char member_file_name[] = "member";

struct MemberFile {
  std::string group;
  std::string name;
  NodeId node;
  std::string address;                  // HOST:PORT where others reached it last
  Level level = first_level;            // of the group, when it was written
  std::vector<wire::KnownPeer> voters;  // the founders and all who vote
  bool keeps_log = false;               // it is sent the log: it votes, or learns to
  std::string log{};  // the incarnation of its log, since it has one: without that log its number is lost
  // The numbers of all founders, also of those whose name is on another disk by now (this
  // host's own, for one).
  std::vector<NodeId> founders{};

  bool operator==(const MemberFile&) const = default;
};

std::string to_text(const MemberFile& file);
Result<MemberFile> parse_member_file(const std::string& text);
// Nothing: this directory is of no such host.
Result<std::optional<MemberFile>> read_member_file(Disk& disk);
Status write_member_file(Disk& disk, const MemberFile& file);

}  // namespace coord::daemon
