// SPDX-License-Identifier: MIT
#include "net/tls.hpp"

#include <openssl/err.h>
#include <sodium.h>

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <memory>

#include "base/check.hpp"
#include "base/format.hpp"

namespace coord::net {
namespace {

constexpr const char* suite_name = "TLS_AES_128_GCM_SHA256";
constexpr unsigned char suite_id[] = {0x13, 0x01};
// OpenSSL wants one from a server that would verify certificates, though nothing is ever resumed.
constexpr unsigned char session_context[] = {'c', 'o', 'o', 'r', 'd'};

// Asio keeps pointers of its own in the "app data" of SSL and SSL_CTX: ours get places of their own.
int handshake_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}
int settings_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

Handshake& handshake_of(SSL* ssl) {
  return *static_cast<Handshake*>(SSL_get_ex_data(ssl, handshake_index()));
}
const TlsSettings& settings_of(SSL* ssl) {
  return *static_cast<TlsSettings*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), settings_index()));
}

// A session that was never negotiated but holds the key: how OpenSSL is told of an external PSK.
SSL_SESSION* session_with(SSL* ssl, const SecretKey& key) {
  std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(SSL_SESSION_new(), &SSL_SESSION_free);
  const SSL_CIPHER* suite = SSL_CIPHER_find(ssl, suite_id);
  if (session == nullptr || suite == nullptr ||
      SSL_SESSION_set1_master_key(session.get(), key.data(), key_size) != 1 ||
      SSL_SESSION_set_cipher(session.get(), suite) != 1 ||
      SSL_SESSION_set_protocol_version(session.get(), TLS1_3_VERSION) != 1 ||
      SSL_SESSION_set1_id_context(session.get(), session_context, sizeof session_context) != 1)
    return nullptr;
  return session.release();
}

SecretKey key_of_nobody() {
  SecretKey key;
  COORD_CHECK(sodium_init() >= 0);
  randombytes_buf(key.data(), key_size);
  return key;
}

SSL_CTX* new_context() {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  COORD_CHECK(context != nullptr);
  return context;
}

// What a stranger sent, fit for a log line.
std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text) out += (c > ' ' && c < 0x7f) ? c : '?';
  return out;
}

}  // namespace

TlsSettings::TlsSettings(std::string self, std::set<std::string> peers, KeyRing keys)
    : self_(std::move(self)), peers_(std::move(peers)), keys_(std::move(keys)), context_(new_context()) {
  peers_.erase(self_);
  SSL_CTX* context = context_.native_handle();
  bool ok = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1;
  ok = ok && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1;
  ok = ok && SSL_CTX_set_ciphersuites(context, suite_name) == 1;
  ok = ok && SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1;
  ok = ok && SSL_CTX_set_num_tickets(context, 0) == 1;
  ok = ok && SSL_CTX_set_session_id_context(context, session_context, sizeof session_context) == 1;
  ok = ok && SSL_CTX_set_ex_data(context, settings_index(), this) == 1;
  COORD_CHECK(ok);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_clear_options(context, SSL_OP_ALLOW_NO_DHE_KEX);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_early_data(context, 0);
  // A side that offers a certificate in place of the key has none that we would trust.
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_psk_use_session_callback(context, &TlsSettings::use_session);
  SSL_CTX_set_psk_find_session_callback(context, &TlsSettings::find_session);
}

std::string TlsSettings::offered_by(const std::string& peer) const {
  const auto found = offered_.find(peer);
  return found == offered_.end() ? "" : found->second;
}

void TlsSettings::set_peers(std::set<std::string> peers) {
  peers_ = std::move(peers);
  peers_.erase(self_);
  std::erase_if(offered_, [this](const auto& offer) { return !peers_.contains(offer.first); });
}

std::set<std::string> TlsSettings::set_keys(KeyRing keys) {
  std::set<std::string> gone;
  for (const ClusterKey& old : keys_.keys()) {
    const ClusterKey* kept = keys.find(old.id);
    if (kept == nullptr || !(kept->key == old.key)) gone.insert(old.id);
  }
  keys_ = std::move(keys);
  return gone;
}

void TlsSettings::attach(SSL* ssl, Handshake& handshake) {
  COORD_CHECK(SSL_set_ex_data(ssl, handshake_index(), &handshake) == 1);
}

int TlsSettings::use_session(SSL* ssl, const EVP_MD*, const unsigned char** id, std::size_t* id_size,
                             SSL_SESSION** session) {
  Handshake& handshake = handshake_of(ssl);
  const TlsSettings& settings = settings_of(ssl);
  const ClusterKey& key = settings.keys_.sending();
  const bool asks = handshake.peer == introduction_name;
  const PskIdentity identity{key.id, asks ? introduction_name : settings.self_, handshake.peer};
  handshake.identity = encode_identity(identity);
  handshake.key_id = key.id;
  *id = handshake.identity.data();
  *id_size = handshake.identity.size();
  *session = session_with(ssl, derive_psk(key.key, identity));
  return *session != nullptr ? 1 : 0;
}

int TlsSettings::find_session(SSL* ssl, const unsigned char* id, std::size_t id_size, SSL_SESSION** session) {
  *session = nullptr;
  Handshake& handshake = handshake_of(ssl);
  const auto key = settings_of(ssl).key_for({id, id_size}, handshake);
  if (!key.ok()) {
    handshake.refusal = key.error().what;
    // A key that nobody has: the handshake ends with the alert of a wrong key. Another one would tell a
    // stranger which names and key ids there are.
    *session = session_with(ssl, key_of_nobody());
    return *session != nullptr ? 1 : 0;
  }
  *session = session_with(ssl, *key);
  return *session != nullptr ? 1 : 0;
}

Result<SecretKey> TlsSettings::key_for(ByteView identity, Handshake& handshake) const {
  const auto refuse = [](std::string why) -> Error {
    return {ErrorKind::unavailable, "", std::move(why), ""};
  };
  const auto claimed = decode_identity(identity);
  if (!claimed.ok()) return claimed.error();
  const std::string name = printable(claimed->initiator);
  const ClusterKey* key = keys_.find(claimed->key_id);
  if (claimed->initiator == introduction_name && claimed->responder == introduction_name) {
    if (key == nullptr)
      return refuse(fmt::format("it asks for this host's identity, under a key {}: ours is {}",
                                printable(claimed->key_id), own_key_id()));
    handshake.peer = introduction_name;
    handshake.key_id = key->id;
    return derive_psk(key->key, *claimed);
  }
  if (claimed->initiator == self_) return refuse(fmt::format("it calls itself {}, as this peer does", name));
  if (claimed->responder != self_)
    return refuse(fmt::format("it wants to speak to {}, not to us", printable(claimed->responder)));
  if (!peers_.contains(claimed->initiator)) return refuse(fmt::format("no peer here is called {}", name));
  offered_[claimed->initiator] = printable(claimed->key_id).substr(0, 64);
  if (key == nullptr)
    return refuse(fmt::format("no key here has the id {} that {} uses: ours is {}",
                              printable(claimed->key_id), name, own_key_id()));
  handshake.peer = claimed->initiator;
  handshake.key_id = key->id;
  return derive_psk(key->key, *claimed);
}

std::string handshake_failure(const Handshake& handshake, const boost::system::error_code& error) {
  if (!handshake.refusal.empty()) return handshake.refusal;
  const bool of_tls = error.category() == boost::asio::error::get_ssl_category();
  const int reason = of_tls ? ERR_GET_REASON(static_cast<unsigned long>(error.value())) : 0;
  if (reason == SSL_R_BINDER_DOES_NOT_VERIFY)
    return fmt::format("its key is not ours although it has the same id {} (it says it is {})",
                       handshake.key_id, printable(handshake.peer));
  if (reason == SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM || reason == SSL_R_NO_SHARED_CIPHER)
    return "it has no cluster key";
  if (reason > SSL_AD_REASON_OFFSET && handshake.peer == introduction_name)
    return fmt::format("it refused our key {} ({})", handshake.key_id, error.message());
  if (reason > SSL_AD_REASON_OFFSET)
    return fmt::format(
        "it refused our key {} or our name ({}): compare the keys (dpeers key list) and --peers",
        handshake.key_id, error.message());
  if (of_tls) return fmt::format("it does not speak as a peer ({})", error.message());
  if (error == boost::asio::ssl::error::stream_truncated || error == boost::asio::error::eof)
    return "it closed the connection during the handshake";
  return fmt::format("handshake: {}", error.message());
}

}  // namespace coord::net
