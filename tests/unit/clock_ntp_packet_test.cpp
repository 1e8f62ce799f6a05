// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "clock/ntp_packet.hpp"

using namespace coord;
using namespace coord::ntp;

namespace {

Bytes octets(std::size_t count) {
  return Bytes(count, 0);
}

// `size` octets of an extension field of the given stated length.
void append_extension(Bytes& packet, std::size_t size, std::size_t stated) {
  const std::size_t at = packet.size();
  packet.resize(at + size, 0xee);
  packet[at + 2] = static_cast<std::uint8_t>(stated >> 8U);
  packet[at + 3] = static_cast<std::uint8_t>(stated);
}

}  // namespace

TEST_CASE("a packet's octets are where RFC 5905 puts them") {
  Packet packet;
  packet.leap = Leap::insert_second;
  packet.version = 4;
  packet.mode = 4;
  packet.stratum = 2;
  packet.poll = 6;
  packet.precision = -23;
  packet.root_delay = {0x00010203};
  packet.root_dispersion = {0x04050607};
  packet.reference_id = 0xc0000201;
  packet.reference = {0x1111111122222222};
  packet.origin = {0x3333333344444444};
  packet.receive = {0x5555555566666666};
  packet.transmit = {0x7777777788888888};
  const Bytes golden{0x64, 0x02, 0x06, 0xe9, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
                     0xc0, 0x00, 0x02, 0x01, 0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x22, 0x22,
                     0x33, 0x33, 0x33, 0x33, 0x44, 0x44, 0x44, 0x44, 0x55, 0x55, 0x55, 0x55,
                     0x66, 0x66, 0x66, 0x66, 0x77, 0x77, 0x77, 0x77, 0x88, 0x88, 0x88, 0x88};
  const auto encoded = encode(packet);
  CHECK(Bytes(encoded.begin(), encoded.end()) == golden);
  const auto back = decode(golden);
  REQUIRE(back);
  const auto again = encode(*back);
  CHECK(Bytes(again.begin(), again.end()) == golden);
  CHECK(back->leap == Leap::insert_second);
  CHECK(back->precision == -23);
}

TEST_CASE("fewer than 48 octets are no packet") {
  for (std::size_t size = 0; size < header_size; ++size) CHECK_FALSE(decode(octets(size)));
  CHECK(decode(octets(header_size)));
}

TEST_CASE("what follows the header is told apart by its length") {
  using Kind = Tail::Kind;
  struct Row {
    const char* what;
    std::size_t left;
    Kind kind;
  };
  const Row rows[] = {
      {"nothing", 0, Kind::plain},
      {"key id 0 alone", 4, Kind::crypto_nak},
      {"half a MAC", 8, Kind::malformed},
      {"128-bit MAC", 20, Kind::mac},
      {"160-bit MAC", 24, Kind::mac},
      {"no known length", 12, Kind::malformed},
      {"zeros as a field", 28, Kind::malformed},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    const Bytes packet = octets(header_size + row.left);
    CHECK(split_tail(packet).kind == row.kind);
  }
}

TEST_CASE("extension fields are stepped over and signed, and lie about their length in vain") {
  Bytes packet = octets(header_size);
  append_extension(packet, 32, 32);
  append_extension(packet, 28, 28);
  CHECK(split_tail(packet).kind == Tail::Kind::plain);
  packet.insert(packet.end(), {0, 0, 0, 7});
  packet.resize(packet.size() + 20, 0xaa);
  const Tail tail = split_tail(packet);
  CHECK(tail.kind == Tail::Kind::mac);
  CHECK(tail.key_id == 7);
  CHECK(tail.mac.size() == 20);
  CHECK(tail.signed_size == header_size + 60);

  for (const std::size_t stated : {0, 4, 12, 30, 36, 65532}) {
    CAPTURE(stated);
    Bytes lying = octets(header_size);
    append_extension(lying, 32, stated);
    CHECK(split_tail(lying).kind == Tail::Kind::malformed);
  }
  CHECK(split_tail(octets(10)).kind == Tail::Kind::malformed);
}

TEST_CASE("reference ids are shown as their stratum means them") {
  CHECK(reference_text(1, 0x47505300) == "GPS");
  CHECK(reference_text(0, 0x52415445) == "RATE");
  CHECK(reference_text(1, 0x00000000) == "");
  CHECK(reference_text(1, 0x1b5b324a) == "\\x1b[2J");  // a terminal must not see it
  CHECK(reference_text(1, 0x41004200) == "A\\x00B");
  CHECK(reference_text(2, 0xc0000201) == "192.0.2.1");
  CHECK(reference_text(15, 0xffffffff) == "255.255.255.255");
}
