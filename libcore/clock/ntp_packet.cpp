// SPDX-License-Identifier: MIT
#include "clock/ntp_packet.hpp"

namespace coord::ntp {
namespace {

template <class Integer>
void put(std::uint8_t* out, Integer value) {
  for (std::size_t i = sizeof value; i-- > 0;) {
    out[i] = static_cast<std::uint8_t>(value);
    value = static_cast<Integer>(std::uint64_t{value} >> 8U);
  }
}

std::uint64_t get(ByteView data, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value = (value << 8U) | data[at + i];
  return value;
}

Timestamp timestamp_at(ByteView data, std::size_t at) {
  return {get(data, at, 8)};
}
Short short_at(ByteView data, std::size_t at) {
  return {static_cast<std::uint32_t>(get(data, at, 4))};
}

constexpr std::size_t min_extension_size = 16;
constexpr std::size_t key_id_size = 4;
constexpr std::size_t max_mac_size = 24;  // key id and at most 20 octets of code

}  // namespace

std::array<std::uint8_t, header_size> encode(const Packet& packet) {
  std::array<std::uint8_t, header_size> out{};
  out[0] = static_cast<std::uint8_t>((static_cast<unsigned>(packet.leap) << 6U) |
                                     ((packet.version & 7U) << 3U) | (packet.mode & 7U));
  out[1] = packet.stratum;
  out[2] = static_cast<std::uint8_t>(packet.poll);
  out[3] = static_cast<std::uint8_t>(packet.precision);
  put(&out[4], packet.root_delay.bits);
  put(&out[8], packet.root_dispersion.bits);
  put(&out[12], packet.reference_id);
  put(&out[16], packet.reference.bits);
  put(&out[24], packet.origin.bits);
  put(&out[32], packet.receive.bits);
  put(&out[40], packet.transmit.bits);
  return out;
}

std::optional<Packet> decode(ByteView data) {
  if (data.size() < header_size) return std::nullopt;
  Packet packet;
  packet.leap = static_cast<Leap>(data[0] >> 6U);
  packet.version = (data[0] >> 3U) & 7U;
  packet.mode = data[0] & 7U;
  packet.stratum = data[1];
  packet.poll = static_cast<std::int8_t>(data[2]);
  packet.precision = static_cast<std::int8_t>(data[3]);
  packet.root_delay = short_at(data, 4);
  packet.root_dispersion = short_at(data, 8);
  packet.reference_id = static_cast<std::uint32_t>(get(data, 12, 4));
  packet.reference = timestamp_at(data, 16);
  packet.origin = timestamp_at(data, 24);
  packet.receive = timestamp_at(data, 32);
  packet.transmit = timestamp_at(data, 40);
  return packet;
}

Tail split_tail(ByteView packet) {
  Tail tail;
  tail.kind = Tail::Kind::malformed;
  if (packet.size() < header_size) return tail;
  std::size_t at = header_size;
  while (packet.size() - at > max_mac_size) {
    const auto size = static_cast<std::size_t>(get(packet, at + 2, 2));
    if (size < min_extension_size || size % 4 != 0 || size > packet.size() - at) return tail;
    at += size;
  }
  tail.signed_size = at;
  const std::size_t left = packet.size() - at;
  if (left == 0) {
    tail.kind = Tail::Kind::plain;
  } else if (left == key_id_size && get(packet, at, 4) == 0) {
    tail.kind = Tail::Kind::crypto_nak;
  } else if (left == key_id_size + 16 || left == max_mac_size) {
    tail.kind = Tail::Kind::mac;
    tail.key_id = static_cast<std::uint32_t>(get(packet, at, 4));
    tail.mac = packet.subspan(at + key_id_size);
  } else if (left >= min_extension_size && get(packet, at + 2, 2) == left) {
    tail.kind = Tail::Kind::plain;  // a last extension field too short to be taken for one above
    tail.signed_size = packet.size();
  }
  return tail;
}

std::string reference_text(std::uint8_t stratum, std::uint32_t reference_id) {
  std::string text;
  if (stratum >= 2) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      text += std::to_string((reference_id >> static_cast<unsigned>(shift)) & 0xffU);
      if (shift > 0) text += '.';
    }
    return text;
  }
  static constexpr char digits[] = "0123456789abcdef";
  for (int shift = 24; shift >= 0; shift -= 8) {
    const std::uint32_t octet = (reference_id >> static_cast<unsigned>(shift)) & 0xffU;
    if (octet == 0 && (reference_id & ((1U << static_cast<unsigned>(shift)) - 1U)) == 0) break;  // padding
    if (octet > 0x20 && octet < 0x7f && octet != '\\' && octet != '"' && octet != ',') {
      text += static_cast<char>(octet);
    } else {
      text += {'\\', 'x', digits[octet >> 4U], digits[octet & 15U]};
    }
  }
  return text;
}

const char* leap_text(Leap leap) {
  switch (leap) {
    case Leap::none:
      return "none";
    case Leap::insert_second:
      return "insert";
    case Leap::delete_second:
      return "delete";
    case Leap::unsynchronized:
      return "unsynchronized";
  }
  return "unsynchronized";
}

}  // namespace coord::ntp
