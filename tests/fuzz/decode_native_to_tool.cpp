// SPDX-License-Identifier: MIT
#include "decoder.hpp"
#include "wire/native_messages.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return coord::fuzz::check_decoder<coord::native::ToTool>(data, size);
}
