// SPDX-License-Identifier: MIT
#include "sim/world_core.hpp"

#include <algorithm>

#include "base/format.hpp"

namespace coord::sim {

namespace {

// Independent streams of one seed: a change in how often one is asked leaves the others as they are.
Random random_stream(std::uint64_t seed, std::uint64_t stream) {
  Random mixer(seed);
  return Random(mixer.next() ^ (stream * 0xd1342543de82ef95U));
}

}  // namespace

std::string Violation::text() const {
  std::string line = fmt::format("{} violated at {} us", check, when.time_since_epoch().count() / 1000);
  if (node.value != 0) line += fmt::format(" by node {}", node.value);
  return fmt::format("{}: {}", line, explanation);
}

WorldCore::WorldCore(const WorldConfig& config)
    : config_(config),
      random_(random_stream(config.seed, 1)),
      script_random_(random_stream(config.seed, 4)),
      network_(random_stream(config.seed, 2), config.nodes, config.link),
      places_(config.nodes) {
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

WorldCore::~WorldCore() = default;

void WorldCore::start_all() {
  for (std::size_t i = 1; i <= places_.size(); ++i) start(NodeId{i});
}

void WorldCore::start(NodeId id) {
  Place& place = at_place(id);
  if (violation_ || place.lives) return;
  place.state = NodeState::running;
  place.why.clear();
  if (place.life > 0) faults_.add(FaultKind::restart);
  ++place.life;
  note(id, "starts");
  launch_at(place, id);
}

void WorldCore::crash(NodeId id, CrashKind kind) {
  COORD_CHECK(stepping_ != id);  // a node may not be destroyed under its own feet: use at()
  Place& place = at_place(id);
  if (place.lives) {
    note(id, kind == CrashKind::power ? "power cut" : "kill -9");
    die(place, id, NodeState::down);
  } else if (kind == CrashKind::process) {
    return;
  }
  place.disk->crash(kind);
  run_checks(id);
}

void WorldCore::pause(NodeId id) {
  Place& place = at_place(id);
  if (place.state != NodeState::running) return;
  place.state = NodeState::paused;
  faults_.add(FaultKind::pause);
  note(id, "paused");
}

void WorldCore::resume(NodeId id) {
  Place& place = at_place(id);
  if (place.state != NodeState::paused) return;
  place.state = NodeState::running;
  note(id, "resumed");
  for (Event& event : std::exchange(place.inbox, {})) schedule_.push(now_, std::move(event));
  place.wake_at.reset();
  if (place.lives) arm(place, id);
}

void WorldCore::set_clock_rate(NodeId id, std::int64_t rate_ppm) {
  Place& place = at_place(id);
  place.clock.set_rate(now_, rate_ppm);
  faults_.add(FaultKind::clock_rate);
  place.wake_at.reset();
  if (place.lives && place.state == NodeState::running) arm(place, id);
}

void WorldCore::at(Instant time, std::function<void()> action) {
  Event event;
  event.body = std::make_unique<Holder<std::function<void()>>>(std::move(action));
  schedule_.push(std::max(time, now_), std::move(event));
}

void WorldCore::post_input(NodeId node, Duration local_delay, std::unique_ptr<Body> input) {
  Instant time = now_;
  if (local_delay != Duration{}) {
    const LocalClock& clock = at_place(node).clock;
    time = std::max(now_, clock.reaches(clock.at(now_) + local_delay));
  }
  schedule_.push(time, event_for(What::input, node, std::move(input)));
}

WorldCore::Event WorldCore::event_for(What what, NodeId node, std::unique_ptr<Body> body) const {
  Event event;
  event.what = what;
  event.node = static_cast<std::uint32_t>(node.value);
  event.life = at_place(node).life;
  event.body = std::move(body);
  return event;
}

Network::Arrivals WorldCore::route(NodeId from, NodeId to, Way way) {
  COORD_CHECK(to.value >= 1 && to.value <= places_.size());
  if (from != to) ++statistics_.sent;
  return network_.send(now_, from, to, way);
}

void WorldCore::lost(NodeId from, NodeId to, std::string text) {
  if (trace_) trace_->add({TraceRecord::Kind::lost, now_, now_, to, from, std::move(text)});
}

bool WorldCore::has_room() {
  if (schedule_.size() < config_.in_flight_limit) return true;
  faults_.add(FaultKind::inbox_overflow);
  return false;
}

void WorldCore::post_message(Instant arrival, NodeId from, NodeId to, Way way,
                             std::unique_ptr<Body> message) {
  Event event;
  event.what = What::message;
  event.way = way;
  event.node = static_cast<std::uint32_t>(to.value);
  event.from = static_cast<std::uint32_t>(from.value);
  event.sent = now_;
  event.body = std::move(message);
  schedule_.push(arrival, std::move(event));
}

void WorldCore::queue_job(NodeId node, std::unique_ptr<Body> job) {
  Place& place = at_place(node);
  place.jobs.push_back(std::move(job));
  if (place.jobs.size() > config_.job_limit) fail("disk_queue_bounded", "too many disk jobs wait", node);
}

void WorldCore::stop_after_step(NodeId node, std::string why) {
  Place& place = at_place(node);
  place.stops = true;
  place.why = std::move(why);
}

void WorldCore::fail(std::string check, std::string explanation, NodeId node) {
  if (violation_) return;
  note(node, fmt::format("violates {}: {}", check, explanation));
  violation_ = Violation{std::move(check), now_, node, std::move(explanation)};
}

FaultCounts WorldCore::faults() const {
  FaultCounts all = faults_;
  all += network_.counts();
  for (const Place& place : places_) all += place.disk->counts();
  return all;
}

void WorldCore::note(NodeId node, std::string text) {
  if (!trace_) return;
  const auto kind = node.value == 0 ? TraceRecord::Kind::world : TraceRecord::Kind::note;
  trace_->add({kind, now_, now_, node, NodeId{}, std::move(text)});
}

void WorldCore::trace_message(TraceRecord::Kind kind, const Event& event) {
  if (!trace_) return;
  trace_->add({kind, now_, event.sent, NodeId{event.node}, NodeId{event.from}, describe(*event.body)});
}

}  // namespace coord::sim
