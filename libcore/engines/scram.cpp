// SPDX-License-Identifier: MIT
#include "engines/scram.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/format.hpp"
#include "engines/marks.hpp"

namespace coord::engines {

namespace {

constexpr std::size_t digest_bytes = 32;
constexpr std::uint64_t rounds_limit = 100'000;  // 4,096 are usual
using Digest = std::array<unsigned char, digest_bytes>;

Digest hmac(const unsigned char* key, std::size_t size, std::string_view text) {
  Digest out{};
  unsigned length = digest_bytes;
  ::HMAC(::EVP_sha256(), key, static_cast<int>(size), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), out.data(), &length);
  return out;
}

std::string base64(const Digest& digest) {
  std::array<unsigned char, 64> text{};
  const int size = ::EVP_EncodeBlock(text.data(), digest.data(), digest_bytes);
  return {text.begin(), text.begin() + size};
}

std::optional<std::vector<unsigned char>> from_base64(const std::string& text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > 1024) return std::nullopt;
  std::vector<unsigned char> out(text.size());
  const int size = ::EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  std::size_t filled = static_cast<std::size_t>(size);
  for (std::size_t i = 1; i <= 2 && text[text.size() - i] == '='; ++i) --filled;
  out.resize(filled);
  return out;
}

// The value of `name` in `a=...,b=...`.
std::string attribute(std::string_view text, char name) {
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    if (one.size() >= 2 && one[0] == name && one[1] == '=') return std::string(one.substr(2));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
  }
  return {};
}

}  // namespace

Scram::Scram(std::string password, std::string nonce)
    : password_(std::move(password)), nonce_(std::move(nonce)) {}

std::string Scram::first() const {
  return fmt::format("n,,n=,r={}", nonce_);
}

std::optional<std::string> Scram::proof(const std::string& server_first) {
  const std::string nonce = attribute(server_first, 'r');
  const auto salt = from_base64(attribute(server_first, 's'));
  const auto rounds = marks::number_in(attribute(server_first, 'i'), 10);
  if (!nonce.starts_with(nonce_) || nonce.size() == nonce_.size() || !salt || !rounds) return std::nullopt;
  if (*rounds == 0 || *rounds > rounds_limit) return std::nullopt;
  Digest salted{};
  ::PKCS5_PBKDF2_HMAC(password_.data(), static_cast<int>(password_.size()), salt->data(),
                      static_cast<int>(salt->size()), static_cast<int>(*rounds), ::EVP_sha256(), digest_bytes,
                      salted.data());
  const std::string unproven = fmt::format("c=biws,r={}", nonce);
  const std::string said = fmt::format("n=,r={},{},{}", nonce_, server_first, unproven);
  const Digest client = hmac(salted.data(), salted.size(), "Client Key");
  Digest stored{};
  unsigned length = digest_bytes;
  ::EVP_Digest(client.data(), client.size(), stored.data(), &length, ::EVP_sha256(), nullptr);
  const Digest signature = hmac(stored.data(), stored.size(), said);
  Digest proven{};
  for (std::size_t i = 0; i < digest_bytes; ++i)
    proven.at(i) = static_cast<unsigned char>(client.at(i) ^ signature.at(i));
  const Digest server = hmac(salted.data(), salted.size(), "Server Key");
  server_signature_ = base64(hmac(server.data(), server.size(), said));
  return fmt::format("{},p={}", unproven, base64(proven));
}

bool Scram::is_server(const std::string& server_final) const {
  const std::string said = attribute(server_final, 'v');
  return !server_signature_.empty() && said.size() == server_signature_.size() &&
         ::CRYPTO_memcmp(said.data(), server_signature_.data(), said.size()) == 0;
}

}  // namespace coord::engines
