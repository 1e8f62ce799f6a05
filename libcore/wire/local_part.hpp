// SPDX-License-Identifier: MIT
// What a tool and a part of its peer (node/part.hpp) say to each other: bytes that only these two read. So a
// new part needs no request of its own here. From version 2 on (local_version.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "wire/bounds.hpp"

namespace coord::local {

// So that a frame of it is within wire::stream_payload_limit.
inline constexpr std::size_t part_bytes_limit = (std::size_t{1} << 20U) - 64;

// For the part on this channel (wire::Channel). A peer that has none such answers Refused.
struct ToPart {
  std::uint64_t request = 0;
  std::uint16_t channel = 0;
  Bytes bytes;

  bool operator==(const ToPart&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, channel, wire::at_most<part_bytes_limit>(bytes));
  }
};

// From it: any number of them for one request, as the part and its tool have agreed.
struct FromPart {
  std::uint64_t request = 0;
  std::uint16_t channel = 0;
  Bytes bytes;

  bool operator==(const FromPart&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(request, channel, wire::at_most<part_bytes_limit>(bytes));
  }
};

}  // namespace coord::local
