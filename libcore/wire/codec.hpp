// SPDX-License-Identifier: MIT
// Messages to bytes and back. What a message consists of is said by its serialize() alone
// (protocol/raft/messages.hpp, service/, wire/local.hpp, wire/hello.hpp); how a field looks in
// bytes by wire/archive.hpp alone.
//
// encode() and decode() exist for the types named in wire/codec_*.cpp, where the archive is compiled;
// another layer adds a type of its own by including wire/archive.hpp in one .cpp and saying
// COORD_WIRE_TYPE(its type) there.
//
// Encoding is canonical: at one version one value has one encoding, and decode() accepts no other.
// So decode(encode(x)) == x where the version has all of x's fields, and encode(decode(b)) == b
// for every b that is accepted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace coord::wire {

// The version of what release 0.1.0 writes and sends, and of all that does not say another.
inline constexpr std::uint32_t first_version = 1;

struct DecodeOptions {
  // Elements of all containers of the message together. A message of n bytes can name at most n elements,
  // each some tens of bytes in memory; this bounds what one frame can make us hold to a few MiB. A state
  // machine's snapshot, read from a trusted group in memory that is there already, takes snapshot_elements.
  std::size_t elements = 65536;
  // The sender speaks a newer version: fields that it appended are skipped. Else
  // bytes left over are an error.
  bool newer_sender = false;
  // How the bytes are laid out: fields that came later have none (archive.since()).
  std::uint32_t version = first_version;
};
inline constexpr std::size_t snapshot_elements = std::size_t{16} << 20U;

template <class T>
Bytes encode(const T& message, std::uint32_t version = first_version);

// ErrorKind::data when the bytes are no encoding of a T. Never throws, never reads past the end, and
// allocates in proportion to the bytes that are there, not to what they claim.
template <class T>
Result<T> decode(ByteView data, const DecodeOptions& options = {});

}  // namespace coord::wire
