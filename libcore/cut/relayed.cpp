// SPDX-License-Identifier: MIT
#include "cut/relayed.hpp"

namespace coord::cut {

namespace {

constexpr std::size_t longest_owner = 1024;  // bytes

Bytes rest(ByteReader& in) {
  const ByteView all = in.get(in.left());
  return {all.begin(), all.end()};
}
std::uint8_t byte(bool flag) {
  return flag ? 1 : 0;
}

}  // namespace

Bytes encode(const ToRelay& message) {
  ByteWriter out;
  out.put(static_cast<std::uint8_t>(message.index()));
  if (const auto* enter = std::get_if<Register>(&message)) {
    out.put(enter->life);
    out.put(byte(enter->visitor));
    out.put(bytes_of(enter->owner));
  } else {
    const auto& packet = std::get<Outgoing>(message);
    out.put(packet.to);
    out.put(packet.bytes);
  }
  return out.take();
}

std::optional<ToRelay> decode_to_relay(ByteView bytes) {
  ByteReader in(bytes);
  const auto kind = in.get<std::uint8_t>();
  const auto life = in.get<std::uint64_t>();
  if (kind == 0) {
    const bool visitor = in.get<std::uint8_t>() != 0;
    if (in.failed() || in.left() > longest_owner) return std::nullopt;
    const Bytes owner = rest(in);
    return Register{life, visitor, std::string(owner.begin(), owner.end())};
  }
  if (kind != 1 || in.failed()) return std::nullopt;
  return Outgoing{life, rest(in)};
}

Bytes encode(const FromRelay& message) {
  ByteWriter out;
  out.put(static_cast<std::uint8_t>(message.index()));
  if (const auto* packet = std::get_if<Incoming>(&message)) {
    out.put(packet->from);
    out.put(byte(packet->visitor));
    out.put(packet->bytes);
  } else if (const auto* refused = std::get_if<NotYours>(&message)) {
    out.put(refused->life);
  }
  return out.take();
}

std::optional<FromRelay> decode_from_relay(ByteView bytes) {
  ByteReader in(bytes);
  const auto kind = in.get<std::uint8_t>();
  if (kind == 1 && !in.failed() && in.left() == 0) return Changed{};
  if (kind == 2) {
    const NotYours refused{in.get<std::uint64_t>()};
    if (in.failed() || in.left() > 0) return std::nullopt;
    return refused;
  }
  if (kind != 0 || in.failed()) return std::nullopt;
  Incoming packet;
  packet.from = in.get<std::uint64_t>();
  packet.visitor = in.get<std::uint8_t>() != 0;
  if (in.failed()) return std::nullopt;
  packet.bytes = rest(in);
  return packet;
}

}  // namespace coord::cut
