// The bytes of Raft's messages, log entries and hard state.
#include "protocol/raft/messages.hpp"
#include "wire/archive.hpp"

template <>
struct coord::wire::EnumLast<coord::raft::EntryKind> {
  static constexpr auto value = static_cast<std::uint8_t>(coord::raft::EntryKind::members);
};

COORD_WIRE_TYPE(coord::raft::Message)
COORD_WIRE_TYPE(coord::raft::Entry)
COORD_WIRE_TYPE(coord::raft::HardState)
