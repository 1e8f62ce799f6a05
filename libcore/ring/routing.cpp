// SPDX-License-Identifier: MIT
#include "ring/routing.hpp"

#include <algorithm>
#include <utility>

namespace coord::ring {

namespace {

// The place's fingers, as they are in an ideal ring.
chord::Fingers fingers_of(const chord::List& all, const chord::Member& place) {
  chord::Fingers fingers(place);
  fingers.fill(all);
  return fingers;
}

Via via_of(const chord::Fingers& fingers, const chord::Member& member) {
  for (unsigned i = chord::id_bits; i-- > 0;) {
    if (fingers.at(i) == member) return {Via::Kind::finger, i};
  }
  return {Via::Kind::successor, 0};
}

}  // namespace

chord::List members_of(const Placement& placement) {
  chord::List all;
  for (const Placement::Place& place : placement.places())
    all.push_back({place.id, place.host.host, place.host.joined.value});
  return all;
}

std::size_t hosts_in_list(const Placement& placement) {
  return std::clamp<std::size_t>(placement.all().size() - 1, 1, placement.replicas());
}

std::optional<RouteSaid> route_said(const chord::List& all, const chord::Member& whom, const chord::Id& key,
                                    std::size_t hosts) {
  if (!std::ranges::binary_search(all, whom)) return std::nullopt;
  const chord::Fingers fingers = fingers_of(all, whom);
  RouteSaid said;
  said.route = chord::route(whom, chord::ideal_view(whom, all, hosts).successors, fingers, key);
  for (const chord::Member& member : said.route.nearer) said.as.push_back(via_of(fingers, member));
  return said;
}

std::vector<PlaceKnown> places_known(const chord::List& all, NodeId host, std::size_t hosts) {
  std::vector<PlaceKnown> known;
  for (const chord::Member& place : all) {
    if (place.host != host) continue;
    const chord::Fingers fingers = fingers_of(all, place);
    PlaceKnown one{place, chord::ideal_view(place, all, hosts), {}};
    for (unsigned i = 0; i < chord::id_bits; ++i) {
      if (!one.fingers.empty() && one.fingers.back().member == *fingers.at(i)) {
        one.fingers.back().last = i;
      } else {
        one.fingers.push_back({i, i, *fingers.at(i)});
      }
    }
    known.push_back(std::move(one));
  }
  return known;
}

// It begins at its own places, the nearest one before the key first; a host without any, wherever it likes.
Trace::Trace(NodeId self, const chord::List& all, std::size_t hosts, const chord::Id& key)
    : self_(self), all_(all), hosts_(hosts), lookup_(key, [&] {
        chord::List own;
        for (const chord::Member& member : all) {
          if (member.host == self) own.push_back(member);
        }
        if (own.empty() && !all.empty()) own.push_back(all.front());
        return own;
      }()) {
  go_on();
}

// Own places answer at once; those of a host that did not answer are not asked again.
void Trace::go_on() {
  for (auto next = lookup_.next(); next; next = lookup_.next()) {
    if (dead_.contains(next->host)) {
      lookup_.dead(*next);
    } else if (next->host == self_) {
      take(*next, *route_said(all_, *next, lookup_.key(), hosts_), Duration{});
    } else {
      return;
    }
  }
}

void Trace::answered(const chord::Member& by, RouteSaid said, Duration took) {
  take(by, std::move(said), took);
  go_on();
}

void Trace::take(const chord::Member& by, RouteSaid said, Duration took) {
  add_hop(by, true, took);
  for (std::size_t i = 0; i < said.route.nearer.size() && i < said.as.size(); ++i)
    named_.emplace(said.route.nearer[i], said.as[i]);
  for (const chord::Member& member : said.route.successors)
    named_.emplace(member, Via{Via::Kind::successor, 0});
  // Members of this ring only: there are so many, and no more.
  const auto is_strange = [this](const chord::Member& member) {
    return !std::ranges::binary_search(all_, member);
  };
  std::erase_if(said.route.nearer, is_strange);
  if (std::ranges::any_of(said.route.successors, is_strange)) said.route.successors.clear();
  lookup_.answered(by, said.route);
}

void Trace::dead(const chord::Member& who, Duration took) {
  add_hop(who, false, took);
  dead_.insert(who.host);
  lookup_.dead(who);
  go_on();
}

Via Trace::via(const chord::Member& whom) const {
  const auto named = named_.find(whom);
  return named == named_.end() ? Via{} : named->second;
}

void Trace::add_hop(const chord::Member& whom, bool answered, Duration took) {
  hops_.push_back({whom, answered, via(whom), took});
}

Traced Trace::result() const {
  return {lookup_.key(), lookup_.is_found() ? lookup_.owners() : chord::List{}, hops_};
}

}  // namespace coord::ring
