// SPDX-License-Identifier: MIT
#include "classical/overlay.hpp"

#include <algorithm>
#include <charconv>

#include "base/format.hpp"
#include "classical/adapter.hpp"

namespace coord::classical {

chord::Id id_of_six_bits(std::uint64_t number) {
  constexpr unsigned bits = 6;
  chord::Id id;
  id.words[0] = static_cast<std::uint32_t>(number << (32U - bits));
  return id;
}

std::vector<chord::Id> places_of(NodeId node, std::uint64_t count) {
  std::vector<chord::Id> places;
  for (std::uint64_t i = 0; i < count; ++i) places.push_back(chord::drawn_id((node.value << 6U) + i));
  return places;
}

chord::Id id_of_key(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  for (const char letter : key) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  return chord::drawn_id(hash);
}

Result<std::vector<chord::Id>> six_bit_places(std::string_view numbers) {
  std::vector<chord::Id> places;
  while (!numbers.empty()) {
    const std::string_view word = numbers.substr(0, numbers.find(','));
    numbers.remove_prefix(std::min(numbers.size(), word.size() + 1));
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    const chord::Id id = id_of_six_bits(number);
    if (error != std::errc{} || end != word.data() + word.size() || number > 63 ||
        std::ranges::find(places, id) != places.end()) {
      return Error{ErrorKind::usage, "six_bit_places", fmt::format("'{}' is no place", word),
                   "give different numbers from 0 to 63, separated by commas"};
    }
    places.push_back(id);
  }
  return places;
}

chord::List founding_ring(const Group& group, std::uint64_t founders, std::uint64_t places,
                          const std::vector<chord::Id>& given) {
  chord::List all;
  for (const NodeId node : group.nodes) {
    if (founders != 0 && group.rank(node) >= founders) break;
    const auto own = given.empty() ? places_of(node, places) : std::vector{given[group.rank(node)]};
    for (const chord::Id& id : own) all.push_back({id, node, 1});
  }
  std::ranges::sort(all);
  return all;
}

Result<Chord::Core> Chord::make(const Setup& setup, const Given& given) {
  auto six_bits = six_bit_places(given.text("six_bit_places"));
  if (!six_bits) return six_bits.error();
  if (!six_bits->empty() && six_bits->size() != setup.group.size()) {
    return Error{ErrorKind::usage, "six_bit_places", "does not give one place for each node",
                 fmt::format("give {} numbers", setup.group.size())};
  }
  Core::Config config;
  config.self = setup.group.self;
  config.life = setup.life;
  config.places = six_bits->empty() ? places_of(config.self, given.number("places"))
                                    : std::vector{(*six_bits)[setup.group.rank(config.self)]};
  config.known = setup.group.nodes;
  config.hosts = given.number("hosts");
  config.interval = given.duration("interval_ms");
  config.patience = given.duration("patience_ms");
  Core core(config);
  const std::uint64_t founders = given.number("founders");
  // Who was started anew must join like all others.
  if (setup.life == 1 && (founders == 0 || setup.group.rank(config.self) < founders)) {
    static_cast<void>(core.step(
        setup.now, Core::Found{founding_ring(setup.group, founders, config.places.size(), *six_bits)}));
  }
  return core;
}

std::string Chord::state(const Core& core) {
  switch (core.phase()) {
    case Core::Phase::outside:
      return "outside";
    case Core::Phase::joining:
      return "joining";
    case Core::Phase::inside:
      return "inside";
    case Core::Phase::left:
      return "left";
  }
  return "";
}

std::vector<Algorithm> overlays() {
  return {algorithm<Chord>()};
}

}  // namespace coord::classical
