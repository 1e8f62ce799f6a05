// SPDX-License-Identifier: MIT
// What comes from an engine: HTTP/2 and etcd's messages from a server that may be any program, frames and
// states of ours that another program may have changed, and a whole adapter that is told such bytes.
#include "base/check.hpp"
#include "engines/etcd.hpp"
#include "replica/engine_frame.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coord;
  const ByteView bytes(data, size);
  if (const auto entry = replica::decode_engine_entry(bytes); entry && *entry)
    COORD_CHECK(replica::encode(**entry) == Bytes(bytes.begin(), bytes.end()));
  if (const auto state = replica::decode_engine_state(bytes)) (void)replica::encode(*state);
  (void)replica::decode_engine_memory(bytes);
  (void)engines::etcd::read_range(bytes);
  (void)engines::etcd::read_transaction(bytes);
  (void)engines::etcd::read_watch(bytes);

  engines::Etcd etcd({"p/", "", "", 1}, "host:1", false);
  const Instant now{std::chrono::seconds(1)};
  etcd.begin(now);
  etcd.ask(now, replica::engine::Load{1});
  etcd.ask(now, replica::engine::Barrier{2});
  // In two pieces, as it may come.
  etcd.receive(now, bytes.first(size / 2));
  etcd.receive(now, bytes.subspan(size / 2));
  etcd.tick(now + std::chrono::seconds(9));
  (void)etcd.take();
  return 0;
}
