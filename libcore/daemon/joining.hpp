// SPDX-License-Identifier: MIT
// A host comes to a group that is there (coordd --join).
//
// What must hold, whatever dies when:
//   - it never founds: it asks, and only a peer that has the group's state answers;
//   - which group it is of is on its disk before the group hears that it wants to be of it; another group,
//     under the same key, is refused from then on;
//   - no two hosts that live have one name or one number. A machine that was cloned has both: so who has the
//     name now is asked at his own address, and if he answers this one does not start. If he does not, he may
//     be cut off, and hold locks: a directory that is at another address than before says nothing about
//     holders, and what they hold ends by its leases.
// A host that was of the group before serves its tools though nobody answers now: where the voters are stands
// in its file. Threading: none; it blocks, before there is a pump.
#pragma once

#include <functional>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "daemon/member_file.hpp"
#include "daemon/settings.hpp"
#include "net/log.hpp"

namespace coord::daemon {

struct Asker {
  // As net::ask_introduction(), with the keys.
  std::function<Result<wire::Introduction>(const net::Address&, const wire::IntroductionQuestion&)> ask;
  std::function<void(Duration)> wait;
  std::function<std::uint64_t()> draw;
  net::Log log;
};

// Fills in what `settings` lacks: node, group, life, level and roster. Returns when this host is of the
// group; or, of one that was before, when nobody has answered for a moment. Waits for the group to come up
// else.
Status join(Disk& disk, Settings& settings, const Asker& asker);

}  // namespace coord::daemon
