// SPDX-License-Identifier: MIT
// What the members of a group say to each other, and the file with their incarnation.
#include "base/random.hpp"
#include "decoder.hpp"
#include "members/incarnation.hpp"
#include "members/messages.hpp"
#include "sim/disk.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coord;
  sim::VirtualDisk disk(Random(1));
  auto file = disk.create(members::incarnation_file);
  COORD_CHECK(file.ok() && (*file)->write(0, ByteView(data, size)).ok());
  const auto read = members::read_incarnation(disk);
  COORD_CHECK(!read.ok() || read->has_value());
  return fuzz::check_decoder<members::Said>(data, size);
}
