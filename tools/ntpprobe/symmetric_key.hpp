// SPDX-License-Identifier: MIT
// Symmetric authentication of NTP packets: a key both sides know, by number, and a code over the packet made
// with it (RFC 5905, 7.3; AES-CMAC by RFC 8573). NTS (RFC 8915) is another way to the same two questions,
// "what goes behind the request" and "is this reply genuine"; it will stand beside this class.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace coord::ntpprobe {

enum class MacAlgorithm { md5, sha1, sha256, sha384, sha512, aes128_cmac, aes256_cmac };

class SymmetricKey {
 public:
  // secret: of the cipher's length for the AES types, 1 to 1024 octets for the digests.
  SymmetricKey(std::uint32_t id, MacAlgorithm algorithm, Bytes secret);

  std::uint32_t id() const { return id_; }
  // Key id and code, to be put behind the octets. At most 24 octets: NTPv4 cuts longer digests (RFC 7822).
  Bytes mac_field(ByteView octets) const;
  // Compares in a time that does not depend on where the codes differ.
  bool verifies(ByteView octets, ByteView mac) const;

 private:
  Bytes mac(ByteView octets) const;

  std::uint32_t id_;
  MacAlgorithm algorithm_;
  Bytes secret_;
};

// The key of this number from a key file of chrony (`ID [TYPE] [ASCII:|HEX:]KEY`, no type: MD5) or of ntpsec
// (`ID TYPE KEY`, a key of more than 20 characters is hexadecimal, AES keys are cut or filled up with
// zeros). Where the two differ: a bare key of more than 20 characters is read as hexadecimal if it is, else
// as ASCII; behind a type a bare key ends at `#`, which only a key after ASCII: or without a type can
// contain. Errors: ErrorKind::data.
Result<SymmetricKey> find_key(std::string_view file_text, std::uint32_t id, const std::string& file_name);

// The same from a file of at most 1 MiB.
Result<SymmetricKey> read_key(const std::string& file_name, std::uint32_t id);

}  // namespace coord::ntpprobe
