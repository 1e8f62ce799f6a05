// SPDX-License-Identifier: MIT
#include "net/psk.hpp"

#include <sodium.h>

#include <algorithm>

#include "base/check.hpp"
#include "net/short_text.hpp"

namespace coord::net {
namespace {

constexpr std::uint8_t identity_version = 1;
constexpr std::uint64_t tls_purpose = 1;

static_assert(crypto_kdf_KEYBYTES == key_size);

std::string get_text(ByteReader& in) {
  const ByteView bytes = in.get(in.get<std::uint8_t>());
  return {bytes.begin(), bytes.end()};
}

bool valid_name(const std::string& name) {
  return !name.empty() && name.size() <= peer_name_limit;
}

}  // namespace

Bytes encode_identity(const PskIdentity& identity) {
  ByteWriter out;
  out.put(identity_version);
  put_short_text(out, identity.key_id);
  put_short_text(out, identity.initiator);
  put_short_text(out, identity.responder);
  return out.take();
}

Result<PskIdentity> decode_identity(ByteView bytes) {
  const Error bad{ErrorKind::data, "", "its identity is not one of ours", ""};
  ByteReader in(bytes);
  if (in.get<std::uint8_t>() != identity_version) return bad;
  PskIdentity identity;
  identity.key_id = get_text(in);
  identity.initiator = get_text(in);
  identity.responder = get_text(in);
  if (in.failed() || in.left() > 0 || !valid_name(identity.initiator) || !valid_name(identity.responder))
    return bad;
  return identity;
}

SecretKey derive_psk(const SecretKey& cluster_key, const PskIdentity& identity) {
  COORD_CHECK(sodium_init() >= 0);
  SecretKey purpose_key;
  crypto_kdf_derive_from_key(purpose_key.data(), key_size, tls_purpose, "coordtls", cluster_key.data());
  const Bytes input = encode_identity(identity);
  SecretKey psk;
  crypto_generichash(psk.data(), key_size, input.data(), input.size(), purpose_key.data(), key_size);
  return psk;
}

}  // namespace coord::net
