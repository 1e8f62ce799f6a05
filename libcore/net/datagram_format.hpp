// SPDX-License-Identifier: MIT
// The bytes of a datagram between two peers, and the keys that they are under.
//
//   sealed     magic u16 | version u8 | kind u8 | tag u64 | counter u64 | sealed payload | MAC 16
//   challenge  magic u16 | version u8 | kind u8 | tag u64 | life 16 | nonce 16 | echo 16 | MAC 16
//
// all little-endian. Which life, nonce and echo are: net/sealed_datagrams.hpp.
//
// Keys: of each cluster key one for this purpose (crypto_kdf, context "coorddgm"); of that one for each
// direction of each pair in each group under each key id (BLAKE2b); and of that the tag, the challenges' MAC
// key (BLAKE2b) and, with both ends' lives, the key that seals (XChaCha20-Poly1305, the counter as its
// nonce). A tag tells the receiver which key it is without a name or a key id in the clear.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "net/key_file.hpp"
#include "wire/frame.hpp"
#include "wire/hello.hpp"
#include "wire/stamp.hpp"

namespace coord::net {

// One life of a peer, from its start to its end: 128 random bits, never read from a disk.
using LifeId = std::array<std::uint8_t, 16>;
using ChallengeNonce = std::array<std::uint8_t, 16>;  // all zeros: none
using DatagramTag = std::uint64_t;

// Which direction of which pair, in which group, under which of the cluster's keys.
struct DatagramRoute {
  std::string key_id;
  std::string from;
  std::string to;
  wire::GroupDigest group{};
};

struct DatagramKeys {
  DatagramTag tag = 0;
  SecretKey challenge;  // authenticates challenges
  SecretKey root;       // sealing keys are derived from it
};
DatagramKeys derive_datagram_keys(const SecretKey& cluster_key, const DatagramRoute& route);
SecretKey derive_sealing_key(const SecretKey& root, const LifeId& sender, const LifeId& receiver);

struct Challenge {
  LifeId life{};           // the sender's
  ChallengeNonce nonce{};  // to be repeated by the answer
  ChallengeNonce echo{};   // the nonce that this answers

  bool operator==(const Challenge&) const = default;
};

inline constexpr std::size_t datagram_header_size = 12;
inline constexpr std::size_t datagram_mac_size = 16;
inline constexpr std::size_t challenge_size = datagram_header_size + 3 * 16 + datagram_mac_size;
inline constexpr std::size_t sealed_overhead = datagram_header_size + 8 + datagram_mac_size;
// A message that goes by datagram: with all that is put around it, below what the
// networks in use carry whole.
inline constexpr std::size_t datagram_message_limit = 1200;
inline constexpr std::size_t stamped_message_limit = datagram_message_limit + wire::stamp_size;
inline constexpr std::size_t sealed_payload_limit = stamped_message_limit + wire::frame_header_size;
inline constexpr std::size_t largest_datagram = sealed_overhead + sealed_payload_limit;

// What can be said of a datagram before its key is known. Views into the datagram.
struct RawDatagram {
  enum class Kind : std::uint8_t { sealed = 1, challenge = 2 };
  Kind kind = Kind::sealed;
  DatagramTag tag = 0;
  ByteView header;
  ByteView rest;
};
// Nothing: of another version or kind, too short or too long, or no datagram of ours at all.
std::optional<RawDatagram> parse_raw_datagram(ByteView datagram);

Bytes make_challenge(const DatagramKeys& keys, const Challenge& challenge);
// Nothing: it is not authentic.
std::optional<Challenge> open_challenge(const DatagramKeys& keys, const RawDatagram& raw);

// `payload` is within sealed_payload_limit (checked). No counter is used twice under one sealing key.
Bytes seal_datagram(DatagramTag tag, const SecretKey& sealing, std::uint64_t counter, ByteView payload);
struct OpenedDatagram {
  std::uint64_t counter = 0;
  Bytes payload;
};
// Nothing: it is not authentic.
std::optional<OpenedDatagram> open_datagram(const SecretKey& sealing, const RawDatagram& raw);

}  // namespace coord::net
