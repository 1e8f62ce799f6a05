// SPDX-License-Identifier: MIT
// The Chord ring. Its ids are drawn, not hashed: nobody looks for a key by name here.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "classical/traits.hpp"
#include "protocol/chord/chord.hpp"

namespace coord::classical {

// Where the places of a node are: drawn by its number, or as an option says.
std::vector<chord::Id> places_of(NodeId node, std::uint64_t count);
// "0,14,32": one place a node, on a ring of 64.
Result<std::vector<chord::Id>> six_bit_places(std::string_view numbers);
chord::Id id_of_six_bits(std::uint64_t number);
// All members of the ring that the first `founders` of the group begin with.
chord::List founding_ring(const Group& group, std::uint64_t founders, std::uint64_t places,
                          const std::vector<chord::Id>& given);
chord::Id id_of_key(std::string_view key);

struct Chord {
  using Core = chord::Chord;
  static constexpr Identity identity{"chord", "overlay",
                                     "a ring with fingers (Stoica et al. 2003; Zave 2017)", 2, true};
  static constexpr std::array options{
      number_option("founders", 0, nodes_limit, 0, "how many of the nodes the ring begins with; 0: all"),
      number_option("places", 1, 64, 1, "virtual nodes of each"),
      number_option("hosts", 1, 16, 2, "how many distinct nodes a list of successors names"),
      duration_option("interval_ms", 1, 500, "from one stabilize to the next"),
      duration_option("patience_ms", 1, 500, "until a request is sent again, and until it is given up"),
      text_option("six_bit_places", "one place of each node, 0 to 63, in place of drawn ones")};
  static constexpr std::array<std::string_view, 7> types = {
      "ask", "answer", "notify", "find-route", "route-found", "who-are-you", "places"};
  static Result<Core> make(const Setup& setup, const Given& given);
  static std::string_view type_of(const Core::Message& message) { return chord::type_of(message); }
  static std::string describe(const Core::Message& message) { return chord::text(message); }
  static Core::Event event(const Enter&) { return Core::Join{}; }
  static Core::Event event(const Leave&) { return Core::Leave{}; }
  static Core::Event event(const Find& wish, std::uint64_t sequence) {
    return Core::Find{sequence, id_of_key(wish.key)};
  }
  static std::optional<Told> told(const Core::Joined&) { return Completed{}; }
  static std::optional<Told> told(const Core::Owners& what) {
    return what.owners.empty() ? Told{Refused{"nobody could be asked"}}
                               : Told{Owned{what.owners.front().host}};
  }
  static std::string state(const Core& core);
};

}  // namespace coord::classical
