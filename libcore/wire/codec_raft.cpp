// The bytes of Raft's messages, log entries and hard state.
#include "protocol/raft/messages.hpp"
#include "wire/archive.hpp"

template <>
constexpr bool coord::wire::is_enumerator(coord::raft::EntryKind value) {
  switch (value) {
    using enum coord::raft::EntryKind;
    case noop:
    case command:
    case members:
      return true;
  }
  return false;
}

COORD_WIRE_TYPE(coord::raft::Message)
COORD_WIRE_TYPE(coord::raft::Entry)
COORD_WIRE_TYPE(coord::raft::HardState)
