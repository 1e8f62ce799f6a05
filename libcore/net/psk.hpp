// SPDX-License-Identifier: MIT
// Which key two peers prove to each other in TLS.
//
// Problem: all peers share one cluster key. Used as it is, a message recorded in one direction could be
// played back in the other, a peer could be made to talk to itself (reflection: RFC 9257, section 4.1), and
// one name could pass for another. So every (initiator, responder, key id) has a key of its own, derived from
// the cluster key, and the identity that TLS sends in the clear names all three; each side accepts only what
// names itself in its own part.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "net/key_file.hpp"

namespace coord::net {

struct PskIdentity {
  std::string key_id;
  std::string initiator;  // peer names, 1 to 64 bytes
  std::string responder;

  bool operator==(const PskIdentity&) const = default;
};

inline constexpr std::size_t peer_name_limit = 64;
// Stands for both ends of an introduction (net/introduction.hpp): no peer is called so.
inline constexpr char introduction_name[] = "?";

Bytes encode_identity(const PskIdentity& identity);
Result<PskIdentity> decode_identity(ByteView bytes);

// Derivation: a key of its own for this purpose (crypto_kdf, context "coordtls"), then BLAKE2b keyed with it
// over the encoded identity.
SecretKey derive_psk(const SecretKey& cluster_key, const PskIdentity& identity);

}  // namespace coord::net
