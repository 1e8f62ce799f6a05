// World, first part: making one, and what its nodes and its script can do. Included by world.hpp only.
#pragma once

#include "sim/world.hpp"

namespace coord::sim {

// Independent streams of one seed: a change in how often one is asked leaves the others as they are.
inline Random random_stream(std::uint64_t seed, std::uint64_t stream) {
  Random mixer(seed);
  return Random(mixer.next() ^ (stream * 0xd1342543de82ef95U));
}

template <class A>
World<A>::World(A& app, const WorldConfig& config)
    : app_(app),
      config_(config),
      random_(random_stream(config.seed, 1)),
      script_random_(random_stream(config.seed, 4)),
      network_(random_stream(config.seed, 2), config.nodes, config.link),
      places_(config.nodes) {
  static_assert(App<A>, "see app.hpp for what an App must have");
  Random clocks = random_stream(config.seed, 3);
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const Duration start = clocks.between(Duration{}, config.clock_start_high);
    const Duration spread(config.clock_rate_spread_ppm);
    const std::int64_t rate = LocalClock::true_rate_ppm + clocks.between(-spread, spread).count();
    places_[i].clock = LocalClock(Instant{} + start, rate);
    places_[i].random = random_stream(config.seed, 16 + 2 * i);
    places_[i].disk = std::make_unique<VirtualDisk>(random_stream(config.seed, 17 + 2 * i), config.disk);
  }
}

template <class A>
void World<A>::start_all() {
  for (std::size_t i = 1; i <= places_.size(); ++i) start(NodeId{i});
}

template <class A>
void World<A>::start(NodeId id) {
  Place& place = at_place(id);
  if (violation_ || place.node) return;
  place.state = NodeState::running;
  place.why.clear();
  if (place.life > 0) faults_.add(FaultKind::restart);
  ++place.life;
  note(id, "starts");
  enter(place, id, [&](Port<A>& port) {
    auto started = app_.start(place.clock.at(now_), port);
    place.disk->take_elapsed();  // a start takes no virtual time: what matters is what it finds
    if (started.ok()) {
      place.node = std::move(started).value();
    } else {
      place.state = NodeState::refused;
      place.why = started.error().text();
      note(id, "refuses to start: " + place.why);
    }
  });
}

template <class A>
void World<A>::crash(NodeId id, CrashKind kind) {
  COORD_CHECK(stepping_ != id);  // a node may not be destroyed under its own feet: use at()
  Place& place = at_place(id);
  if (place.node) {
    note(id, kind == CrashKind::power ? "power cut" : "kill -9");
    die(place, id, NodeState::down);
  } else if (kind == CrashKind::process) {
    return;
  }
  place.disk->crash(kind);
  run_checks(id);
}

template <class A>
void World<A>::pause(NodeId id) {
  Place& place = at_place(id);
  if (place.state != NodeState::running) return;
  place.state = NodeState::paused;
  faults_.add(FaultKind::pause);
  note(id, "paused");
}

template <class A>
void World<A>::resume(NodeId id) {
  Place& place = at_place(id);
  if (place.state != NodeState::paused) return;
  place.state = NodeState::running;
  note(id, "resumed");
  for (Event& event : std::exchange(place.inbox, {})) schedule_.push(now_, std::move(event));
  place.wake_at.reset();
  if (place.node) arm(place, id);
}

template <class A>
void World<A>::set_clock_rate(NodeId id, std::int64_t rate_ppm) {
  Place& place = at_place(id);
  place.clock.set_rate(now_, rate_ppm);
  faults_.add(FaultKind::clock_rate);
  place.wake_at.reset();
  if (place.node && place.state == NodeState::running) arm(place, id);
}

template <class A>
void World<A>::at(Instant time, std::function<void()> action) {
  Event event;
  event.body.template emplace<script_body>(std::move(action));
  schedule_.push(std::max(time, now_), std::move(event));
}

template <class A>
void World<A>::input(NodeId node, Input input) {
  Event event = event_for(What::input, node);
  event.body.template emplace<input_body>(std::move(input));
  schedule_.push(now_, std::move(event));
}

template <class A>
void World<A>::input_after(NodeId node, Duration local_delay, Input input) {
  const LocalClock& clock = at_place(node).clock;
  Event event = event_for(What::input, node);
  event.body.template emplace<input_body>(std::move(input));
  schedule_.push(std::max(now_, clock.reaches(clock.at(now_) + local_delay)), std::move(event));
}

template <class A>
typename World<A>::Event World<A>::event_for(What what, NodeId node) const {
  Event event;
  event.what = what;
  event.node = static_cast<std::uint32_t>(node.value);
  event.life = at_place(node).life;
  return event;
}

template <class A>
void World<A>::send(NodeId from, NodeId to, Message message) {
  COORD_CHECK(to.value >= 1 && to.value <= places_.size());
  if (from != to) {
    ++statistics_.sent;
    if constexpr (requires { app_.on_send(from, to, message); }) app_.on_send(from, to, message);
  }
  const auto arrivals = network_.send(now_, from, to);
  if (arrivals.count == 0) trace_message(TraceRecord::Kind::lost, now_, from, to, message);
  for (std::size_t i = 0; i < arrivals.count; ++i) {
    if (schedule_.size() >= config_.in_flight_limit) {
      faults_.add(FaultKind::inbox_overflow);
      continue;
    }
    Event event;
    event.what = What::message;
    event.node = static_cast<std::uint32_t>(to.value);
    event.from = static_cast<std::uint32_t>(from.value);
    event.sent = now_;
    if (i + 1 == arrivals.count) {
      event.body.template emplace<message_body>(std::move(message));
    } else {
      event.body.template emplace<message_body>(message);
    }
    schedule_.push(arrivals.times[i], std::move(event));
  }
}

template <class A>
void World<A>::queue_job(NodeId node, Job job) {
  Place& place = at_place(node);
  place.jobs.push_back(std::move(job));
  if (place.jobs.size() > config_.job_limit) fail("disk_queue_bounded", "too many disk jobs wait", node);
}

template <class A>
void World<A>::stop_after_step(NodeId node, std::string why) {
  Place& place = at_place(node);
  place.stops = true;
  place.why = std::move(why);
}

template <class A>
void World<A>::fail(std::string check, std::string explanation, NodeId node) {
  if (violation_) return;
  note(node, "violates " + check + ": " + explanation);
  violation_ = Violation{std::move(check), now_, node, std::move(explanation)};
}

template <class A>
FaultCounts World<A>::faults() const {
  FaultCounts all = faults_;
  all += network_.counts();
  for (const Place& place : places_) all += place.disk->counts();
  return all;
}

template <class A>
void World<A>::note(NodeId node, std::string text) {
  if (!trace_) return;
  const auto kind = node.value == 0 ? TraceRecord::Kind::world : TraceRecord::Kind::note;
  trace_->add({kind, now_, now_, node, NodeId{}, std::move(text)});
}

template <class A>
void World<A>::trace_message(TraceRecord::Kind kind, Instant sent, NodeId from, NodeId to,
                             const Message& message) {
  if (trace_) trace_->add({kind, now_, sent, to, from, app_.describe(message)});
}

}  // namespace coord::sim
