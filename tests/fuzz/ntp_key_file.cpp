// SPDX-License-Identifier: MIT
// Any text as a key file.
#include <string_view>

#include "base/check.hpp"
#include "ntpprobe/symmetric_key.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coord;
  const auto key = ntpprobe::find_key(std::string_view(reinterpret_cast<const char*>(data), size), 1, "keys");
  if (!key) {
    COORD_CHECK(key.error().kind == ErrorKind::data);
    return 0;
  }
  const Bytes field = key->mac_field(ByteView(data, size));
  COORD_CHECK(field.size() == 20 || field.size() == 24);
  COORD_CHECK(key->verifies(ByteView(data, size), ByteView(field).subspan(4)));
  return 0;
}
