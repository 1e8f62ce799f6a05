// SPDX-License-Identifier: MIT
// What sites of decisions say to each other and to tools, and the files with what they have promised.
#include "agreements/messages.hpp"
#include "agreements/shelf.hpp"
#include "agreements/signing.hpp"
#include "base/random.hpp"
#include "decoder.hpp"
#include "sim/disk.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coord;
  sim::VirtualDisk disk(Random(1));
  auto file = disk.create("agreement-7");
  COORD_CHECK(file.ok() && (*file)->write(0, ByteView(data, size)).ok());
  (void)agreements::read_shelf(disk, 1);
  (void)agreements::parse_peer_keys({reinterpret_cast<const char*>(data), size});
  (void)fuzz::check_decoder<agreements::ToPeer>(data, size);
  (void)fuzz::check_decoder<agreements::AnyItem>(data, size);
  (void)fuzz::check_decoder<agreements::FromTool>(data, size);
  return fuzz::check_decoder<agreements::ToTool>(data, size);
}
