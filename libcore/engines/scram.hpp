// SPDX-License-Identifier: MIT
// SCRAM-SHA-256 (RFC 5802, 7677), the client's part: a password is proven, and that the server knows it,
// without sending it. No channel binding. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace coord::engines {

class Scram {
 public:
  // `nonce`: drawn anew for each connection; printable, without a comma.
  Scram(std::string password, std::string nonce);

  std::string first() const;
  // What is said to the server's first message. Nothing: that is none.
  std::optional<std::string> proof(const std::string& server_first);
  // Does the server know the password?
  bool is_server(const std::string& server_final) const;

 private:
  const std::string password_, nonce_;
  std::string server_signature_;  // as it is to be said
};

}  // namespace coord::engines
