// SPDX-License-Identifier: MIT
// What hosts of a ring say to each other, and tools to a ring.
#include "decoder.hpp"
#include "ring/copies.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coord;
  fuzz::check_decoder<ring::Request>(data, size);
  fuzz::check_decoder<ring::Answer>(data, size);
  return fuzz::check_decoder<ring::copies::Message>(data, size);
}
