// SPDX-License-Identifier: MIT
// What is said about snapshots, between peers and to tools.
#include "decoder.hpp"
#include "wire/group_snapshot.hpp"
#include "wire/kept_snapshots.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coord;
  (void)fuzz::check_decoder<wire::GroupSnapshotMessage>(data, size);
  (void)fuzz::check_decoder<wire::SnapshotColour>(data, size);
  (void)fuzz::check_decoder<wire::ColouredDatagram>(data, size);
  (void)fuzz::check_decoder<local::TakeGroupSnapshot>(data, size);
  (void)fuzz::check_decoder<local::GroupSnapshotAnswer>(data, size);
  (void)fuzz::check_decoder<local::KeptRequest>(data, size);
  return fuzz::check_decoder<local::KeptAnswer>(data, size);
}
