// SPDX-License-Identifier: MIT
// What peers say to each other of casts, and what a member does with it; what tools say, and bodies.
#include "casts/messages.hpp"
#include "decoder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace coord;
  if (const auto said = wire::decode<casts::ToPeer>(ByteView(data, size), {.version = 2})) {
    broadcast::Gossip::Config config;
    config.self = NodeId{1};
    broadcast::Gossip gossip(config);
    const Instant now = Instant{} + std::chrono::hours(1);
    (void)gossip.step(now, broadcast::Gossip::Members{{NodeId{2}, NodeId{3}}, {NodeId{2}, NodeId{3}}});
    (void)gossip.step(now, broadcast::Gossip::Begin{"own", {}});
    if (const auto* message = std::get_if<broadcast::GossipMessage>(&*said))
      for (int i = 0; i < 2; ++i) (void)gossip.step(now, broadcast::Gossip::Receive{NodeId{2}, *message});
    (void)gossip.step(now + std::chrono::minutes(11), broadcast::Gossip::Tick{});
    broadcast::Gather gather({.self = NodeId{1}});
    (void)gather.step(now, broadcast::Gather::Begin{"own", {NodeId{2}, NodeId{3}}, std::chrono::seconds(1)});
    if (const auto* message = std::get_if<broadcast::GatherMessage>(&*said))
      for (int i = 0; i < 2; ++i) (void)gather.step(now, broadcast::Gather::Receive{NodeId{2}, *message});
    (void)gather.step(now + std::chrono::seconds(2), broadcast::Gather::Tick{});
  }
  (void)fuzz::check_decoder<casts::ToPeer>(data, size);
  (void)fuzz::check_decoder<casts::Letter>(data, size);
  (void)fuzz::check_decoder<casts::AnswerText>(data, size);
  (void)fuzz::check_decoder<casts::FromTool>(data, size);
  return fuzz::check_decoder<casts::ToTool>(data, size);
}
