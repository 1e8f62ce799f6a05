// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <functional>

#include "clock/ntp_check.hpp"

using namespace coord;
using namespace coord::ntp;

namespace {

constexpr std::uint64_t second = std::uint64_t{1} << 32U;
const Timestamp nonce{0x0123456789abcdef};
const Timestamp second_nonce{0xfedcba9876543210};
const Timestamp now{0xe8000000'00000000};

Packet good_reply() {
  Packet packet;
  packet.mode = 4;
  packet.stratum = 2;
  packet.precision = -20;
  packet.reference_id = 0xc0000201;
  packet.origin = nonce;
  packet.receive = now;
  packet.transmit = {now.bits + 1000};
  packet.reference = {now.bits - 60 * second};
  return packet;
}

Bytes octets_of(const Packet& packet) {
  const auto raw = encode(packet);
  return Bytes(raw.begin(), raw.end());
}

Request plain_request() {
  Request request;
  request.transmit = nonce;
  return request;
}

std::string reason_for(const Packet& packet, const Request& request = plain_request()) {
  return ReplyCheck(request).check(octets_of(packet), {}).reason();
}

}  // namespace

TEST_CASE("a good reply passes") {
  ReplyCheck check(plain_request());
  const Verdict verdict = check.check(octets_of(good_reply()), {});
  CHECK_FALSE(verdict.reject);
  CHECK(verdict.answers_request);
  CHECK_FALSE(verdict.interleaved);
  CHECK(verdict.packet.stratum == 2);
}

TEST_CASE("each broken field has its own reason") {
  struct Row {
    const char* reason;
    std::function<void(Packet&)> breaks;
  };
  const Row rows[] = {
      {"wrong version", [](Packet& p) { p.version = 3; }},
      {"wrong mode", [](Packet& p) { p.mode = 3; }},
      {"wrong mode", [](Packet& p) { p.mode = 5; }},
      {"wrong mode", [](Packet& p) { p.mode = 6; }},
      {"bogus origin", [](Packet& p) { p.origin = {0}; }},
      {"bogus origin", [](Packet& p) { p.origin.bits ^= 1; }},
      {"kiss code RATE", [](Packet& p) { p.stratum = 0, p.reference_id = 0x52415445; }},
      {"kiss code DENY", [](Packet& p) { p.stratum = 0, p.reference_id = 0x44454e59, p.transmit = {}; }},
      {"bad stratum", [](Packet& p) { p.stratum = 0, p.reference_id = 0; }},
      {"bad stratum", [](Packet& p) { p.stratum = 16; }},
      {"bad stratum", [](Packet& p) { p.stratum = 255; }},
      {"no transmit time", [](Packet& p) { p.transmit = {}; }},
      {"no receive time", [](Packet& p) { p.receive = {}; }},
      {"transmit before receive", [](Packet& p) { p.transmit.bits = p.receive.bits - 1; }},
      {"unsynchronized", [](Packet& p) { p.leap = Leap::unsynchronized; }},
      {"root distance too large", [](Packet& p) { p.root_dispersion = {16U << 16U}; }},
      {"root distance too large", [](Packet& p) { p.root_delay = {32U << 16U}; }},
      {"reference in the future", [](Packet& p) { p.reference.bits = p.transmit.bits + 1; }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.reason);
    Packet packet = good_reply();
    row.breaks(packet);
    CHECK(reason_for(packet) == row.reason);
  }
}

TEST_CASE("what is allowed though it looks odd") {
  Packet packet = good_reply();
  SECTION("leap announced") {
    packet.leap = Leap::insert_second;
  }
  SECTION("T3 equals T2") {
    packet.transmit = packet.receive;
  }
  SECTION("no reference time, as a server in orphan mode has none") {
    packet.reference = {};
    packet.stratum = 6;
  }
  SECTION("a reference time of yesterday") {
    packet.reference.bits = packet.transmit.bits - 25 * 3600 * second;
  }
  SECTION("a reference time of decades ago") {
    packet.reference.bits = packet.transmit.bits - 2'000'000'000 * second;
  }
  SECTION("reference time of this instant") {
    packet.reference = packet.transmit;
  }
  SECTION("root distance just below the limit") {
    packet.root_dispersion = {(16U << 16U) - 1U};
  }
  SECTION("stratum 15") {
    packet.stratum = 15;
  }
  SECTION("the era rolls over between reference and transmit") {
    packet.reference = {0xfffffff0'00000000};
    packet.receive = {0xffffffff'ffffffff};
    packet.transmit = {0x00000000'00000001};
  }
  CHECK(reason_for(packet) == "");
}

TEST_CASE("the order of the checks: a forged kiss code is only a bogus origin") {
  Packet packet = good_reply();
  packet.stratum = 0;
  packet.reference_id = 0x44454e59;
  packet.origin = {42};
  CHECK(reason_for(packet) == "bogus origin");
  packet.mode = 3;
  CHECK(reason_for(packet) == "wrong mode");
  packet.version = 1;
  CHECK(reason_for(packet) == "wrong version");
}

TEST_CASE("lengths") {
  Bytes data = octets_of(good_reply());
  const auto reason = [&] { return ReplyCheck(plain_request()).check(data, {}).reason(); };
  data.resize(47);
  CHECK(reason() == "short packet");
  data.clear();
  CHECK(reason() == "short packet");
  data = octets_of(good_reply());
  data.resize(50);
  CHECK(reason() == "bad length");
  data.resize(max_packet_size + 4);
  CHECK(reason() == "bad length");
  data.resize(60);
  CHECK(reason() == "bad extension field");
}

TEST_CASE("an origin is good once: then it is a duplicate, even if the first reply was bad") {
  ReplyCheck check(plain_request());
  Packet first = good_reply();
  SECTION("good") {}
  SECTION("bad") {
    first.stratum = 16;
  }
  check.check(octets_of(first), {});
  const Verdict again = check.check(octets_of(good_reply()), {});
  CHECK(again.reason() == "duplicate");
  CHECK_FALSE(again.answers_request);
}

TEST_CASE("a bogus origin does not end the exchange") {
  ReplyCheck check(plain_request());
  Packet forged = good_reply();
  forged.origin = {1};
  CHECK_FALSE(check.check(octets_of(forged), {}).answers_request);
  CHECK_FALSE(check.check(octets_of(good_reply()), {}).reject);
}

TEST_CASE("authentication where asked for") {
  Request request = plain_request();
  request.key_id = 7;
  const MacCheck right = [](ByteView, ByteView) { return true; };
  const MacCheck wrong = [](ByteView, ByteView) { return false; };
  Bytes data = octets_of(good_reply());
  const auto reason = [&](const MacCheck& mac) { return ReplyCheck(request).check(data, mac).reason(); };
  CHECK(reason(right) == "not authenticated");
  data.resize(header_size + 4);
  CHECK(reason(right) == "crypto-NAK");
  data.resize(header_size + 20);
  CHECK(reason(right) == "wrong key");
  data[header_size + 3] = 7;
  CHECK(reason(wrong) == "bad MAC");
  CHECK(reason({}) == "bad MAC");
  CHECK(reason(right) == "");
  request.key_id.reset();
  CHECK(reason({}) == "");
}

TEST_CASE("interleaved mode: the transmit time belongs to the exchange before") {
  Request request = plain_request();
  request.receive = second_nonce;
  request.previous_receive = {now.bits - 5 * second};
  Packet packet = good_reply();
  packet.origin = second_nonce;
  packet.transmit = {now.bits - 5 * second + 1000};
  ReplyCheck check(request);
  const Verdict verdict = check.check(octets_of(packet), {});
  CHECK(verdict.reason() == "");
  CHECK(verdict.interleaved);
  // The same, but with a transmit time that is not between the two receive times.
  packet.transmit = {now.bits - 6 * second};
  CHECK(reason_for(packet, request) == "transmit before receive");
  packet.transmit = {now.bits + second};
  CHECK(reason_for(packet, request) == "transmit before receive");
  // The server may have renewed its reference between receiving and sending, but not from the future.
  packet.transmit = {now.bits - 5 * second + 1000};
  packet.reference = {packet.receive.bits + second / 1000};
  CHECK(reason_for(packet, request) == "");
  packet.reference = {packet.receive.bits + 2 * second};
  CHECK(reason_for(packet, request) == "reference in the future");
  // A server that does not know the mode answers as ever.
  ReplyCheck basic(request);
  const Verdict plain = basic.check(octets_of(good_reply()), {});
  CHECK_FALSE(plain.interleaved);
  CHECK(plain.reason() == "");
}

TEST_CASE("a request tells nothing but its random numbers") {
  Request request = plain_request();
  const Packet packet = request_packet(request, 3);
  CHECK(packet.mode == 3);
  CHECK(packet.version == 4);
  CHECK(packet.transmit == nonce);
  CHECK(packet.origin == Timestamp{});
  CHECK(packet.receive == Timestamp{});
  CHECK(packet.reference == Timestamp{});
  CHECK(packet.stratum == 0);
  CHECK(packet.reference_id == 0);
}

TEST_CASE("kiss codes that end all questions") {
  CHECK(stops_asking("DENY"));
  CHECK(stops_asking("RSTR"));
  CHECK_FALSE(stops_asking("RATE"));
  CHECK_FALSE(stops_asking("INIT"));
}
