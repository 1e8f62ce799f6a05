// SPDX-License-Identifier: MIT
#include "decoder.hpp"
#include "wire/introduction.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)coord::fuzz::check_decoder<coord::wire::IntroductionQuestion>(data, size);
  return coord::fuzz::check_decoder<coord::wire::Introduction>(data, size);
}
