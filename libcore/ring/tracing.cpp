// SPDX-License-Identifier: MIT
// Lookups step by step, and what a host knows for them: asked by tools of this host, answered by others.
#include <algorithm>

#include "base/format.hpp"
#include "ring/replicas.hpp"

namespace coord::ring {

namespace {

// As long as Chord's own hosts wait: one lost message is no sign of death.
constexpr Duration again_after = std::chrono::milliseconds(500);
constexpr Duration fingers_wait = std::chrono::seconds(3);

}  // namespace

const std::shared_ptr<const chord::List>& Replicas::members(Ring& ring) {
  if (!ring.members) ring.members = std::make_shared<const chord::List>(members_of(ring.placement));
  return ring.members;
}

void Replicas::begin_trace(std::shared_ptr<Work> work) {
  const auto& what = std::get<AskTrace>(work->what);
  Tracing tracing;
  if (what.patience) tracing.until = now_ + *what.patience;
  tracing.work = std::move(work);
  const std::uint64_t id = ++last_;
  traces_.emplace(id, std::move(tracing));
  restart_trace(id);
}

// The ring has another number: it begins anew.
void Replicas::restart_trace(std::uint64_t id) {
  Tracing& tracing = traces_.at(id);
  const auto& what = std::get<AskTrace>(tracing.work->what);
  const auto found = rings_.find(what.ring);
  if (found == rings_.end()) {
    tell(*tracing.work, Absent{});
    traces_.erase(id);
    return;
  }
  tracing.number = found->second.placement.number();
  tracing.all = members(found->second);
  tracing.trace = std::make_unique<Trace>(self_, *tracing.all, hosts_in_list(found->second.placement),
                                          id_of_key(what.key));
  ask_route(id);
}

void Replicas::ask_route(std::uint64_t id) {
  Tracing& tracing = traces_.at(id);
  const auto next = tracing.trace->next();
  if (!next) {
    tell(*tracing.work, tracing.trace->result());
    traces_.erase(id);
    return;
  }
  tracing.asked = *next;
  tracing.asked_at = now_;
  tracing.again = now_ + again_after;
  tracing.asked_twice = false;
  tracing.operation = ++last_;
  send_route(tracing);
}

void Replicas::send_route(const Tracing& tracing) {
  const auto& what = std::get<AskTrace>(tracing.work->what);
  send(tracing.asked.host,
       copies::AskRoute{tracing.operation, what.ring, tracing.number, tracing.asked, id_of_key(what.key)});
}

void Replicas::receive(NodeId from, copies::AskRoute&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr || message.whom.host != self_) return;
  auto said = route_said(*members(*ring), message.whom, message.key, hosts_in_list(ring->placement));
  if (said) send(from, copies::RouteIs{message.operation, message.number, std::move(*said)});
}

void Replicas::receive(NodeId from, copies::RouteIs&& message) {
  const auto found = std::ranges::find_if(
      traces_, [&](const auto& each) { return each.second.operation == message.operation; });
  if (found == traces_.end() || found->second.asked.host != from) return;
  Tracing& tracing = found->second;
  tracing.trace->answered(tracing.asked, std::move(message.said), now_ - tracing.asked_at);
  ask_route(found->first);
}

void Replicas::begin_fingers(std::shared_ptr<Work> work) {
  const auto& what = std::get<AskFingers>(work->what);
  Fingering fingering;
  fingering.until = now_ + std::min(what.patience.value_or(fingers_wait), fingers_wait);
  fingering.work = std::move(work);
  const std::uint64_t id = ++last_;
  fingerings_.emplace(id, std::move(fingering));
  ask_places(id);
}

void Replicas::ask_places(std::uint64_t id) {
  Fingering& fingering = fingerings_.at(id);
  const auto& what = std::get<AskFingers>(fingering.work->what);
  const auto found = rings_.find(what.ring);
  if (found == rings_.end() || found->second.placement.member(what.host) == nullptr) {
    tell(*fingering.work, Absent{});
    fingerings_.erase(id);
    return;
  }
  fingering.again = now_ + again_after;
  send(what.host, copies::AskPlaces{id, what.ring, found->second.placement.number()});
}

void Replicas::receive(NodeId from, copies::AskPlaces&& message) {
  Ring* ring = member_ring(message.ring, message.number);
  if (ring == nullptr) return;
  send(from, copies::PlacesAre{message.operation, message.number,
                               places_known(*members(*ring), self_, hosts_in_list(ring->placement))});
}

void Replicas::receive(NodeId from, copies::PlacesAre&& message) {
  const auto found = fingerings_.find(message.operation);
  if (found == fingerings_.end() || std::get<AskFingers>(found->second.work->what).host != from) return;
  tell(*found->second.work, FingersOf{std::move(message.places)});
  fingerings_.erase(found);
}

void Replicas::tick_traces() {
  std::vector<std::uint64_t> all;
  for (const auto& [id, tracing] : traces_) all.push_back(id);
  for (const std::uint64_t id : all) {
    Tracing& tracing = traces_.at(id);
    const auto ring = rings_.find(std::get<AskTrace>(tracing.work->what).ring);
    if (ring == rings_.end() || ring->second.placement.number() != tracing.number) {
      restart_trace(id);
    } else if (tracing.until && *tracing.until <= now_) {
      Traced sofar = tracing.trace->result();
      sofar.hops.push_back(
          {tracing.asked, false, tracing.trace->via(tracing.asked), now_ - tracing.asked_at});
      tell(*tracing.work, sofar);
      traces_.erase(id);
    } else if (tracing.again <= now_ && !std::exchange(tracing.asked_twice, true)) {
      tracing.again = now_ + again_after;
      send_route(tracing);
    } else if (tracing.again <= now_) {
      tracing.trace->dead(tracing.asked, now_ - tracing.asked_at);
      ask_route(id);
    }
  }
  all.clear();
  for (const auto& [id, fingering] : fingerings_) all.push_back(id);
  for (const std::uint64_t id : all) {
    const Fingering& fingering = fingerings_.at(id);
    if (fingering.until <= now_) {
      const NodeId host = std::get<AskFingers>(fingering.work->what).host;
      tell(*fingering.work, NoQuorum{fmt::format("{} does not answer", name_of(host))});
      fingerings_.erase(id);
    } else if (fingering.again <= now_) {
      ask_places(id);
    }
  }
}

}  // namespace coord::ring
