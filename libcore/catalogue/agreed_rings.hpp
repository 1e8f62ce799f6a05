// SPDX-License-Identifier: MIT
// What a simulated group has agreed on about its ring, one state after the other: the rules are those of
// service/rings, without a log. Each host hears of a state when it hears of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "ring/placement.hpp"

namespace coord::catalogue {

class AgreedRings {
 public:
  struct State {
    service::KeptRings rings;
    Token last;
  };

  AgreedRings(std::string name, service::Ring first) : name_(std::move(name)) { push(std::move(first)); }

  const service::Ring& ring() const { return states_.back().rings.rings.at(name_); }
  bool is_changing() const { return !ring().before.empty(); }
  const ring::Host* host(NodeId id) const {
    const auto found = std::ranges::find(ring().hosts, id, &ring::Host::host);
    return found == ring().hosts.end() ? nullptr : &*found;
  }
  std::size_t newest() const { return states_.size() - 1; }
  const State& state(std::size_t number) const { return states_.at(number); }  // stays where it is

  // As a member that has not been there: also on a disk that is another one.
  void join(NodeId id, std::uint32_t places, const std::string& zone) {
    service::Ring next = begin_change();
    std::erase_if(next.hosts, [&](const ring::Host& each) { return each.host == id; });
    next.hosts.push_back({id, next.number, places, zone});
    std::ranges::sort(next.hosts);
    push(std::move(next));
  }
  void move(NodeId id, std::uint32_t places, const std::string& zone) {
    service::Ring next = begin_change();
    auto& own = *std::ranges::find(next.hosts, id, &ring::Host::host);
    own.places = places;
    own.zone = zone;
    push(std::move(next));
  }
  void leave(NodeId id) {
    service::Ring next = begin_change();
    std::erase_if(next.hosts, [&](const ring::Host& each) { return each.host == id; });
    push(std::move(next));
  }
  void settle() {
    service::Ring next = ring();
    next.number = Token{states_.back().last.value + 1};
    next.before.clear();
    push(std::move(next));
  }

 private:
  service::Ring begin_change() const {
    service::Ring next = ring();
    next.number = Token{states_.back().last.value + 1};
    next.before = next.hosts;
    return next;
  }
  void push(service::Ring ring) {
    State state;
    state.last = ring.number;
    state.rings.rings.emplace(name_, std::move(ring));
    states_.push_back(std::move(state));
  }

  std::string name_;
  std::deque<State> states_;
};

}  // namespace coord::catalogue
