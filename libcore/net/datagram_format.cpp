// SPDX-License-Identifier: MIT
#include "net/datagram_format.hpp"

#include <sodium.h>

#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"
#include "net/short_text.hpp"

namespace coord::net {
namespace {

constexpr std::uint16_t datagram_magic = 0x4744;  // "DG"
constexpr std::uint8_t datagram_version = 1;
constexpr std::uint64_t datagram_purpose = 2;  // 1 is TLS's (net/psk.cpp)

static_assert(crypto_kdf_KEYBYTES == key_size);
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == key_size);
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == datagram_mac_size);

using Nonce = std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES>;

Bytes encode_route(const DatagramRoute& route) {
  ByteWriter out;
  out.put(datagram_version);
  put_short_text(out, route.key_id);
  const bool forth = COORD_RULE_OR(datagram_key_is_of_one_direction, true, route.from < route.to);
  put_short_text(out, forth ? route.from : route.to);
  put_short_text(out, forth ? route.to : route.from);
  out.put(ByteView(route.group));
  return out.take();
}

SecretKey keyed_hash(const SecretKey& key, ByteView input) {
  SecretKey out;
  crypto_generichash(out.data(), key_size, input.data(), input.size(), key.data(), key_size);
  return out;
}

void put_header(ByteWriter& out, RawDatagram::Kind kind, DatagramTag tag) {
  out.put(datagram_magic);
  out.put(datagram_version);
  out.put(static_cast<std::uint8_t>(kind));
  out.put(tag);
}

std::array<std::uint8_t, datagram_mac_size> challenge_mac(const DatagramKeys& keys, ByteView header,
                                                          ByteView body) {
  std::array<std::uint8_t, datagram_mac_size> mac{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, keys.challenge.data(), key_size, mac.size());
  crypto_generichash_update(&state, header.data(), header.size());
  crypto_generichash_update(&state, body.data(), body.size());
  crypto_generichash_final(&state, mac.data(), mac.size());
  return mac;
}

Nonce nonce_of(std::uint64_t counter) {
  Nonce nonce{};
  for (std::size_t i = 0; i < sizeof counter; ++i)
    nonce[i] = static_cast<std::uint8_t>(counter >> (8U * static_cast<unsigned>(i)));
  return nonce;
}

template <std::size_t Size>
void get_array(ByteReader& in, std::array<std::uint8_t, Size>& out) {
  const ByteView bytes = in.get(Size);
  std::copy(bytes.begin(), bytes.end(), out.begin());
}

}  // namespace

DatagramKeys derive_datagram_keys(const SecretKey& cluster_key, const DatagramRoute& route) {
  COORD_CHECK(sodium_init() >= 0);
  SecretKey purpose;
  crypto_kdf_derive_from_key(purpose.data(), key_size, datagram_purpose, "coorddgm", cluster_key.data());
  const SecretKey pair = keyed_hash(purpose, encode_route(route));
  DatagramKeys keys;
  keys.challenge = keyed_hash(pair, bytes_of("challenge"));
  keys.root = keyed_hash(pair, bytes_of("sealing"));
  const SecretKey tag = keyed_hash(pair, bytes_of("tag"));
  keys.tag = ByteReader({tag.data(), key_size}).get<DatagramTag>();
  return keys;
}

SecretKey derive_sealing_key(const SecretKey& root, const LifeId& sender, const LifeId& receiver) {
  [[maybe_unused]] const LifeId nobody{};
  ByteWriter lives;
  lives.put(ByteView(COORD_RULE_OR(datagram_key_is_of_the_senders_life, sender, nobody)));
  lives.put(ByteView(COORD_RULE_OR(datagram_key_is_of_the_receivers_life, receiver, nobody)));
  return keyed_hash(root, lives.bytes());
}

std::optional<RawDatagram> parse_raw_datagram(ByteView datagram) {
  if (datagram.size() > largest_datagram) return std::nullopt;
  ByteReader in(datagram);
  const bool ours = in.get<std::uint16_t>() == datagram_magic && in.get<std::uint8_t>() == datagram_version;
  const auto kind = static_cast<RawDatagram::Kind>(in.get<std::uint8_t>());
  RawDatagram raw;
  raw.kind = kind;
  raw.tag = in.get<DatagramTag>();
  if (!ours || in.failed()) return std::nullopt;
  raw.header = datagram.first(datagram_header_size);
  raw.rest = datagram.subspan(datagram_header_size);
  const bool fits = (kind == RawDatagram::Kind::sealed && datagram.size() >= sealed_overhead) ||
                    (kind == RawDatagram::Kind::challenge && datagram.size() == challenge_size);
  if (!fits) return std::nullopt;
  return raw;
}

Bytes make_challenge(const DatagramKeys& keys, const Challenge& challenge) {
  ByteWriter out;
  put_header(out, RawDatagram::Kind::challenge, keys.tag);
  out.put(ByteView(challenge.life));
  out.put(ByteView(challenge.nonce));
  out.put(ByteView(challenge.echo));
  const ByteView so_far(out.bytes());
  const auto mac =
      challenge_mac(keys, so_far.first(datagram_header_size), so_far.subspan(datagram_header_size));
  out.put(ByteView(mac));
  return out.take();
}

std::optional<Challenge> open_challenge(const DatagramKeys& keys, const RawDatagram& raw) {
  COORD_CHECK(raw.kind == RawDatagram::Kind::challenge);
  const ByteView body = raw.rest.first(raw.rest.size() - datagram_mac_size);
  const auto mac = challenge_mac(keys, raw.header, body);
  const bool authentic = sodium_memcmp(mac.data(), raw.rest.data() + body.size(), mac.size()) == 0;
  if (!COORD_RULE(datagram_challenge_is_authentic, authentic)) return std::nullopt;
  ByteReader in(body);
  Challenge challenge;
  get_array(in, challenge.life);
  get_array(in, challenge.nonce);
  get_array(in, challenge.echo);
  return challenge;
}

Bytes seal_datagram(DatagramTag tag, const SecretKey& sealing, std::uint64_t counter, ByteView payload) {
  COORD_CHECK(payload.size() <= sealed_payload_limit);
  ByteWriter out;
  put_header(out, RawDatagram::Kind::sealed, tag);
  out.put(counter);
  Bytes bytes = out.take();
  const std::size_t clear = bytes.size();
  bytes.resize(clear + payload.size() + datagram_mac_size);
  const Nonce nonce = nonce_of(counter);
  crypto_aead_xchacha20poly1305_ietf_encrypt(bytes.data() + clear, nullptr, payload.data(), payload.size(),
                                             bytes.data(), clear, nullptr, nonce.data(), sealing.data());
  return bytes;
}

std::optional<OpenedDatagram> open_datagram(const SecretKey& sealing, const RawDatagram& raw) {
  COORD_CHECK(raw.kind == RawDatagram::Kind::sealed);
  OpenedDatagram opened;
  ByteReader in(raw.rest);
  opened.counter = in.get<std::uint64_t>();
  const ByteView sealed = in.get(in.left());
  COORD_CHECK(!in.failed() && sealed.size() >= datagram_mac_size);
  Bytes clear(raw.header.begin(), raw.header.end());
  clear.insert(clear.end(), raw.rest.begin(), raw.rest.begin() + sizeof opened.counter);
  opened.payload.resize(sealed.size() - datagram_mac_size);
  const Nonce nonce = nonce_of(opened.counter);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(opened.payload.data(), nullptr, nullptr, sealed.data(),
                                                 sealed.size(), clear.data(), clear.size(), nonce.data(),
                                                 sealing.data()) != 0)
    return std::nullopt;
  return opened;
}

}  // namespace coord::net
