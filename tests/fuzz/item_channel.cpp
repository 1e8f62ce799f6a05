// SPDX-License-Identifier: MIT
// Bytes that are said to be a message of a channel between two lives (protocol/channel): nothing, or a
// message that is written as the same bytes; and what any number of them do to a channel crashes nothing,
// hangs nothing and keeps no more than its window.
#include <optional>

#include "base/check.hpp"
#include "protocol/channel/channel.hpp"

using namespace coord;

namespace {

constexpr int messages_a_life = 256;

channel::Limits small() {
  channel::Limits limits;
  limits.longest_item = 4096;
  limits.fragment = 512;
  limits.window = 8192;
  limits.queue = 8192;
  return limits;
}

// To these lives, for it would be dropped else.
void of_lives(channel::Message& message) {
  std::visit(
      [](auto& of) {
        of.from = 2;
        of.to = 1;
      },
      message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::optional<channel::Channel> live;
  static std::uint64_t inputs = 0;
  static Instant now{};
  now += std::chrono::milliseconds(10);
  if (++inputs % messages_a_life == 1) live.emplace(1, 2, small());
  auto message = channel::decode({data, size});
  if (!message) return 0;
  const Bytes again = channel::encode(*message);
  COORD_CHECK(again == Bytes(data, data + size));
  of_lives(*message);
  if (live->has_room()) live->offer({data, size < 64 ? size : 64});
  live->receive(now, *message);
  for (const channel::Message& said : live->poll(now)) COORD_CHECK(channel::decode(channel::encode(said)));
  while (live->front() != nullptr) {
    COORD_CHECK(live->front()->size() <= small().longest_item);
    live->done(live->take());
  }
  return 0;
}
