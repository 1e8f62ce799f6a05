// SPDX-License-Identifier: MIT
// Bytes that nobody changes any more, and that many may have: a copy costs nothing, whatever their size. For
// what is large and goes from hand to hand, as a snapshot does between a protocol, its disk and its links.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>

#include "base/bytes.hpp"

namespace coord {

class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(Bytes bytes) : bytes_(std::make_shared<const Bytes>(std::move(bytes))) {}
  SharedBytes(std::initializer_list<std::uint8_t> bytes) : SharedBytes(Bytes(bytes)) {}

  const Bytes& get() const {
    static const Bytes none;
    return bytes_ ? *bytes_ : none;
  }
  operator ByteView() const { return get(); }
  std::size_t size() const { return get().size(); }
  auto begin() const { return get().begin(); }
  auto end() const { return get().end(); }
  bool operator==(const SharedBytes& other) const { return get() == other.get(); }

 private:
  std::shared_ptr<const Bytes> bytes_;
};

}  // namespace coord
