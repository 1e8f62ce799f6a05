// SPDX-License-Identifier: MIT
// Whatever comes by UDP: nothing crashes, only what has the key is answered, and no answer is larger.
#include "base/check.hpp"
#include "net/sealed_datagrams.hpp"

using namespace coord;
using namespace coord::net;

namespace {

SealedDatagrams make_end(const std::string& self, std::uint8_t life) {
  SealedDatagrams::Config config{self, {"a", "b"}, {}, KeyRing({{"k1", SecretKey(Bytes(key_size, 1))}}),
                                 {},   {}};
  config.life.fill(life);
  config.draw = [n = std::uint8_t{0}]() mutable {
    ChallengeNonce nonce{};
    nonce.fill(++n == 0 ? ++n : n);
    return nonce;
  };
  return SealedDatagrams(std::move(config));
}

// b, which knows a: the seeds are what a sends to it (the golden bytes of tests/unit/net_datagram_test.cpp).
SealedDatagrams& met() {
  static SealedDatagrams target = [] {
    SealedDatagrams a = make_end("a", 0x11);
    SealedDatagrams b = make_end("b", 0x44);
    const Instant now = Instant{} + std::chrono::hours(1);
    const auto answer = a.receive(now, b.tick(now).front().bytes).outgoing;
    COORD_CHECK(answer.size() == 1);
    b.receive(now, answer.front().bytes);
    COORD_CHECK(b.status("a").known);
    return b;
  }();
  return target;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Instant now = Instant{} + std::chrono::hours(1);
  now += std::chrono::milliseconds(1);
  const ByteView datagram(data, size);
  const auto raw = parse_raw_datagram(datagram);
  COORD_CHECK(!raw || raw->header.size() + raw->rest.size() == size);
  const DatagramStatus before = met().status("a");
  const auto step = met().receive(now, datagram);
  COORD_CHECK(step.outgoing.size() <= 1);
  for (const auto& out : step.outgoing) COORD_CHECK(out.peer == "a" && out.bytes.size() <= size);
  const DatagramStatus after = met().status("a");
  COORD_CHECK(after.received == before.received + (step.received ? 1 : 0));
  COORD_CHECK(!step.received || step.received->payload.size() <= sealed_payload_limit);
  return 0;
}
