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
// in its file. It asks all that it knows at once, and not for long: until it goes on, nobody guards what it
// holds. It asks on beside that (asking_again.hpp). Threading: none; it blocks, and is for no pump.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "daemon/member_file.hpp"
#include "daemon/settings.hpp"
#include "net/introduction.hpp"
#include "net/log.hpp"

namespace coord::daemon {

struct Asker {
  // As net::ask_introduction(), with the keys.
  std::function<Result<wire::Introduction>(const net::Address&, const wire::IntroductionQuestion&)> ask;
  // As net::ask_introduction_of_any().
  std::function<Result<net::IntroducedBy>(const std::vector<net::Address>&,
                                          const wire::IntroductionQuestion&)>
      ask_any;
  std::function<void(Duration)> wait;
  std::function<std::uint64_t()> draw;
  net::Log log;
  // Nothing: that is not known yet.
  std::function<std::optional<bool>(const std::string& host)> is_local = [](const std::string&) {
    return false;
  };
  // Of a host that is not let in yet: again and again, with why.
  std::function<void(const std::string& why)> waits = [](const std::string&) {};
};

// Fills in what `settings` lacks: node, group, life, level and roster. Returns when this host is of the
// group; or, of one that was before, when nobody has answered for a moment. Waits for the
// group to come up else.
// `settings.keep_log` tells whether it keeps a log; it is written, and set in any case.
Status join(Disk& disk, Settings& settings, const Asker& asker);
// Of a host that serves by what it knew: asks once more. False: nobody has answered, or not yet as it must
// be. An error: it is not to go on. True: `settings` are those of the group as it is.
Result<bool> join_again(Disk& disk, Settings& settings, const Asker& asker);
// Why a host ends whose place is another disk's, as `by` says.
Error is_retired(const Settings& settings, const std::string& by);

}  // namespace coord::daemon
