// SPDX-License-Identifier: MIT
// What an algorithm must say of itself to be one of the registry's: a struct of static members.
//
//   struct Paxos {
//     using Core = consensus::Paxos;                         // of protocol/shape.hpp
//     static constexpr Identity identity{"paxos", "consensus", "a majority promises, then accepts (...)"};
//     static constexpr std::array options = {duration_option("retry_ms", 0, 300, "...")};
//     static constexpr std::array<std::string_view, 6> types = {"prepare", "promise", ...};
//     static std::string_view type_of(const Core::Message&); // one of `types`
//     static std::string describe(const Core::Message&);     // for traces
//     static Result<Core> make(const Setup&, const Given& options, const Durable* restored);
//     static Core::Event event(const Propose&);              // the wishes that it takes; one that has to be
//     static Core::Event event(const Propose&, std::uint64_t sequence);  // told apart, over all lives too
//     static std::optional<Told> told(const Core::Decided&); // every action that is neither Send nor stored
//     static std::string state(const Core&);
//     // Only if it has a Durable; else make() has two parameters, and a node that forgot may not come back:
//     using Durable = Core::Durable;
//     using Record = std::variant<Core::Persist>;            // the actions that are stored
//     static std::string key(const Core::Persist&);          // what it takes the place of
//     static void apply(Durable&, const Core::Persist&);
//   };
//
// An action that is left out does not compile. The simulator's models (catalogue/) use the same struct.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "classical/instance.hpp"
#include "classical/options.hpp"

namespace coord::classical {

struct Identity {
  std::string_view name;  // as on the command line
  std::string_view family;
  std::string_view summary;  // one line, with the paper
  std::size_t least_nodes = 1;
  bool never_idle = false;  // it sends for ever
};

inline constexpr std::size_t nodes_limit = 1024;

// Whether the group is one, and has enough nodes.
Status check(const Identity& identity, const Group& group);

// What stands of a type in Traits::types, for messages that are a variant.
template <class Traits, class Message>
std::string_view type_by_index(const Message& message) {
  static_assert(std::variant_size_v<Message> == Traits::types.size());
  return Traits::types[message.index()];
}

template <class Traits>
concept Stores = requires {
  typename Traits::Durable;
};

// The pure object. No bytes are needed here.
template <class Traits>
Result<typename Traits::Core> make_core(const Setup& setup) requires(!Stores<Traits>) {
  if (Status fits = check(Traits::identity, setup.group); !fits) return fits.error();
  auto given = Given::read(Traits::identity.name, Traits::options, setup.options);
  if (!given) return given.error();
  return Traits::make(setup, *given);
}
template <Stores Traits>
Result<typename Traits::Core> make_core(const Setup& setup, const typename Traits::Durable* restored) {
  if (Status fits = check(Traits::identity, setup.group); !fits) return fits.error();
  auto given = Given::read(Traits::identity.name, Traits::options, setup.options);
  if (!given) return given.error();
  return Traits::make(setup, *given, restored);
}

inline constexpr std::span<const Option> no_options{};

// "waiting for 2 3"
std::string list(std::string_view before, const std::set<NodeId>& nodes);

}  // namespace coord::classical
