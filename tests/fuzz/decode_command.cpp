// SPDX-License-Identifier: MIT
#include "decoder.hpp"
#include "service/commands.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return coord::fuzz::check_decoder<coord::service::Command>(data, size);
}
