// SPDX-License-Identifier: MIT
#include <memory>

#include "coordd/members_disk.hpp"
#include "coordd/parts.hpp"
#include "members/part.hpp"

namespace coord::coordd {

Status check_parts(const std::string& trace_log) {
  if (trace_log.empty()) return done();
  return Error{ErrorKind::usage, "--trace-log", "this coordd was built without the classical algorithms",
               "build it with -DCOORD_PARTS=all"};
}

node::Parts make_parts(const node::Setting& setting, const std::string& directory, const net::Log& log,
                       TraceLog*) {
  node::Parts parts;
  if (!setting.is_alone)
    parts.push_back(std::make_unique<members::MembersPart>(setting, stored_incarnation(directory, log)));
  return parts;
}

node::Workers make_workers(NodeId, const std::string& directory, bool alone, const RingQuota&) {
  node::Workers workers;
  if (!alone)
    workers[node::Channel::membership] =
        std::make_unique<members::ReserveWorker>([directory] { return open_disk(directory); });
  return workers;
}

}  // namespace coord::coordd
