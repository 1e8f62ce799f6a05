// SPDX-License-Identifier: MIT
// TLS 1.3 by an external pre-shared key, and nothing else of TLS: no certificates, no tickets, no early data,
// one suite of SHA-256, always with an ephemeral Diffie-Hellman exchange (psk_dhe_ke), so that a key that
// leaks later opens nothing recorded before. Which key it is: net/psk.hpp.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <map>
#include <set>
#include <string>

#include "base/result.hpp"
#include "net/key_file.hpp"
#include "net/psk.hpp"

namespace coord::net {

enum class Side { initiator, responder };

// One handshake's part in the choice of the key; lives as long as its SSL object.
struct Handshake {
  Side side = Side::responder;
  std::string
      peer;  // initiator: whom it dials. Responder: who the other side has proven to be, once it is done
  std::string refusal;  // in our words, if we refused it
  std::string key_id;   // of the key that it is made with
  Bytes identity;       // initiator: what it showed
};

// The TLS context of a peer. Not movable: the context points back at it.
class TlsSettings {
 public:
  // `peers`: the names that may speak to this one; `self` is never among them.
  TlsSettings(std::string self, std::set<std::string> peers, KeyRing keys);
  TlsSettings(const TlsSettings&) = delete;
  TlsSettings& operator=(const TlsSettings&) = delete;

  boost::asio::ssl::context& context() { return context_; }
  // Who may speak to this one from now on.
  void set_peers(std::set<std::string> peers);
  // For connections made from now on. Answers with the ids of those that are gone, or stand for another key.
  std::set<std::string> set_keys(KeyRing keys);
  // The id of the key that another side has offered in this name and not proven to have: whoever that is.
  std::string offered_by(const std::string& peer) const;
  void proven(const std::string& peer) { offered_.erase(peer); }
  const std::string& own_key_id() const { return keys_.sending().id; }
  void attach(SSL* ssl, Handshake& handshake);

 private:
  static int use_session(SSL* ssl, const EVP_MD* digest, const unsigned char** id, std::size_t* id_size,
                         SSL_SESSION** session);
  static int find_session(SSL* ssl, const unsigned char* id, std::size_t id_size, SSL_SESSION** session);
  // The key that the other side claims to have, or why it is refused.
  Result<SecretKey> key_for(ByteView identity, Handshake& handshake) const;

  std::string self_;
  std::set<std::string> peers_;
  KeyRing keys_;
  mutable std::map<std::string, std::string> offered_;  // by peers' names only
  boost::asio::ssl::context context_;
};

// Why a handshake failed, in words that say what to do; `error` is Asio's.
std::string handshake_failure(const Handshake& handshake, const boost::system::error_code& error);

}  // namespace coord::net
