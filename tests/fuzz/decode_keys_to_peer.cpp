// SPDX-License-Identifier: MIT
#include "decoder.hpp"
#include "wire/key_messages.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return coord::fuzz::check_decoder<coord::keys::ToPeer>(data, size);
}
