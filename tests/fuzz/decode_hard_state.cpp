// SPDX-License-Identifier: MIT
#include "decoder.hpp"
#include "protocol/raft/types.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return coord::fuzz::check_decoder<coord::raft::HardState>(data, size);
}
