// SPDX-License-Identifier: MIT
#include "sim/fault_kind.hpp"

#include "base/format.hpp"

namespace coord::sim {

std::string_view name_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::message_dropped:
      return "message_dropped";
    case FaultKind::message_duplicated:
      return "message_duplicated";
    case FaultKind::message_reordered:
      return "message_reordered";
    case FaultKind::message_cut:
      return "message_cut";
    case FaultKind::message_to_dead:
      return "message_to_dead";
    case FaultKind::inbox_overflow:
      return "inbox_overflow";
    case FaultKind::partition:
      return "partition";
    case FaultKind::one_way_cut:
      return "one_way_cut";
    case FaultKind::bridge:
      return "bridge";
    case FaultKind::loss_burst:
      return "loss_burst";
    case FaultKind::delay_burst:
      return "delay_burst";
    case FaultKind::process_crash:
      return "process_crash";
    case FaultKind::power_cut:
      return "power_cut";
    case FaultKind::crash_in_call:
      return "crash_in_call";
    case FaultKind::restart:
      return "restart";
    case FaultKind::pause:
      return "pause";
    case FaultKind::clock_rate:
      return "clock_rate";
    case FaultKind::disk_full:
      return "disk_full";
    case FaultKind::disk_error:
      return "disk_error";
    case FaultKind::disk_stall:
      return "disk_stall";
    case FaultKind::sector_lost:
      return "sector_lost";
    case FaultKind::sector_torn:
      return "sector_torn";
    case FaultKind::directory_op_lost:
      return "directory_op_lost";
    case FaultKind::bit_flip:
      return "bit_flip";
    case FaultKind::disk_replaced:
      return "disk_replaced";
    case FaultKind::stream_shut:
      return "stream_shut";
    case FaultKind::datagram_shut:
      return "datagram_shut";
  }
  return "?";
}

FaultCounts& FaultCounts::operator+=(const FaultCounts& other) {
  for (std::size_t i = 0; i < fault_kinds; ++i) counts_[i] += other.counts_[i];
  return *this;
}

std::string FaultCounts::text() const {
  std::string lines;
  for (std::size_t i = 0; i < fault_kinds; ++i) {
    lines += fmt::format("{} {}\n", name_of(static_cast<FaultKind>(i)), counts_[i]);
  }
  return lines;
}

}  // namespace coord::sim
