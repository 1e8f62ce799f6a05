// SPDX-License-Identifier: MIT
// Signatures for the simulator and tests: nobody can forge what a notary does not sign for him, because
// nobody asks the notary of another node. Not cryptography: the keys follow from the seed.
#pragma once

#include <cstdint>

#include "base/random.hpp"
#include "protocol/consensus/notary.hpp"

namespace coord::classical {

class ToyNotary final : public consensus::Notary {
 public:
  ToyNotary(NodeId self, std::uint64_t seed) : self_(self), seed_(seed) {}

  consensus::Digest digest(ByteView content) const override {
    consensus::Digest digest;
    fill(digest.bytes, hash(content, seed_));
    return digest;
  }
  consensus::Signature sign(ByteView content) const override { return signature_of(self_, content); }
  bool verify(NodeId signer, ByteView content, const consensus::Signature& signature) const override {
    return signature == signature_of(signer, content);
  }

 private:
  template <class Target>
  static void fill(Target& target, std::uint64_t word) {
    Random random(word);
    for (std::size_t i = 0; i < target.size(); i += 8) {
      const std::uint64_t part = i == 0 ? word : random.next();
      for (std::size_t byte = 0; byte < 8; ++byte) {
        target[i + byte] = static_cast<std::uint8_t>(part >> (8 * byte));
      }
    }
  }
  // FNV-1a, finished by SplitMix64.
  static std::uint64_t hash(ByteView content, std::uint64_t key) {
    std::uint64_t word = 0xcbf29ce484222325U ^ key;
    for (const std::uint8_t byte : content) word = (word ^ byte) * 0x100000001b3U;
    word = (word ^ (word >> 30U)) * 0xbf58476d1ce4e5b9U;
    word = (word ^ (word >> 27U)) * 0x94d049bb133111ebU;
    return word ^ (word >> 31U);
  }
  consensus::Signature signature_of(NodeId signer, ByteView content) const {
    consensus::Signature signature;
    fill(signature.bytes, hash(content, seed_ * 31 + signer.value * 0x9e3779b97f4a7c15U));
    return signature;
  }

  NodeId self_;
  std::uint64_t seed_;
};

}  // namespace coord::classical
