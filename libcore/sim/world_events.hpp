// World, second part: what comes out of the queue, and what follows every step of a node. Included by
// world.hpp only.
#pragma once

#include "sim/world.hpp"

namespace coord::sim {

inline std::string Violation::text() const {
  std::string line = check + " violated at " + std::to_string(when.time_since_epoch().count() / 1000) + " us";
  if (node.value != 0) line += " by node " + std::to_string(node.value);
  return line + ": " + explanation;
}

template <class A>
bool World<A>::step() {
  if (violation_ || schedule_.empty()) return false;
  now_ = std::max(now_, schedule_.next_time());
  happen(schedule_.pop());
  return true;
}

template <class A>
void World<A>::run_until(Instant end) {
  while (!violation_ && !schedule_.empty() && schedule_.next_time() <= end) step();
  if (!violation_) now_ = std::max(now_, end);
}

template <class A>
void World<A>::happen(Event event) {
  ++statistics_.events;
  const auto time = static_cast<std::uint64_t>(now_.time_since_epoch().count());
  const std::uint64_t who = (std::uint64_t{event.node} << 32U) | (std::uint64_t{event.from} << 8U);
  fingerprint_ = (std::rotl(fingerprint_, 5) ^ time ^ who ^ static_cast<std::uint64_t>(event.what)) *
                 0x9e3779b97f4a7c15U;
  if (event.what == What::script) {
    const auto action = std::move(std::get<script_body>(event.body));
    action();
    return;
  }
  const NodeId id{event.node};
  Place& place = at_place(id);
  if (reaches_process(event, place, id)) dispatch(event, place, id);
}

template <class A>
bool World<A>::reaches_process(Event& event, Place& place, NodeId node) {
  if (event.what == What::message) {
    const bool cut = network_.is_cut(NodeId{event.from}, node);
    if (cut || !place.node) {
      faults_.add(cut ? FaultKind::message_cut : FaultKind::message_to_dead);
      trace_message(TraceRecord::Kind::lost, event.sent, NodeId{event.from}, node,
                    std::get<message_body>(event.body));
      return false;
    }
  } else if (!place.node || event.life != place.life) {
    return false;
  }
  if (place.state != NodeState::paused) return true;
  if (event.what == What::wake) return false;  // resume() arms it again
  if (event.what == What::message && place.inbox.size() >= config_.inbox_limit) {
    faults_.add(FaultKind::inbox_overflow);
    return false;
  }
  place.inbox.push_back(std::move(event));
  return false;
}

template <class A>
void World<A>::dispatch(Event& event, Place& place, NodeId id) {
  switch (event.what) {
    case What::message: {
      const NodeId from{event.from};
      auto& message = std::get<message_body>(event.body);
      if (from != id) ++statistics_.received;
      trace_message(TraceRecord::Kind::received, event.sent, from, id, message);
      return enter(place, id, [&](Port<A>& port) {
        app_.on_message(*place.node, place.clock.at(now_), from, std::move(message), port);
      });
    }
    case What::input:
      if constexpr (has_inputs) {
        enter(place, id, [&](Port<A>& port) {
          app_.on_input(*place.node, place.clock.at(now_), std::move(std::get<input_body>(event.body)), port);
        });
      }
      return;
    case What::wake:
      return wake(place, id);
    case What::job_begins:
      if constexpr (has_jobs) {
        enter(place, id, [&](Port<A>&) { perform(place, id, std::move(std::get<job_body>(event.body))); });
      }
      return;
    case What::job_done:
      if constexpr (has_jobs) {
        enter(place, id, [&](Port<A>& port) {
          place.job_runs = false;
          app_.on_done(*place.node, place.clock.at(now_), std::move(std::get<job_body>(event.body)), port);
        });
      }
      return;
    case What::script:
      return;
  }
}

template <class A>
template <class Work>
void World<A>::enter(Place& place, NodeId id, Work&& work) {
  ++statistics_.steps;
  stepping_ = id;
  try {
    Port<A> port(*this, id);
    work(port);
    begin_jobs(place, id);
  } catch (const SimCrash& crash) {
    stepping_ = NodeId{};
    note(id, crash.kind == CrashKind::power ? "power cut in a disk call" : "killed in a disk call");
    die(place, id, NodeState::down);
    place.disk->crash(crash.kind);
    at(now_ + random_.between(config_.restart_low, config_.restart_high), [this, id] { start(id); });
  }
  stepping_ = NodeId{};
  if (place.stops) {
    note(id, "stops: " + place.why);
    die(place, id, NodeState::stopped);
  }
  if (place.node) arm(place, id);
  run_checks(id);
}

template <class A>
void World<A>::wake(Place& place, NodeId id) {
  if (place.wake_at != now_) return;  // another has taken its place
  place.wake_at.reset();
  if constexpr (has_deadline) {
    constexpr int idle_limit = 1000;
    const Instant local = place.clock.at(now_);
    const auto due = [&] {
      const std::optional<Instant> deadline = app_.deadline(*place.node);
      return deadline && *deadline <= local;
    };
    if (!due()) return arm(place, id);  // it was put off meanwhile
    enter(place, id, [&](Port<A>& port) { app_.on_tick(*place.node, local, port); });
    place.idle_ticks = place.node && due() ? place.idle_ticks + 1 : 0;
    if (place.idle_ticks > idle_limit)
      fail("deadline_moves_on", "a tick at its deadline changes nothing", id);
  }
}

// Deadlines mostly move away: so an armed wake is left alone unless a nearer one is needed, and looks when it
// comes.
template <class A>
void World<A>::arm(Place& place, NodeId id) {
  if constexpr (has_deadline) {
    const std::optional<Instant> deadline = app_.deadline(*place.node);
    if (!deadline) return;
    const Instant time = std::max(now_, place.clock.reaches(*deadline));
    if (time == Instant::max() || (place.wake_at && *place.wake_at <= time)) return;
    place.wake_at = time;
    schedule_.push(time, event_for(What::wake, id));
  }
}

template <class A>
void World<A>::begin_jobs(Place& place, NodeId id) {
  if constexpr (has_jobs) {
    if (!place.node || place.job_runs || place.jobs.empty()) return;
    Job job = std::move(place.jobs.front());
    place.jobs.pop_front();
    if constexpr (requires { app_.merge(job, job); }) {
      while (!place.jobs.empty() && app_.merge(job, place.jobs.front())) place.jobs.pop_front();
    }
    place.job_runs = true;
    // Either the calls are made now and the answer comes late, or the calls are made late: a crash in between
    // finds the work done and not known, or not done.
    if (random_.chance(0.5)) return perform(place, id, std::move(job));
    Event event = event_for(What::job_begins, id);
    event.body.template emplace<job_body>(std::move(job));
    schedule_.push(now_ + random_.between(config_.disk.sync_low, config_.disk.sync_high), std::move(event));
  }
}

template <class A>
void World<A>::perform(Place& place, NodeId id, Job job) {
  if constexpr (has_jobs) {
    place.disk->take_elapsed();
    app_.perform(*place.node, job);
    Event event = event_for(What::job_done, id);
    event.body.template emplace<job_body>(std::move(job));
    schedule_.push(now_ + place.disk->take_elapsed(), std::move(event));
  }
}

// The process is gone: all that was in its memory, all that it waited for. Messages under way, and its disk,
// stay.
template <class A>
void World<A>::die(Place& place, NodeId id, NodeState state) {
  place.node.reset();
  place.state = state;
  place.jobs.clear();
  place.job_runs = false;
  place.inbox.clear();
  place.wake_at.reset();
  place.stops = false;
  place.idle_ticks = 0;
  if constexpr (requires { app_.on_crash(id); }) app_.on_crash(id);
}

template <class A>
void World<A>::run_checks(NodeId stepped) {
  for (const auto& [name, check] : checks_) {
    if (violation_) return;
    if (auto explanation = check(*this, stepped)) fail(name, std::move(*explanation), stepped);
  }
}

}  // namespace coord::sim
