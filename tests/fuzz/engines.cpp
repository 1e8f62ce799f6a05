// SPDX-License-Identifier: MIT
// What comes from an engine: HTTP/2 and etcd's messages from a server that may be any program, frames and
// states of ours that another program may have changed, and a whole adapter that is told such bytes.
#include "base/check.hpp"
#include "engines/consul.hpp"
#include "engines/etcd.hpp"
#include "engines/postgres.hpp"
#include "engines/redis.hpp"
#include "engines/scram.hpp"
#include "engines/zookeeper.hpp"
#include "replica/engine_frame.hpp"

namespace {

void tell(coord::engines::Adapter& adapter, coord::ByteView greeting, coord::ByteView bytes) {
  using namespace coord;
  const Instant now{std::chrono::seconds(1)};
  adapter.begin(now);
  adapter.receive(now, greeting);
  adapter.ask(now, replica::engine::Load{1});
  adapter.ask(now, replica::engine::Barrier{2});
  // In two pieces, as it may come.
  adapter.receive(now, bytes.first(bytes.size() / 2));
  adapter.receive(now, bytes.subspan(bytes.size() / 2));
  adapter.tick(now + std::chrono::seconds(9));
  (void)adapter.take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coord;
  const ByteView bytes(data, size);
  if (const auto entry = replica::decode_engine_entry(bytes); entry && *entry)
    COORD_CHECK(replica::encode(**entry) == Bytes(bytes.begin(), bytes.end()));
  if (const auto state = replica::decode_engine_state(bytes)) (void)replica::encode(*state);
  (void)replica::decode_engine_memory(bytes);
  (void)replica::decode_engine_word(bytes);
  (void)engines::etcd::read_status(bytes);
  (void)engines::etcd::read_range(bytes);
  (void)engines::etcd::read_transaction(bytes);
  (void)engines::etcd::read_watch(bytes);

  engines::Etcd etcd({"p/", "", "", 1, {}}, "host:1", false);
  tell(etcd, {}, bytes);
  // What a server says first, so that what follows is read.
  engines::ZooKeeper zookeeper({"p/", "", "", 1, {}}, "host:1");
  const Bytes session = engines::JuteWriter()
                            .number(37)
                            .number(0)
                            .number(6000)
                            .longer(5)
                            .buffer(Bytes(16, 1))
                            .flag(false)
                            .out();
  tell(zookeeper, session, bytes);
  // In an answer, and as all that comes on either connection.
  const auto answer = [](ByteView body) {
    const std::string length = std::to_string(body.size());
    std::string text = "HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\nContent-Length: " + length + "\r\n\r\n";
    text.append(body.begin(), body.end());
    return Bytes(text.begin(), text.end());
  };
  engines::Consul consul({"p/", "", "", 1, {}}, "host:1"), raw({"p/", "", "", 1, {}}, "host:1");
  tell(consul, {}, answer(bytes));
  raw.ask(Instant{}, replica::engine::Load{1});
  raw.receive_on(Instant{}, bytes.size() % 2, bytes);
  (void)engines::consul::read_transaction(std::string(bytes.begin(), bytes.end()));
  (void)engines::consul::read_version(std::string(bytes.begin(), bytes.end()));
  engines::Redis redis({"p/", "", "", 1, {}}, "host:1");
  tell(redis, {}, bytes);
  engines::Postgres postgres({"db/p/", "", "", 1, "nonce"}, "host:1", false);
  tell(postgres, {}, bytes);
  (void)engines::Scram("password", "nonce").proof(std::string(bytes.begin(), bytes.end()));
  return 0;
}
