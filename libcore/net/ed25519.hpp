// SPDX-License-Identifier: MIT
// Signatures that anybody can check and only one can make (RFC 8032), and digests (SHA-256).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.hpp"
#include "net/key_file.hpp"

namespace coord::net {

using Ed25519Public = std::array<std::uint8_t, 32>;
using Ed25519Signature = std::array<std::uint8_t, 64>;

// Threading: may be used by several at once.
class Ed25519Key {
 public:
  explicit Ed25519Key(const SecretKey& secret);
  Ed25519Key(Ed25519Key&&) noexcept;
  ~Ed25519Key();

  const Ed25519Public& public_key() const { return public_; }
  Ed25519Signature sign(ByteView content) const;

 private:
  struct Native;
  std::unique_ptr<Native> native_;
  Ed25519Public public_{};
};

// Also of bytes that are no key or no signature: false.
bool verify_ed25519(const Ed25519Public& key, ByteView content, const Ed25519Signature& signature);
std::array<std::uint8_t, 32> sha256(ByteView content);

}  // namespace coord::net
