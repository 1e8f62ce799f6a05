// SPDX-License-Identifier: MIT
// The NTP packet (RFC 5905, 7.3): 48 octets in network order, then extension fields (RFC 7822)
// and a message authentication code. Decoding takes any octets; what they are worth is decided
// by the checks (ntp_check.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "clock/ntp_time.hpp"

namespace coord::ntp {

constexpr std::size_t header_size = 48;
constexpr std::size_t max_packet_size = 1500;  // no server answers with more than one Ethernet frame

enum class Leap : std::uint8_t { none = 0, insert_second = 1, delete_second = 2, unsynchronized = 3 };
enum class Mode : std::uint8_t { client = 3, server = 4 };

struct Packet {
  Leap leap = Leap::none;
  std::uint8_t version = 4;
  std::uint8_t mode = 0;  // 0 to 7; compare with Mode
  // 0: kiss code, 1: has a reference clock, 2..15: follows a server, 16: unsynchronized
  std::uint8_t stratum = 0;
  std::int8_t poll = 0;       // log2 seconds
  std::int8_t precision = 0;  // log2 seconds
  Short root_delay;
  Short root_dispersion;
  std::uint32_t reference_id = 0;
  Timestamp reference;
  Timestamp origin;
  Timestamp receive;
  Timestamp transmit;
};

std::array<std::uint8_t, header_size> encode(const Packet& packet);

// nothing if there are fewer than 48 octets.
std::optional<Packet> decode(ByteView data);

// What follows the header.
struct Tail {
  enum class Kind {
    plain,       // no authentication
    mac,         // key_id and mac are set; the MAC covers the first signed_size octets of the packet
    crypto_nak,  // the server refuses the request's authentication
    malformed,   // lengths that do not add up
  };
  Kind kind = Kind::plain;
  std::size_t signed_size = header_size;
  std::uint32_t key_id = 0;
  ByteView mac;  // into the packet
};

// How RFC 7822 (7.5) tells a MAC from an extension field: at most 24 octets at the end are a MAC.
Tail split_tail(ByteView packet);

// A reference id as people know it: the clock's name at stratum 1 ("GPS"), the kiss code at 0,
// else the upstream server's IPv4 address (or the first four octets of a hash of its IPv6 address,
// which cannot be told apart).
std::string reference_text(std::uint8_t stratum, std::uint32_t reference_id);

const char* leap_text(Leap leap);

}  // namespace coord::ntp
