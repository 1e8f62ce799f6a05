// SPDX-License-Identifier: MIT
// How many messages had to follow each other before a site enters: its delays.
//
// Problem: theory counts from the last one's leaving to the next one's entering, or from the wish where
// nobody was inside, and each as the longest chain of messages. A site sees its own messages only. Solution:
// each message says how long the longest chain is, ending with it, since each site's last wish and since the
// last exit, of those that its sender knows. Exits are in one order, for who enters knows of the last one: so
// they are numbered, and the one of the largest number is the last. An exit names the wishes that were known
// when it was made, and those that a third site kept waiting until it heard of it, as an arbiter does: these
// waited for it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>

#include "base/ids.hpp"
#include "wire/bounds.hpp"

namespace coord::agreements {

inline constexpr std::size_t chain_sites = 64;

struct Delays {
  std::uint32_t count = 0;
  bool from_exit = false;  // else from the own wish
};

struct Chains {
  struct Since {
    std::uint64_t number = 0;
    std::uint32_t hops = 0;
    bool operator==(const Since&) const = default;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(number, hops);
    }
  };
  std::map<NodeId, Since> wishes{};
  Since exit{};
  std::map<NodeId, std::uint64_t> waited{};  // whose wish was known at that exit

  void wish(NodeId self) { wishes[self] = {wishes[self].number + 1, 0}; }
  void leave() {
    exit = {exit.number + 1, 0};
    waited.clear();
    for (const auto& [node, since] : wishes) waited[node] = since.number;
  }
  // As it stands on a message of the one who has this.
  Chains sent() const {
    Chains longer = *this;
    for (auto& [node, since] : longer.wishes) ++since.hops;
    ++longer.exit.hops;
    return longer;
  }
  // `is_site`: of whom anything is kept. `frees`: with it its sender leaves, and frees this site for others:
  // whose wish came here before it waited for that exit, also where the one who left did not know of it.
  template <class IsSite>
  void receive(const Chains& other, const IsSite& is_site, bool frees = false) {
    const bool is_new = other.exit.number > exit.number;
    if (is_new) waited.clear();
    if (is_new && frees) {
      for (const auto& [node, since] : wishes) waited[node] = since.number;
    }
    for (const auto& [node, since] : other.wishes) {
      if (is_site(node)) take(wishes[node], since);
    }
    if (is_new || other.exit.number == exit.number) {
      for (const auto& [node, number] : other.waited) {
        if (is_site(node)) waited[node] = std::max(waited[node], number);
      }
    }
    take(exit, other.exit);
  }
  Delays at_entry(NodeId self) const {
    const auto own = wishes.find(self);
    if (own == wishes.end()) return {};
    const auto known = waited.find(self);
    const bool from_exit = known != waited.end() && known->second == own->second.number;
    return {from_exit ? exit.hops : own->second.hops, from_exit};
  }

  bool operator==(const Chains&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<chain_sites>(wishes), exit, wire::at_most<chain_sites>(waited));
  }

 private:
  static void take(Since& mine, const Since& other) {
    if (other.number > mine.number) {
      mine = other;
    } else if (other.number == mine.number) {
      mine.hops = std::max(mine.hops, other.hops);
    }
  }
};

}  // namespace coord::agreements
