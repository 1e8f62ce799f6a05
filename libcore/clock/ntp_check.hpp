// SPDX-License-Identifier: MIT
// What makes a reply worth believing.
//
// The problem: a client that takes any datagram from port 123 as time can be set by whoever can send one.
// Looking at the sender's address is no answer (it can be forged), nor is checking fields one likes: several
// tools take stratum 16, a wrong mode or a short packet for time. So every reply passes all of these, in this
// order, and the first that fails is the reason shown (RFC 5905 8 and 9.2, RFC 9109, RFC 9769):
//
//   1. length and form, version, mode            a server's answer to this kind of request
//   2. origin equals the random transmit value   an answer to *this* request; spent on the first match,
//      of the request                            so that a second one is a duplicate or a replay
//   3. kiss codes, only now                      before 2 anyone could silence a server for us
//   4. authentication, where asked for           a crypto-NAK is an error, not time
//   5. transmit and receive there and in order, synchronized, stratum 1..15
//   6. root distance, reference time not after transmit
//
// A reference time that is zero or old is no reason to refuse: a server whose sources are gone says in its
// stratum, leap and root dispersion what it is still worth (ntpsec's orphan mode sends zero).
//
// A request carries no time: its transmit value is random and the real T1 stays here (data minimisation).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "clock/ntp_packet.hpp"

namespace coord::ntp {

enum class Reject {
  short_packet,
  bad_length,
  bad_extension,
  wrong_version,
  wrong_mode,
  bogus_origin,
  duplicate,
  kiss_code,
  crypto_nak,
  not_authenticated,
  wrong_key,
  bad_mac,
  no_transmit,
  no_receive,
  transmit_before_receive,
  unsynchronized,
  bad_stratum,
  root_distance,
  reference_in_future,
  negative_delay,  // found later, when the exchange is measured
  clock_stepped,   // the local clock was set between request and reply
  no_reply,        // nothing came in time
  unreachable,     // the network said so
};

// What to show: "bogus origin". The kiss code itself belongs to the verdict ("kiss code RATE").
const char* reject_text(Reject reason);

// What a request was, and so what its reply has to be.
struct Request {
  Timestamp transmit;                // random, never zero
  std::optional<Timestamp> receive;  // random too; set to ask for interleaved mode, with:
  Timestamp previous_receive;        // T2 of the exchange before, sent as origin
  std::uint8_t version = 4;
  std::optional<std::uint32_t> key_id;  // set: only an authenticated reply will do
};

// Is this MAC right for these octets under the request's key?
using MacCheck = std::function<bool(ByteView signed_octets, ByteView mac)>;

struct Verdict {
  std::optional<Reject> reject;  // nothing: the reply is good
  bool answers_request = false;  // its origin matched: the exchange is over, good or bad
  bool interleaved = false;      // its transmit time belongs to the exchange before
  Packet packet;                 // as far as it was decoded
  std::string kiss_code;         // "RATE", "DENY", ...
  // The reason as shown to people and counted under in reports.
  std::string reason() const;
};

// Checks the datagrams that come in for one request.
class ReplyCheck {
 public:
  explicit ReplyCheck(Request request) : request_(request) {}

  Verdict check(ByteView datagram, const MacCheck& mac_check);

  const Request& request() const { return request_; }

 private:
  // Which timestamp the origin matched: the first match spends the request.
  bool origin_matches(const Packet& packet, Verdict& verdict);

  Request request_;
  bool spent_ = false;
};

// A kiss code that ends all questions to this server.
inline bool stops_asking(const std::string& kiss_code) {
  return kiss_code == "DENY" || kiss_code == "RSTR";
}

// The request's packet; poll is log2 of the interval between requests in seconds.
Packet request_packet(const Request& request, std::int8_t poll);

}  // namespace coord::ntp
