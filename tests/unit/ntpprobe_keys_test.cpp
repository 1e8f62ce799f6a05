// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <string>

#include "ntpprobe/symmetric_key.hpp"

using namespace coord;
using namespace coord::ntpprobe;

namespace {

std::string hex(ByteView octets) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t octet : octets) text += {digits[octet >> 4U], digits[octet & 15U]};
  return text;
}

// The code alone, over these octets, with a key as a file writes it.
std::string code(const std::string& type_and_key, std::string_view octets) {
  const auto key = find_key("5 " + type_and_key, 5, "keys");
  if (!key) return key.error().text();
  return hex(key->mac_field(bytes_of(octets))).substr(8);
}

}  // namespace

TEST_CASE("AES-CMAC by the vectors of RFC 4493 and SP 800-38B") {
  const std::string key128 = "AES128 HEX:2b7e151628aed2a6abf7158809cf4f3c";
  CHECK(code(key128, "") == "bb1d6929e95937287fa37d129b756746");
  CHECK(code(key128, "\x6b\xc1\xbe\xe2\x2e\x40\x9f\x96\xe9\x3d\x7e\x11\x73\x93\x17\x2a") ==
        "070a16b46b4d4144f79bdd9dd04a287c");
  CHECK(code("AES256 HEX:603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4", "") ==
        "028962f61b7bf89efc6b551f4667d983");
}

TEST_CASE("digest codes are the digest of key and packet, at most 20 octets") {
  CHECK(code("MD5 ASCII:a", "bc") == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(code("SHA1 ASCII:a", "bc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(code("SHA256 ASCII:a", "bc") == "ba7816bf8f01cfea414140de5dae2223b00361a3");
  CHECK(code("SHA384 ASCII:a", "bc") == "cb00753f45a35e8bb5a03d699ac65007272c32ab");
  CHECK(code("SHA512 ASCII:a", "bc") == "ddaf35a193617abacc417349ae20413112e6fa4e");
}

TEST_CASE("a code verifies its own octets only") {
  const auto key = find_key("7 SHA1 ASCII:secret", 7, "keys");
  REQUIRE(key);
  const Bytes field = key->mac_field(bytes_of("packet"));
  CHECK(hex(ByteView(field).first(4)) == "00000007");
  const ByteView mac = ByteView(field).subspan(4);
  CHECK(key->verifies(bytes_of("packet"), mac));
  CHECK_FALSE(key->verifies(bytes_of("packed"), mac));
  CHECK_FALSE(key->verifies(bytes_of("packet"), mac.first(19)));
  CHECK_FALSE(key->verifies(bytes_of("packet"), {}));
}

TEST_CASE("how chrony and ntpsec write keys") {
  struct Row {
    const char* written;
    const char* same_as;
  };
  const Row rows[] = {
      {"tulip", "MD5 ASCII:tulip"},  // chrony: no type
      {"MD5 tulip", "MD5 ASCII:tulip"},
      {"M tulip", "MD5 ASCII:tulip"},
      {"sha1 tulip", "SHA1 ASCII:tulip"},
      {"SHA1 12345678901234567890", "SHA1 ASCII:12345678901234567890"},    // 20 characters: text
      {"SHA1 123456789012345678901", "SHA1 ASCII:123456789012345678901"},  // 21, odd: cannot be hexadecimal
      {"SHA1 1234567890123456789012", "SHA1 HEX:1234567890123456789012"},  // 22: ntpsec's hexadecimal
      {"SHA1 abcdefghijklmnopqrstuvwxyz", "SHA1 ASCII:abcdefghijklmnopqrstuvwxyz"},  // chrony's long text
      {"SHA1 HEX:414243", "SHA1 ASCII:ABC"},
      {"SHA1 tulip # comment", "SHA1 ASCII:tulip"},
      {"SHA1\ttulip  192.0.2.1", "SHA1 ASCII:tulip"},  // ntpd's list of addresses
      {"SHA1 tu#lip", "SHA1 ASCII:tu"},                // ntpsec's end there
      {"SHA1 933F62BE1D604E68A81B557F18CFA200#lip", "SHA1 HEX:933F62BE1D604E68A81B557F18CFA200"},
      {"SHA1 1234567890123456789#0123", "SHA1 ASCII:1234567890123456789"},  // counted without the comment
      {"AES 7ea62ae64d190114d46d5a082f948ec1#", "AES128 HEX:7ea62ae64d190114d46d5a082f948ec1"},
      {"SHA1 ASCII:tu#lip", "SHA1 HEX:7475236c6970"},  // chrony's may have it
      {"tu#lip", "MD5 HEX:7475236c6970"},
      {"AES crocus", "AES128 HEX:63726f63757300000000000000000000"},  // ntpsec fills up
      {"AES128CMAC 00112233445566778899aabbccddeeffaa",
       "AES128 HEX:00112233445566778899aabbccddeeff"},  // and cuts
      {"AES-256 00112233445566778899aabbccddeeff",
       "AES256 HEX:00112233445566778899aabbccddeeff00000000000000000000000000000000"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.written);
    CHECK(code(row.written, "packet") == code(row.same_as, "packet"));
    CHECK(code(row.same_as, "packet").size() <= 40);
  }
}

TEST_CASE("keys that cannot be used say which line and why") {
  struct Row {
    const char* file;
    const char* error;
  };
  const Row rows[] = {
      {"", "f: there is no key 5"},
      {"# only a comment\n6 SHA1 x\n", "f: there is no key 5"},
      {"five SHA1 x\n5 SHA1 x", "f:1: no key number at the start of the line"},
      {"0 SHA1 x\n5 SHA1 x", "f:1: no key number at the start of the line"},
      {"4294967296 SHA1 x", "f:1: no key number at the start of the line"},
      {"\n5", "f:2: no key behind the number"},
      {"5 TIGER x", "f:1: type TIGER is not known here"},
      {"5 SHA1 HEX:123", "f:1: the key is not hexadecimal"},
      {"5 SHA1 HEX:xy", "f:1: the key is not hexadecimal"},
      {"5 SHA1 HEX:", "f:1: the key is empty or too long"},
      {"5 AES128 HEX:1234", "f:1: the key has 16 bits"},
      {"5 AES256 ASCII:1234567890123456", "f:1: the key has 128 bits"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.file);
    const auto key = find_key(row.file, 5, "f");
    REQUIRE_FALSE(key);
    CHECK(key.error().kind == ErrorKind::data);
    CHECK(key.error().text().starts_with(std::string(row.error) + ": "));
  }
  CHECK_FALSE(find_key("5 SHA1 " + std::string(3000, 'g'), 5, "f"));
  CHECK(find_key("4294967295 SHA1 x", 4294967295, "f"));
}
