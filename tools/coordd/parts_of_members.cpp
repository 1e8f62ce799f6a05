// SPDX-License-Identifier: MIT
#include <memory>
#include <optional>

#include "coordd/parts.hpp"
#include "members/part.hpp"
#include "store/posix_disk.hpp"

namespace coord::coordd {

namespace {

Result<std::unique_ptr<Disk>> open_disk(const std::string& directory) {
  auto disk = store::PosixDisk::open_directory(directory);
  if (!disk) return disk.error();
  return std::unique_ptr<Disk>(std::move(*disk));
}

// Which incarnations earlier lives have used. Where that cannot be told the other members know it.
std::optional<members::Incarnation> stored_incarnation(const std::string& directory, const net::Log& log) {
  const auto disk = open_disk(directory);
  const auto stored = disk ? members::read_incarnation(**disk) : disk.error();
  if (stored) return *stored;
  log(net::LogLevel::warning, stored.error().text());
  return std::nullopt;
}

}  // namespace

Status check_parts(const std::string& trace_log) {
  if (trace_log.empty()) return done();
  return Error{ErrorKind::usage, "--trace-log", "this coordd was built without the classical algorithms",
               "build it with -DCOORD_PARTS=all"};
}

node::Parts make_parts(const node::Setting& setting, const std::string& directory, const net::Log& log,
                       TraceLog*) {
  node::Parts parts;
  if (setting.founders.size() > 1 || !setting.has_founders_parts)
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
