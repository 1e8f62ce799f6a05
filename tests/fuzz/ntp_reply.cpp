// SPDX-License-Identifier: MIT
// Any octets as a reply to a request that they answer: from the checks to the bound.
#include "base/check.hpp"
#include "clock/ntp_check.hpp"
#include "clock/ntp_filter.hpp"
#include "clock/ntp_select.hpp"

using namespace coord;
using namespace coord::ntp;

namespace {

// Whatever passed the checks has to give numbers that can be worked with.
void follow(const Packet& packet, const Request& request) {
  COORD_CHECK(packet.stratum >= 1 && packet.stratum <= 15 && packet.leap != Leap::unsynchronized);
  const Exchange exchange{request.transmit, packet.receive, packet.transmit,
                          request.transmit + std::chrono::milliseconds(50)};
  const Instant now(std::chrono::hours(1));
  const auto sample = measure(exchange, {Duration(30), power_of_two(packet.precision)}, now);
  if (!sample) return;
  SampleFilter filter;
  filter.add(*sample);
  const auto estimate = filter.estimate(now + std::chrono::seconds(3), Duration(30));
  const Root root{duration_of(packet.root_delay), duration_of(packet.root_dispersion)};
  Candidate candidate{estimate->offset,
                      root_distance(root, *estimate),
                      error_bound(root, *estimate),
                      estimate->jitter,
                      packet.stratum,
                      packet.leap};
  COORD_CHECK(candidate.bound > Duration::zero() && candidate.root_distance > Duration::zero());
  Candidate other = candidate;
  other.offset = std::chrono::seconds(1);
  const Selection selection = select({candidate, other, candidate}, {1'483'228'000'000'000'000});
  COORD_CHECK(!selection.majority || selection.bound >= Duration::zero());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView octets(data, size);
  const auto packet = decode(octets);
  COORD_CHECK(packet.has_value() == (size >= header_size));
  if (packet) {
    const auto again = encode(*packet);
    COORD_CHECK(std::equal(again.begin(), again.end(), octets.begin()));
  }
  Request request;
  request.transmit = packet ? packet->origin : Timestamp{1};
  for (const bool authenticated : {false, true}) {
    if (authenticated) request.key_id = 7;
    ReplyCheck check(request);
    const auto mac_check = [&](ByteView signed_octets, ByteView mac) {
      COORD_CHECK(signed_octets.size() + 4 + mac.size() == size);
      return true;
    };
    const Verdict verdict = check.check(octets, mac_check);
    COORD_CHECK(verdict.reject.has_value() == !verdict.reason().empty());
    if (!verdict.reject) follow(verdict.packet, request);
    COORD_CHECK(check.check(octets, mac_check).reject.has_value());  // once is all
  }
  return 0;
}
