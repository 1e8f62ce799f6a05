// SPDX-License-Identifier: MIT
#include "sweep/tools.hpp"

#include <algorithm>
#include <array>

namespace coord::sweep {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr double tools_stop_by_fraction = 0.8;

}  // namespace

Tools::Tools(World& world, Cluster& cluster, ToolsConfig config, Instant quiet_from)
    : world_(world),
      cluster_(cluster),
      config_(config),
      quiet_from_(quiet_from),
      random_(world.random().next()),
      ledger_(world) {}

void Tools::begin() {
  std::uint64_t script = 0;
  for (std::size_t host = 1; host <= world_.nodes(); ++host) {
    for (std::size_t i = 0; i < config_.scripts_per_host; ++i) {
      later(Duration{}, config_.pause_high,
            [this, host, number = ++script] { start_run(NodeId{host}, number, false); });
    }
  }
}

void Tools::later(Duration low, Duration high, std::function<void()> action) {
  world_.at(world_.now() + random_.between(low, high), std::move(action));
}

Tools::Run* Tools::find(std::uint64_t id) {
  const auto found = runs_.find(id);
  return found == runs_.end() ? nullptr : &found->second;
}

Instant Tools::stop_by(const Run& run) const {
  return run.sent + Duration(static_cast<Duration::rep>(static_cast<double>(run.request.ttl.count()) *
                                                        tools_stop_by_fraction));
}

// ---- asking

void Tools::start_run(NodeId host, std::uint64_t script, bool probe) {
  if (world_.violation()) return;
  if (!probe && world_.now() >= quiet_from_) return;
  if (world_.node(host) == nullptr || world_.state(host) != sim::NodeState::running) {
    later(milliseconds(50), milliseconds(200),
          [this, host, script, probe] { start_run(host, script, probe); });
    return;
  }
  if (!probe && random_.chance(config_.listing)) look(host, false);
  if (!probe && random_.chance(config_.standing))
    stand(host, some_order("post-" + std::to_string(random_.below(2)), random_.chance(0.6)), false);
  const std::uint64_t id = ++last_id_;
  Run& run = runs_[id];
  run.host = host;
  run.script = script;
  run.probe = probe;
  run.request = probe ? some_lock() : some_request();
  if (probe) {
    run.request.request = 1;
    run.request.ttl = config_.ttl_high;
    run.request.names = {"probe-" + std::to_string(host.value)};
    run.request.wait = true;
    run.request.permits = 1;
    run.request.min_hold = run.request.lock_delay = Duration{};
    if (random_.chance(0.3)) run.request.candidacy.emplace();
    if (run.request.candidacy) run.request.mode = local::Mode::exclusive;
  }
  ask(id, run);
}

void Tools::start_inside(const Run& around, std::uint64_t outer, local::Acquire request) {
  const std::uint64_t id = ++last_id_;
  const NodeId host = around.host;
  Run& run = runs_[id];
  run.host = host;
  run.outer = outer;
  run.request = std::move(request);
  ask(id, run);
}

// Who took the name first, of those whose commands it runs inside of.
std::optional<std::uint64_t> Tools::family_of(const Run& run, const std::string& name) {
  for (const Run* around = find(run.outer); around != nullptr; around = find(around->outer)) {
    const auto& theirs = around->request.names;
    const auto same = std::find(theirs.begin(), theirs.end(), name);
    if (same == theirs.end() || around->request.candidacy) continue;
    return around->families[static_cast<std::size_t>(same - theirs.begin())];
  }
  return std::nullopt;
}

void Tools::ask(std::uint64_t id, Run& run) {
  run.connection = replica::ConnectionId{id};
  run.request.pid = static_cast<std::uint32_t>(id);
  run.status = static_cast<std::uint8_t>(random_.below(3));
  if (random_.chance(config_.old_tool)) run.speaks = 1;
  replica::FromTool acquire{
      run.connection, {1000, "user", {run.connection.value, 1}, run.speaks}, run.request, false, {}, {}};
  for (const Run* around = find(run.outer); around != nullptr; around = find(around->outer))
    acquire.inside.insert(acquire.inside.begin(), around->connection);
  for (const std::string& name : run.request.names) run.families.push_back(family_of(run, name).value_or(id));
  if (run.outer == 0) remember(id, run);
  say(run, local::Hello{local::protocol_version, "dlock", run.speaks});
  world_.input(run.host, std::move(acquire));
  if (!run.request.wait) expect_answer(id);
  if (run.probe || !run.request.wait || !random_.chance(config_.bounded)) return;
  later(milliseconds(5), milliseconds(1500), [this, id] {
    const Run* waits = find(id);
    if (waits != nullptr && waits->stage == Stage::asking) say(*waits, local::Cancel{1});
  });
}

void Tools::remember(std::uint64_t id, Run& run) {
  for (const std::string& name : run.request.names) {
    Seen seen;
    seen.run = id;
    seen.name = name;
    seen.leads = run.request.candidacy.has_value();
    seen.shared = run.request.mode == local::Mode::shared;
    seen.permits = run.request.permits;
    seen.lingers = run.request.min_hold > Duration{} || run.request.lock_delay > Duration{};
    seen.asked = world_.now();
    run.seen.push_back(seen_.size());
    seen_.push_back(std::move(seen));
  }
}

void Tools::say(NodeId host, replica::ConnectionId connection, local::Request request, bool holders_left) {
  if (world_.traced()) {
    static constexpr std::array names{"hello",     "acquire",  "started", "cancel", "release", "list",
                                      "peers",     "resume",   "waits",   "break",  "history", "let go",
                                      "completed", "leaders",  "watch",   "depose", "stand",   "arrive",
                                      "ended",     "barriers", "reset"};
    world_.note(host, "run " + std::to_string(connection.value) + " says " + names.at(request.index()));
  }
  world_.input(
      host,
      replica::FromTool{connection, {1000, "user", {connection.value, 1}}, std::move(request), holders_left});
}

void Tools::say(const Run& run, local::Request request, bool holders_left) {
  if (run.connected) say(run.host, run.connection, std::move(request), holders_left);
}

// ---- answers

void Tools::told(NodeId node, const replica::ToTool& answer) {
  const std::uint64_t id = run_of(answer.connection);
  if (world_.traced()) {
    static constexpr std::array names{"welcome",   "granted",  "renewed", "lost",     "refused",   "waiting",
                                      "cancelled", "released", "locks",   "peers",    "waits",     "history",
                                      "joined",    "done",     "leaders", "passed",   "broken",    "departed",
                                      "all ended", "barriers", "reset",   "taken up", "taken back"};
    world_.note(node, "tells run " + std::to_string(id) + " " + names.at(answer.answer.index()));
  }
  if (Run* run = find(id)) {
    run->done = run->done || std::holds_alternative<local::Released>(answer.answer);
    run->answered = run->answered || std::holds_alternative<local::Granted>(answer.answer) ||
                    std::holds_alternative<local::Joined>(answer.answer) ||
                    std::holds_alternative<local::Refused>(answer.answer);
  }
  // Without a quorum a release is answered before it is ordered: there is nothing that a
  // shell script could wait for.
  const bool ordered = world_.node(node) != nullptr && world_.node(node)->log().has_quorum();
  const bool sleeps = config_.wrapper_sleep_high > Duration{} && random_.chance(0.05);
  const Duration high = sleeps ? config_.wrapper_sleep_high : microseconds(200);
  Instant& heard = heard_[id];  // a socket keeps the order
  heard = std::max(heard + Duration(1), world_.now() + random_.between(microseconds(20), high));
  world_.at(heard, [this, id, ordered, said = answer.answer] { hear(id, said, ordered); });
}

void Tools::hear(std::uint64_t id, const local::Answer& answer, bool ordered) {
  if (world_.violation()) return;
  if (looks_.contains(id)) return hear_look(id, answer);
  Run* run = find(id);
  if (run == nullptr || !run->connected || !run->wrapper) return;
  if (const auto* grant = std::get_if<local::Granted>(&answer)) {
    granted(id, *run, *grant);
  } else if (const auto* renewed = std::get_if<local::Renewed>(&answer)) {
    ++renewals_;
    if (run->stage == Stage::running || run->stage == Stage::taking)
      run->sent = std::max(run->sent, renewed->sent);
  } else if (std::holds_alternative<local::TakenUp>(answer)) {
    if (run->stage == Stage::taking) begin(id, *run);
  } else if (std::holds_alternative<local::TakenBack>(answer)) {
    if (run->stage == Stage::taking) not_begun(id, *run);
  } else if (std::holds_alternative<local::Lost>(answer)) {
    ++losses_;
    if (run->stage == Stage::taking) return not_begun(id, *run);
    if (run->command) command_ends(id, true);
  } else if (const auto* refusal = std::get_if<local::Refused>(&answer)) {
    refused(id, *run, *refusal);
  } else if (std::holds_alternative<local::Cancelled>(answer)) {
    wrapper_exits(id, *run);
  } else if (const auto* end = std::get_if<local::Joined>(&answer)) {
    joined(id, *run, end->status);
  } else if (std::holds_alternative<local::Done>(answer)) {
    if (!run->completing) return;
    slot_is_complete(*run);
    let_go(*run);
  } else if (std::holds_alternative<local::Released>(answer)) {
    if (run->background) return children_stay(id, *run);
    finish_seen(*run, ordered);
    wrapper_exits(id, *run);
  }
}

void Tools::refused(std::uint64_t id, Run& run, const local::Refused& refused) {
  if (run.completing) return let_go(run);  // what it has done could not be written down
  if (run.stage == Stage::leaving) {       // its session has ended without it
    finish_seen(run, false);
    return wrapper_exits(id, run);
  }
  if (run.stage != Stage::asking) return;
  for (const std::size_t i : run.seen) {
    seen_[i].answered = world_.now();
    // Of a leadership, those who stand for it are in the way as well.
    seen_[i].refused = refused.kind == local::RefusedKind::held && !seen_[i].leads;
  }
  wrapper_exits(id, run);
}

// The command that it would have run has ended, elsewhere, with this status.
void Tools::joined(std::uint64_t id, Run& run, std::uint8_t status) {
  if (run.stage != Stage::asking) return;
  if (!statuses_[run.request.names.front()].contains(status))
    world_.fail("single_flight", "run " + std::to_string(id) + " is told that " + run.request.names.front() +
                                     " ended with status " + std::to_string(status) + ", and no run did");
  wrapper_exits(id, run);
}

// ---- the command

void Tools::start_command(std::uint64_t id, Run& run) {
  const bool said = run.stage == Stage::taking;
  run.stage = Stage::running;
  run.command = true;
  run.disks = disks_of(run.host);
  ++grants_;
  check_overlap(run);
  check_fencing(run);
  check_slot(run, 0);
  if (!said) say(run, local::Started{1, static_cast<std::uint32_t>(id), run.request.ttl * 3 / 10});
  watch_deadline(id);
  schedule_ends(id);
  if (!run.probe && random_.chance(config_.nesting)) nest(id);
}

void Tools::schedule_ends(std::uint64_t id) {
  Run& run = runs_.at(id);
  const bool late = random_.chance(config_.long_work) && !run.probe;
  Duration work = random_.between(Duration{}, late ? 3 * run.request.ttl : config_.work_high);
  // In the quiet nobody works for long: who waits then waits for the service only.
  const Duration until_quiet = std::max<Duration>(quiet_from_ - world_.now(), Duration{});
  work = std::min(work, until_quiet + std::min(work, config_.work_high));
  world_.at(world_.now() + work, [this, id] {
    Run* ends = find(id);
    if (ends != nullptr && ends->command) command_ends(id, false);
  });
  if (run.probe) return;
  const bool wrapper_only = random_.chance(config_.kill_wrapper);
  const bool both = !wrapper_only && random_.chance(config_.kill_all);
  if (wrapper_only || both) kill_at(id, world_.now() + random_.between(Duration{}, work), both);
}

void Tools::kill_at(std::uint64_t id, Instant when, bool both) {
  world_.at(when, [this, id, both] {
    Run* killed = find(id);
    if (killed == nullptr || !killed->command || !killed->connected) return;
    unguarded(*killed);
    if (both) command_ends(id, true);
  });
}

// The wrapper is gone and what it started is not: only the peer stops that in time.
void Tools::unguarded(Run& run) {
  run.wrapper = false;
  run.connected = false;
  for (const std::size_t i : run.seen) seen_[i].unguarded_from = world_.now();
  world_.input(run.host, replica::ToolGone{run.connection});
}

// The wrapper's own guard, on the host's clock. Renewals move it.
void Tools::watch_deadline(std::uint64_t id) {
  Run* run = find(id);
  if (run == nullptr || !run->command || !run->wrapper) return;
  const Instant end = stop_by(*run);
  if (world_.local_now(run->host) >= end) {
    ++losses_;
    command_ends(id, true);
    return;
  }
  // Looked at again before the deadline as well: the clock may change its rate on the way.
  const Instant at = std::min(world_.clock(run->host).reaches(end), world_.now() + milliseconds(50));
  world_.at(std::max(at, world_.now() + Duration(1)), [this, id] { watch_deadline(id); });
}

void Tools::stop_command(NodeId, const replica::StopCommand& stop) {
  if (!stop.kill) return;
  const std::uint64_t id = run_of(stop.connection);
  world_.at(world_.now(), [this, id] {
    Run* run = find(id);
    if (run != nullptr && run->stage == Stage::taking) run->child = false;
    if (run != nullptr && run->command) command_ends(id, true);
  });
}

void Tools::command_ends(std::uint64_t id, bool stopped) {
  Run& run = runs_.at(id);
  if (run.wrapper && run.connected && !stopped) {
    if (run.background) return;  // its children are left; the wrapper has said so
    run.background = !run.probe && random_.chance(config_.background);
    run.stage = Stage::leaving;
    if (run.background) return say(run, local::Release{1}, true);
    run.command = false;
    for (const std::size_t i : run.seen) seen_[i].ended = world_.now();
    if (run.request.key_high != 0) statuses_[run.request.names.front()].insert(run.status);
    const bool worked = run.request.candidacy && run.request.candidacy->slot && run.status == 0;
    run.completing = worked;
    return worked ? say(run, local::Completed{1}) : let_go(run);
  }
  run.command = false;
  finish_seen(run, false);
  if (world_.node(run.host) != nullptr) {
    world_.input(run.host, replica::HoldersGone{run.connection});
    if (run.connected) world_.input(run.host, replica::ToolGone{run.connection});
  }
  forget(id);
}

void Tools::let_go(Run& run) {
  run.completing = false;
  // The kernel's word and the wrapper's come in either order.
  if (random_.chance(0.5)) world_.input(run.host, replica::HoldersGone{run.connection});
  say(run, local::Release{1, run.status}, false);
}

// The wrapper has its answer and exits; the children go on for a while.
void Tools::children_stay(std::uint64_t id, Run& run) {
  unguarded(run);
  later(Duration{}, config_.work_high, [this, id] {
    const Run* children = find(id);
    if (children != nullptr && children->command) command_ends(id, false);
  });
}

void Tools::wrapper_exits(std::uint64_t id, Run& run) {
  if (run.connected) {
    if (run.token != Token{}) world_.input(run.host, replica::HoldersGone{run.connection});
    world_.input(run.host, replica::ToolGone{run.connection});
  }
  forget(id);
}

void Tools::forget(std::uint64_t id) {
  next_run(runs_.at(id));
  runs_.erase(id);
  heard_.erase(id);
  std::erase_if(later_connections_, [&](const auto& later) { return later.second == id; });
}

void Tools::next_run(const Run& run) {
  if (run.probe || run.outer != 0) return;
  later(Duration{}, config_.pause_high,
        [this, host = run.host, script = run.script] { start_run(host, script, false); });
}

void Tools::finish_seen(const Run& run, bool confirmed) {
  for (const std::size_t i : run.seen) {
    Seen& seen = seen_[i];
    if (!seen.ended) seen.ended = world_.now();
    if (confirmed) seen.released_by = world_.now();
  }
}

}  // namespace coord::sweep
