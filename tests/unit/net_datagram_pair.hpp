// SPDX-License-Identifier: MIT
// Two ends of sealed datagrams without a socket: the test is the network between them.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "net/sealed_datagrams.hpp"

namespace coord::net::test {

using namespace std::chrono_literals;

inline std::array<std::uint8_t, 16> block_of(Random& random) {
  std::array<std::uint8_t, 16> block{};
  for (auto& byte : block) byte = static_cast<std::uint8_t>(random.next());
  return block;
}

struct EndOptions {
  std::uint64_t seed = 1;
  std::vector<std::pair<std::string, std::uint8_t>> keys = {{"k1", 1}};
  std::uint8_t group = 7;
  std::set<std::string> peers = {"a", "b", "c"};
};

inline KeyRing ring_of(const std::vector<std::pair<std::string, std::uint8_t>>& keys) {
  std::vector<ClusterKey> all;
  for (const auto& [id, byte] : keys) all.push_back({id, SecretKey(Bytes(key_size, byte))});
  return KeyRing(std::move(all));
}

inline SealedDatagrams make_end(const std::string& self, const EndOptions& options = {}) {
  Random random(options.seed * 1000 + static_cast<unsigned char>(self.front()));
  SealedDatagrams::Config config{self, options.peers, {}, ring_of(options.keys), block_of(random), {}};
  config.group.fill(options.group);
  config.draw = [random]() mutable { return block_of(random); };
  return SealedDatagrams(std::move(config));
}

// Carries what `from` sends to `to`, and the answers back, until nothing is left. Gives all the datagrams
// that passed, in their order.
inline std::vector<Bytes> exchange(Instant now, SealedDatagrams& a, const std::string& a_name,
                                   SealedDatagrams& b, const std::string& b_name,
                                   std::vector<SealedDatagrams::Outgoing> from_a) {
  std::deque<std::pair<bool, Bytes>> under_way;
  const auto put = [&](bool to_b, std::vector<SealedDatagrams::Outgoing> all) {
    for (auto& out : all)
      if (out.peer == (to_b ? b_name : a_name)) under_way.emplace_back(to_b, std::move(out.bytes));
  };
  put(true, std::move(from_a));
  std::vector<Bytes> passed;
  while (!under_way.empty()) {
    const auto [to_b, bytes] = std::move(under_way.front());
    under_way.pop_front();
    passed.push_back(bytes);
    put(!to_b, (to_b ? b : a).receive(now, bytes).outgoing);
  }
  return passed;
}

// Both know each other's life. All that was sent for it.
inline std::vector<Bytes> meet(Instant now, SealedDatagrams& a, const std::string& a_name, SealedDatagrams& b,
                               const std::string& b_name) {
  return exchange(now, a, a_name, b, b_name, a.tick(now));
}

inline Bytes text(std::string_view words) {
  const ByteView bytes = bytes_of(words);
  return {bytes.begin(), bytes.end()};
}

}  // namespace coord::net::test
