#include "decoder.hpp"
#include "service/state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return coord::fuzz::check_decoder<coord::service::State>(data, size);
}
