// SPDX-License-Identifier: MIT
#include "clock/ntp_check.hpp"

#include <chrono>

namespace coord::ntp {
namespace {

constexpr Duration max_root_distance = std::chrono::seconds(16);  // RFC 5905 MAXDISP
constexpr Duration longest_turnaround = std::chrono::seconds(1);
constexpr std::int8_t undisclosed_precision = 32;  // data minimisation: the client's is not told

std::optional<Reject> check_form(ByteView datagram, const Request& request, Verdict& verdict) {
  const auto packet = decode(datagram);
  if (!packet) return Reject::short_packet;
  verdict.packet = *packet;
  if (datagram.size() % 4 != 0 || datagram.size() > max_packet_size) return Reject::bad_length;
  if (packet->version != request.version) return Reject::wrong_version;
  if (packet->mode != static_cast<std::uint8_t>(Mode::server)) return Reject::wrong_mode;
  return std::nullopt;
}

std::optional<Reject> check_authentication(ByteView datagram, const Request& request,
                                           const MacCheck& mac_check) {
  const Tail tail = split_tail(datagram);
  if (tail.kind == Tail::Kind::malformed) return Reject::bad_extension;
  if (tail.kind == Tail::Kind::crypto_nak) return Reject::crypto_nak;
  if (!request.key_id) return std::nullopt;
  if (tail.kind != Tail::Kind::mac) return Reject::not_authenticated;
  if (tail.key_id != *request.key_id) return Reject::wrong_key;
  if (!mac_check || !mac_check(datagram.first(tail.signed_size), tail.mac)) return Reject::bad_mac;
  return std::nullopt;
}

std::optional<Reject> check_time(const Packet& packet, const Request& request, bool interleaved) {
  if (packet.transmit == Timestamp{}) return Reject::no_transmit;
  if (packet.receive == Timestamp{}) return Reject::no_receive;
  // In interleaved mode the transmit time is that of the reply before: it lies between both receive times.
  const Timestamp received = interleaved ? request.previous_receive : packet.receive;
  if (ticks_between(packet.transmit, received) < 0) return Reject::transmit_before_receive;
  if (interleaved && ticks_between(packet.receive, packet.transmit) < 0)
    return Reject::transmit_before_receive;
  if (packet.leap == Leap::unsynchronized) return Reject::unsynchronized;
  if (packet.stratum < 1 || packet.stratum > 15) return Reject::bad_stratum;
  return std::nullopt;
}

std::optional<Reject> check_root(const Packet& packet, bool interleaved) {
  if (duration_of(packet.root_delay) / 2 + duration_of(packet.root_dispersion) >= max_root_distance)
    return Reject::root_distance;
  // An interleaved reply does not say when it was sent itself: soon after it received the request, in which
  // time the server's reference may have been renewed.
  const Timestamp now = interleaved ? packet.receive + longest_turnaround : packet.transmit;
  const bool has_reference = packet.reference != Timestamp{};
  if (has_reference && ticks_between(now, packet.reference) < 0) return Reject::reference_in_future;
  return std::nullopt;
}

}  // namespace

const char* reject_text(Reject reason) {
  switch (reason) {
    case Reject::short_packet:
      return "short packet";
    case Reject::bad_length:
      return "bad length";
    case Reject::bad_extension:
      return "bad extension field";
    case Reject::wrong_version:
      return "wrong version";
    case Reject::wrong_mode:
      return "wrong mode";
    case Reject::bogus_origin:
      return "bogus origin";
    case Reject::duplicate:
      return "duplicate";
    case Reject::kiss_code:
      return "kiss code";
    case Reject::crypto_nak:
      return "crypto-NAK";
    case Reject::not_authenticated:
      return "not authenticated";
    case Reject::wrong_key:
      return "wrong key";
    case Reject::bad_mac:
      return "bad MAC";
    case Reject::no_transmit:
      return "no transmit time";
    case Reject::no_receive:
      return "no receive time";
    case Reject::transmit_before_receive:
      return "transmit before receive";
    case Reject::unsynchronized:
      return "unsynchronized";
    case Reject::bad_stratum:
      return "bad stratum";
    case Reject::root_distance:
      return "root distance too large";
    case Reject::reference_in_future:
      return "reference in the future";
    case Reject::negative_delay:
      return "negative delay";
    case Reject::clock_stepped:
      return "local clock stepped";
    case Reject::no_reply:
      return "no reply";
    case Reject::unreachable:
      return "unreachable";
  }
  return "unknown";
}

std::string Verdict::reason() const {
  if (!reject) return "";
  std::string text = reject_text(*reject);
  if (*reject == Reject::kiss_code) text += ' ' + kiss_code;
  return text;
}

bool ReplyCheck::origin_matches(const Packet& packet, Verdict& verdict) {
  verdict.interleaved = request_.receive && packet.origin == *request_.receive;
  const bool matches = packet.origin == request_.transmit || verdict.interleaved;
  if (!matches) return false;
  if (spent_) {
    verdict.reject = Reject::duplicate;
    return true;
  }
  spent_ = true;
  verdict.answers_request = true;
  return true;
}

Verdict ReplyCheck::check(ByteView datagram, const MacCheck& mac_check) {
  Verdict verdict;
  verdict.reject = check_form(datagram, request_, verdict);
  if (verdict.reject) return verdict;
  const Packet& packet = verdict.packet;
  if (!origin_matches(packet, verdict)) verdict.reject = Reject::bogus_origin;
  if (verdict.reject) return verdict;
  if (packet.stratum == 0 && packet.reference_id != 0) {
    verdict.reject = Reject::kiss_code;
    verdict.kiss_code = reference_text(0, packet.reference_id);
    return verdict;
  }
  verdict.reject = check_authentication(datagram, request_, mac_check);
  if (!verdict.reject) verdict.reject = check_time(packet, request_, verdict.interleaved);
  if (!verdict.reject) verdict.reject = check_root(packet, verdict.interleaved);
  return verdict;
}

Packet request_packet(const Request& request, std::int8_t poll) {
  Packet packet;
  packet.version = request.version;
  packet.mode = static_cast<std::uint8_t>(Mode::client);
  packet.poll = poll;
  packet.precision = undisclosed_precision;
  packet.transmit = request.transmit;
  if (request.receive) {
    packet.origin = request.previous_receive;
    packet.receive = *request.receive;
  }
  return packet;
}

}  // namespace coord::ntp
