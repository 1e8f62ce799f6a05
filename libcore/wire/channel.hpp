// SPDX-License-Identifier: MIT
// Channels: which part of a peer a message is for (node/part.hpp).
//
// Between peers the replicated service has the frames of its own (FrameType::message), byte for byte
// what release 0.1.0 sends. All other parts share FrameType::channel, from level 2 on: the channel's
// number and the part's bytes, of which only the part knows more. A tool reaches a part of its own peer
// by the same number (local_part.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/level.hpp"
#include "wire/bounds.hpp"
#include "wire/frame.hpp"

namespace coord::wire {

// A number means one part for ever, also when that part is gone. Whoever adds a part takes the next one.
enum class Channel : std::uint16_t {
  service = 0,         // the replicated service; never in a ChannelMessage
  group_snapshot = 1,  // group_snapshot.hpp
  kept_snapshots = 2,  // a tool and its own peer only: kept_snapshots.hpp
  relay = 3,           // relay/relay.hpp
  ring = 4,            // the Chord ring and its data
  metrics = 5,  // a tool and its own peer only: asked with no bytes, answered by pieces of OpenMetrics text
  membership = 6,  // members/messages.hpp
  agreements = 7,  // agreements/messages.hpp
  casts = 8,       // casts/messages.hpp
  keys = 9,        // key_messages.hpp
  native = 10,     // a tool and its own peer only: native_messages.hpp
  trial = 0xff00,  // from here on: of tests, and of no release
};

inline constexpr Level channels_since = 2;

// What a part may send at once by stream, so that a frame of it is within stream_payload_limit.
inline constexpr std::size_t channel_bytes_limit = stream_payload_limit - 64;

struct ChannelMessage {
  std::uint16_t channel = 0;  // a Channel, known here or not
  Bytes bytes;

  bool operator==(const ChannelMessage&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(channel, at_most<channel_bytes_limit>(bytes));
  }
};

}  // namespace coord::wire
