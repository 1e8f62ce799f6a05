// SPDX-License-Identifier: MIT
#include "net/ed25519.hpp"

#include <openssl/evp.h>

#include "base/check.hpp"

namespace coord::net {

struct Ed25519Key::Native {
  std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key;
};

namespace {

using NativeKey = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)>;

DigestContext new_digest_context() {
  return {::EVP_MD_CTX_new(), &::EVP_MD_CTX_free};
}

}  // namespace

Ed25519Key::Ed25519Key(const SecretKey& secret)
    : native_(new Native{{::EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret.data(), key_size),
                          &::EVP_PKEY_free}}) {
  std::size_t size = public_.size();
  COORD_CHECK(native_->key && ::EVP_PKEY_get_raw_public_key(native_->key.get(), public_.data(), &size) == 1 &&
              size == public_.size());
}

Ed25519Key::Ed25519Key(Ed25519Key&&) noexcept = default;
Ed25519Key::~Ed25519Key() = default;

Ed25519Signature Ed25519Key::sign(ByteView content) const {
  Ed25519Signature signature{};
  std::size_t size = signature.size();
  const DigestContext context = new_digest_context();
  COORD_CHECK(context &&
              ::EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, native_->key.get()) == 1 &&
              ::EVP_DigestSign(context.get(), signature.data(), &size, content.data(), content.size()) == 1);
  return signature;
}

bool verify_ed25519(const Ed25519Public& key, ByteView content, const Ed25519Signature& signature) {
  const NativeKey native(::EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
                         &::EVP_PKEY_free);
  const DigestContext context = new_digest_context();
  if (!native || !context) return false;
  if (::EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, native.get()) != 1) return false;
  return ::EVP_DigestVerify(context.get(), signature.data(), signature.size(), content.data(),
                            content.size()) == 1;
}

std::array<std::uint8_t, 32> sha256(ByteView content) {
  std::array<std::uint8_t, 32> digest{};
  unsigned size = 0;
  COORD_CHECK(::EVP_Digest(content.data(), content.size(), digest.data(), &size, ::EVP_sha256(), nullptr) ==
                  1 &&
              size == digest.size());
  return digest;
}

}  // namespace coord::net
