// SPDX-License-Identifier: MIT
// Digests and signatures, as far as protocols need to know of them. A protocol that must withstand liars is
// told who may have said what by this seam; the simulator has one whose keys nobody but itself knows, real
// peers one with real cryptography. Nothing here is secret: implementations are.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace coord::consensus {

struct Digest {
  std::array<std::uint8_t, 32> bytes{};
  auto operator<=>(const Digest&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    for (auto& byte : bytes) archive(byte);
  }
};

struct Signature {
  std::array<std::uint8_t, 64> bytes{};
  bool operator==(const Signature&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    for (auto& byte : bytes) archive(byte);
  }
};

class Notary {
 public:
  virtual ~Notary() = default;
  virtual Digest digest(ByteView content) const = 0;   // no two contents with the same can be found
  virtual Signature sign(ByteView content) const = 0;  // as the node whose notary this is
  virtual bool verify(NodeId signer, ByteView content, const Signature& signature) const = 0;
};

// What is digested and signed: numbers and strings in one unambiguous form.
class Canonical {
 public:
  Canonical& put(std::uint64_t number) {
    for (unsigned shift = 0; shift < 64; shift += 8)
      bytes_.push_back(static_cast<std::uint8_t>(number >> shift));
    return *this;
  }
  Canonical& put(NodeId node) { return put(node.value); }
  Canonical& put(std::string_view text) {
    put(std::uint64_t{text.size()});
    bytes_.insert(bytes_.end(), text.begin(), text.end());
    return *this;
  }
  Canonical& put(const Digest& digest) {
    bytes_.insert(bytes_.end(), digest.bytes.begin(), digest.bytes.end());
    return *this;
  }
  ByteView view() const { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace coord::consensus
