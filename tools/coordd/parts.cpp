// SPDX-License-Identifier: MIT
#include "coordd/parts.hpp"

#include <memory>
#include <optional>
#include <utility>

#include "agreements/part.hpp"
#include "base/format.hpp"
#include "casts/part.hpp"
#include "coordd/members_disk.hpp"
#include "coordd/signing_keys.hpp"
#include "daemon/gone_founders.hpp"
#include "group/group_snapshot.hpp"
#include "members/part.hpp"
#include "relay/relay.hpp"
#include "ring/part.hpp"
#include "table/sqlite_storage.hpp"

namespace coord::coordd {

namespace {

// What sites of this peer have promised in earlier lives. Where that cannot be told it is none.
agreements::Shelf stored_agreements(const node::Setting& setting, const std::string& directory,
                                    const net::Log& log) {
  const auto disk = open_disk(directory);
  auto shelf =
      disk ? agreements::read_shelf(**disk, Random(setting.seed ^ 0x6469736bU).next()) : disk.error();
  if (shelf) return std::move(*shelf);
  log(net::LogLevel::warning, shelf.error().text());
  return disk ? agreements::no_shelf(**disk) : agreements::Shelf{};
}

casts::Presence presence_in(const members::MembersPart& members, const node::Moment& moment, NodeId node) {
  const auto view = members.view(moment.now, node);
  if (view && membership::is_present(view->member.state)) return casts::Presence::here;
  const bool has_left = (view && view->member.state == membership::State::left) ||
                        (moment.service != nullptr && daemon::is_gone_for_good(*moment.service, node));
  return has_left ? casts::Presence::left : casts::Presence::gone;
}

}  // namespace

Status check_parts(const std::string&) {
  return done();
}

node::Parts make_parts(const node::Setting& setting, const std::string& directory, const net::Log& log,
                       TraceLog* trace_log) {
  node::Parts parts;
  casts::PresenceOf presence_of;
  if (!setting.is_alone) {
    auto members = std::make_unique<members::MembersPart>(setting, stored_incarnation(directory, log));
    presence_of = [members = members.get()](const node::Moment& moment, NodeId node) {
      return presence_in(*members, moment, node);
    };
    parts.push_back(std::move(members));
  }
  parts.push_back(std::make_unique<relay::Relay>(setting.self, setting.founders));
  parts.push_back(std::make_unique<casts::CastsPart>(setting, presence_of));
  parts.push_back(std::make_unique<ring::RingPart>(setting));
  if (setting.is_gateway) return parts;
  parts.push_back(std::make_unique<group::GroupSnapshot>(setting));
  agreements::Trace trace;
  if (trace_log != nullptr) {
    const auto failed = [&log](const std::string& why) { log(net::LogLevel::warning, why); };
    trace.known = trace_log->known();
    trace.write = [trace_log, failed](const std::string& line) { trace_log->write(line, failed); };
  }
  parts.push_back(std::make_unique<agreements::AgreementsPart>(
      setting, stored_agreements(setting, directory, log), std::make_unique<agreements::ServiceLog>(),
      std::move(trace), stored_keys(directory, log)));
  return parts;
}

node::Workers make_workers(NodeId self, const std::string& directory, bool alone, const RingQuota& quota) {
  node::Workers workers;
  if (!alone)
    workers[node::Channel::membership] =
        std::make_unique<members::ReserveWorker>([directory] { return open_disk(directory); });
  workers[node::Channel::agreements] =
      std::make_unique<agreements::SaveWorker>([directory] { return open_disk(directory); });
  workers[node::Channel::ring] = std::make_unique<ring::StorageWorker>(
      self, [file = fmt::format("{}/ring.db", directory)] { return table::open_sqlite(file); },
      ring::Quota{quota.keys, quota.bytes});
  return workers;
}

}  // namespace coord::coordd
