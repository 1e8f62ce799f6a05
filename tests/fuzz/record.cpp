// SPDX-License-Identifier: MIT
// Whatever a file says, reading it ends in a snapshot or an error with its line; and what was read is written
// and read back as the same.
#include "base/check.hpp"
#include "snapshot/record_text.hpp"

using namespace coord;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = record::from_text(text, "file");
  if (!read) {
    COORD_CHECK(read.error().object.starts_with("file"));
    COORD_CHECK(!read.error().what.empty());
    return 0;
  }
  const auto written = record::to_text(*read);
  if (!written) return 0;
  const auto again = record::from_text(*written, "file");
  COORD_CHECK(again.ok() && *again == *read);
  return 0;
}
