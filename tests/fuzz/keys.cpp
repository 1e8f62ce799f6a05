// SPDX-License-Identifier: MIT
// Key files and the identities that strangers show: no content crashes the parsers,
// and no refusal repeats a key.
#include "base/check.hpp"
#include "net/address.hpp"
#include "net/key_file.hpp"
#include "net/psk.hpp"

using namespace coord;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto keys = net::parse_keys(text, "file");
  COORD_CHECK(keys.ok() ? !keys->keys().empty() : keys.error().text().size() < 200);
  const auto identity = net::decode_identity({data, size});
  COORD_CHECK(!identity.ok() || net::encode_identity(*identity) == Bytes(data, data + size));
  const auto address = net::parse_address(text);
  COORD_CHECK(!address.ok() || net::parse_address(address->text()).ok());
  return 0;
}
