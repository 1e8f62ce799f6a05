// SPDX-License-Identifier: MIT
// What can go wrong in a simulated run, by name, and how often each did. A sweep that injects a kind of fault
// zero times has not tested it: so the counts are part of every report.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coord::sim {

enum class FaultKind : std::uint8_t {
  message_dropped,     // lost by a lossy link
  message_duplicated,  // delivered twice
  message_reordered,   // held back so that later ones overtake it
  message_cut,         // sent into, or caught by, a cut link
  message_to_dead,     // arrived at a node that was down
  inbox_overflow,      // lost because a paused node's inbox, or the network, was full
  partition,
  one_way_cut,
  bridge,
  loss_burst,
  delay_burst,
  process_crash,  // kill -9: volatile state lost, everything written is kept
  power_cut,      // what was not synced is lost, kept or torn
  crash_in_call,  // either of the two in the middle of a disk call
  restart,
  pause,       // SIGSTOP
  clock_rate,  // a node's clock changes its speed
  disk_full,   // ENOSPC
  disk_error,  // EIO
  disk_stall,
  sector_lost,
  sector_torn,
  directory_op_lost,
  bit_flip,
  disk_replaced,  // by an empty one
  stream_shut,    // one way; datagrams go on
  datagram_shut,  // one way; streams go on
};
inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(FaultKind::datagram_shut) + 1;

// The name as it stands in the enumeration.
std::string_view name_of(FaultKind kind);

class FaultCounts {
 public:
  void add(FaultKind kind, std::uint64_t times = 1) { counts_[static_cast<std::size_t>(kind)] += times; }
  std::uint64_t of(FaultKind kind) const { return counts_[static_cast<std::size_t>(kind)]; }
  FaultCounts& operator+=(const FaultCounts& other);
  // `kind count` a line, in the order of the enumeration; kinds that never happened are shown too.
  std::string text() const;
  bool operator==(const FaultCounts&) const = default;

 private:
  std::array<std::uint64_t, fault_kinds> counts_{};
};

}  // namespace coord::sim
