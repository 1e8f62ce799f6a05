// SPDX-License-Identifier: MIT
// How long a put and a get of a ring take over a connection that is kept, one after the other.
//
// usage: ring_bench SOCKET COUNT BYTES
//
// Prints `put MICROSECONDS` and `get MICROSECONDS`, medians. scripts/bench-chord runs it.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/local_connection.hpp"
#include "process/boot_time.hpp"
#include "ring/answers.hpp"
#include "wire/channel.hpp"
#include "wire/codec.hpp"
#include "wire/local.hpp"
#include "wire/local_part.hpp"

namespace {

using namespace coord;

constexpr auto channel = static_cast<std::uint16_t>(wire::Channel::ring);

[[noreturn]] void fail(const std::string& why) {
  (void)std::fprintf(stderr, "ring_bench: %s\n", why.c_str());
  std::exit(1);
}

// Microseconds until it is answered as it is to be.
template <class Wanted>
double ask(engine::LocalConnection& peer, const ring::Request& what) {
  static std::uint64_t last = 0;
  const Instant begin = process::boot_now();
  if (!peer.send(local::Request(local::ToPart{++last, channel, wire::encode(what)}))) fail("it is not sent");
  for (;;) {
    auto answer = peer.wait(begin + std::chrono::seconds(30));
    if (!answer || !*answer) fail("the peer does not answer");
    const auto* of_part = std::get_if<local::FromPart>(&**answer);
    if (of_part == nullptr || of_part->channel != channel || of_part->request != last) continue;
    const auto read = wire::decode<ring::Answer>(of_part->bytes);
    if (!read || !std::holds_alternative<Wanted>(*read)) fail("it is answered otherwise");
    return static_cast<double>((process::boot_now() - begin).count()) / 1000.0;
  }
}

double median(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) fail("usage: ring_bench SOCKET COUNT BYTES");
  auto peer = engine::LocalConnection::open(argv[1], "ring_bench");
  if (!peer) fail(peer.error().text());
  const int count = std::max(1, std::atoi(argv[2]));
  const Bytes value(static_cast<std::size_t>(std::max(0, std::atoi(argv[3]))), 'v');
  std::vector<double> puts, gets;
  for (int i = 0; i < count; ++i) {
    const std::string key = "bench-" + std::to_string(i);
    puts.push_back(ask<ring::Stored>(*peer, ring::Put{"main", key, value.size(), value, {}}));
    gets.push_back(ask<ring::Found>(*peer, ring::Get{"main", key, {}, 0}));
  }
  std::printf("put %.0f\nget %.0f\n", median(puts), median(gets));
  return 0;
}
