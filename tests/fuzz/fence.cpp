// SPDX-License-Identifier: MIT
// A fence record that holds anything: it is read or refused, and what was read can be raised.
#include "store/fence.hpp"

#include "base/check.hpp"
#include "sim/disk.hpp"

using namespace coord;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sim::VirtualDisk disk{Random(1)};
  const auto file = std::move(disk.create("f").value());
  const ByteView first(data, size / 2), second(data + size / 2, size - size / 2);
  COORD_CHECK(file->write(0, first).ok());
  if (!second.empty()) COORD_CHECK(file->write(4096, second).ok());
  auto record = store::FenceRecord::read(*file, "f");
  if (!record) return 0;
  const Token above{record->highest().value_or(Token{0}).value | 1U};
  COORD_CHECK(record->admits(above) && record->raise(*file, above).ok());
  const auto again = store::FenceRecord::read(*file, "f");
  COORD_CHECK(again.ok() && again->highest() == above);
  return 0;
}
