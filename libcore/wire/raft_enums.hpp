// SPDX-License-Identifier: MIT
// The choices in Raft's messages, for every .cpp that gives bytes to a message that holds one of these.
#pragma once

#include "protocol/raft/types.hpp"
#include "wire/archive.hpp"

template <>
constexpr bool coord::wire::is_enumerator(coord::raft::DiskState value) {
  switch (value) {
    using enum coord::raft::DiskState;
    case unknown:
    case ready:
    case full:
    case stalled:
      return true;
  }
  return false;
}

template <>
constexpr bool coord::wire::is_enumerator(coord::raft::EntryKind value) {
  switch (value) {
    using enum coord::raft::EntryKind;
    case noop:
    case command:
    case members:
    case raise:
      return true;
  }
  return false;
}
