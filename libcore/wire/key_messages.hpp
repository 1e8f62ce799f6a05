// SPDX-License-Identifier: MIT
// What is said about the group's keys (daemon/keys_part.hpp): between peers, over links that are sealed with
// a key that both have; and between `dpeers key` and its own peer. A key's secret is in an order to add it,
// and nowhere else.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "wire/bounds.hpp"

namespace coord::keys {

using Secret = std::array<std::uint8_t, 32>;

enum class Verb : std::uint8_t { list, add, use, remove };
constexpr const char* name_of(Verb value) {
  switch (value) {
    case Verb::list:
      return "list";
    case Verb::add:
      return "add";
    case Verb::use:
      return "use";
    case Verb::remove:
      return "remove";
  }
  return nullptr;
}

// A key as it is told of: `print` tells two apart that have one id, and says nothing of the secret.
struct KeyHere {
  std::string id;
  std::uint64_t print = 0;

  bool operator==(const KeyHere&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<32>(id), print);
  }
};

// ---- between peers

// A state to be reached: said again it does no more.
struct Order {
  std::uint64_t number = 0;
  Verb verb = Verb::list;
  std::string id;
  Secret secret{};          // with add
  std::uint64_t print = 0;  // with use and remove: which one of those with this id
  std::string by{};         // whose order it is, for the log
  bool begins = false;      // with list: a change, and until that is over no other host begins one

  bool operator==(const Order&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, verb, wire::at_most<32>(id), secret, print, wire::text<255>(by), begins);
  }
};

struct Answer {
  std::uint64_t number = 0;
  bool done = false;          // it is so, on the disk too
  std::string why;            // it is not
  std::vector<KeyHere> keys;  // of this host: it sends by the first, and takes what comes by any of them
  bool is_busy = false;       // with the change of another host

  bool operator==(const Answer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number, done, wire::text<300>(why), wire::at_most<16>(keys), is_busy);
  }
};

using ToPeer = std::variant<Order, Answer>;

// ---- a tool and its own peer

struct Ask {
  Verb verb = Verb::list;
  std::string id;
  std::optional<Secret> secret;  // of a new key; none: one that this host has already

  bool operator==(const Ask&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(verb, wire::at_most<32>(id), secret);
  }
};

struct OfHost {
  std::string name;
  bool local = false;
  bool answered = false;
  bool done = false;
  std::string why;
  std::vector<KeyHere> keys;

  bool operator==(const OfHost&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<64>(name), local, answered, done, wire::text<300>(why), wire::at_most<16>(keys));
  }
};

// In pieces, the hosts in their order.
struct Told {
  std::string refused;    // why nothing was done; empty: it was
  bool is_wrong = false;  // it cannot be done as asked (64); else not now (69)
  std::vector<OfHost> hosts;
  bool last = false;

  bool operator==(const Told&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::text<1024>(refused), is_wrong, wire::at_most<256>(hosts), last);
  }
};

}  // namespace coord::keys
