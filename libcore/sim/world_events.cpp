// SPDX-License-Identifier: MIT
// What comes out of the queue of the world, and what follows every step of a node.
#include <algorithm>
#include <bit>

#include "base/format.hpp"
#include "sim/world_core.hpp"

namespace coord::sim {

bool WorldCore::step() {
  if (violation_ || schedule_.empty()) return false;
  now_ = std::max(now_, schedule_.next_time());
  happen(schedule_.pop());
  return true;
}

void WorldCore::run_until(Instant end) {
  while (!violation_ && !schedule_.empty() && schedule_.next_time() <= end) step();
  if (!violation_) now_ = std::max(now_, end);
}

void WorldCore::happen(Event event) {
  ++statistics_.events;
  const auto time = static_cast<std::uint64_t>(now_.time_since_epoch().count());
  const std::uint64_t who = (std::uint64_t{event.node} << 32U) | (std::uint64_t{event.from} << 8U);
  fingerprint_ = (std::rotl(fingerprint_, 5) ^ time ^ who ^ static_cast<std::uint64_t>(event.what)) *
                 0x9e3779b97f4a7c15U;
  if (event.what == What::script) {
    static_cast<Holder<std::function<void()>>&>(*event.body).value();
    return;
  }
  const NodeId id{event.node};
  Place& place = at_place(id);
  if (reaches_process(event, place, id)) dispatch(event, place, id);
}

bool WorldCore::reaches_process(Event& event, Place& place, NodeId node) {
  if (event.what == What::message) {
    const bool cut = network_.is_cut(NodeId{event.from}, node, event.way);
    if (cut || !place.lives) {
      faults_.add(cut ? FaultKind::message_cut : FaultKind::message_to_dead);
      trace_message(TraceRecord::Kind::lost, event);
      return false;
    }
  } else if (!place.lives || event.life != place.life) {
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

void WorldCore::dispatch(Event& event, Place& place, NodeId id) {
  switch (event.what) {
    case What::message:
      if (event.from != event.node) ++statistics_.received;
      trace_message(TraceRecord::Kind::received, event);
      return enter(place, id, [&] { receive(id, place.clock.at(now_), NodeId{event.from}, *event.body); });
    case What::input:
      return enter(place, id, [&] { take_input(id, place.clock.at(now_), *event.body); });
    case What::wake:
      return wake(place, id);
    case What::job_begins:
      return enter(place, id, [&] { perform_now(place, id, std::move(event.body)); });
    case What::job_done:
      return enter(place, id, [&] {
        place.job_runs = false;
        job_done(id, place.clock.at(now_), *event.body);
      });
    case What::script:
      return;
  }
}

template <class Work>
void WorldCore::enter(Place& place, NodeId id, Work&& work) {
  ++statistics_.steps;
  stepping_ = id;
  try {
    work();
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
    note(id, fmt::format("stops: {}", place.why));
    die(place, id, NodeState::stopped);
  }
  if (place.lives) arm(place, id);
  run_checks(id);
}

void WorldCore::launch_at(Place& place, NodeId id) {
  enter(place, id, [&] {
    auto refusal = launch(id, place.clock.at(now_));
    place.disk->take_elapsed();  // a start takes no virtual time: what matters is what it finds
    place.lives = !refusal;
    if (!refusal) return;
    place.state = NodeState::refused;
    place.why = std::move(*refusal);
    note(id, fmt::format("refuses to start: {}", place.why));
  });
}

void WorldCore::wake(Place& place, NodeId id) {
  if (place.wake_at != now_) return;  // another has taken its place
  place.wake_at.reset();
  constexpr int idle_limit = 1000;
  const Instant local = place.clock.at(now_);
  const auto due = [&] {
    const std::optional<Instant> when = deadline(id);
    return when && *when <= local;
  };
  if (!due()) return arm(place, id);  // it was put off meanwhile
  enter(place, id, [&] { tick(id, local); });
  place.idle_ticks = place.lives && due() ? place.idle_ticks + 1 : 0;
  if (place.idle_ticks > idle_limit) fail("deadline_moves_on", "a tick at its deadline changes nothing", id);
}

// Deadlines mostly move away: so an armed wake is left alone unless a nearer one is
// needed, and looks when it comes.
void WorldCore::arm(Place& place, NodeId id) {
  const std::optional<Instant> when = deadline(id);
  if (!when) return;
  const Instant time = std::max(now_, place.clock.reaches(*when));
  if (time == Instant::max() || (place.wake_at && *place.wake_at <= time)) return;
  place.wake_at = time;
  schedule_.push(time, event_for(What::wake, id));
}

void WorldCore::begin_jobs(Place& place, NodeId id) {
  if (!place.lives || place.job_runs || place.jobs.empty()) return;
  std::unique_ptr<Body> job = std::move(place.jobs.front());
  place.jobs.pop_front();
  while (!place.jobs.empty() && merge(*job, *place.jobs.front())) place.jobs.pop_front();
  place.job_runs = true;
  // Either the calls are made now and the answer comes late, or the calls are made late: a crash in between
  // finds the work done and not known, or not done.
  if (random_.chance(0.5)) return perform_now(place, id, std::move(job));
  const Duration later = random_.between(config_.disk.sync_low, config_.disk.sync_high);
  schedule_.push(now_ + later, event_for(What::job_begins, id, std::move(job)));
}

void WorldCore::perform_now(Place& place, NodeId id, std::unique_ptr<Body> job) {
  place.disk->take_elapsed();
  perform(id, *job);
  schedule_.push(now_ + place.disk->take_elapsed(), event_for(What::job_done, id, std::move(job)));
}

// The process is gone: all that was in its memory, all that it waited for. Messages
// under way, and its disk, stay.
void WorldCore::die(Place& place, NodeId id, NodeState state) {
  destroy(id);
  place.lives = false;
  place.state = state;
  place.jobs.clear();
  place.job_runs = false;
  place.inbox.clear();
  place.wake_at.reset();
  place.stops = false;
  place.idle_ticks = 0;
  told_of_crash(id);
}

void WorldCore::run_checks(NodeId stepped) {
  for (const auto& [name, check] : checks_) {
    if (violation_) return;
    if (auto explanation = check(stepped)) fail(name, std::move(*explanation), stepped);
  }
}

}  // namespace coord::sim
