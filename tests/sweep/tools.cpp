#include "sweep/tools.hpp"

#include <algorithm>
#include <array>

namespace coord::sweep {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr double stop_by_fraction = 0.8;

bool conflict(const local::Acquire& a, const local::Acquire& b) {
  const bool common = std::any_of(a.names.begin(), a.names.end(), [&](const std::string& name) {
    return std::find(b.names.begin(), b.names.end(), name) != b.names.end();
  });
  return common && (a.mode == local::Mode::exclusive || b.mode == local::Mode::exclusive);
}

}  // namespace

Tools::Tools(World& world, Cluster& cluster, ToolsConfig config, Instant quiet_from)
    : world_(world),
      cluster_(cluster),
      config_(config),
      quiet_from_(quiet_from),
      random_(world.random().next()) {
  cluster_.watcher = this;
}

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
                                                        stop_by_fraction));
}

local::Acquire Tools::some_request() {
  local::Acquire request;
  request.request = 1;
  request.names = {"lock-" + std::to_string(random_.below(config_.names))};
  if (random_.chance(config_.several))
    request.names.push_back("lock-" + std::to_string(random_.below(config_.names)));
  std::sort(request.names.begin(), request.names.end());
  request.names.erase(std::unique(request.names.begin(), request.names.end()), request.names.end());
  if (random_.chance(config_.shared)) request.mode = local::Mode::shared;
  request.wait = !random_.chance(config_.no_wait);
  request.ttl = random_.between(config_.ttl_low, config_.ttl_high);
  if (random_.chance(config_.lock_delay))
    request.lock_delay = random_.between(milliseconds(10), milliseconds(400));
  if (random_.chance(config_.min_hold))
    request.min_hold = random_.between(milliseconds(10), milliseconds(400));
  request.command = "script";
  return request;
}

void Tools::start_run(NodeId host, std::uint64_t script, bool probe) {
  if (world_.violation()) return;
  if (!probe && world_.now() >= quiet_from_) return;
  if (world_.node(host) == nullptr || world_.state(host) != sim::NodeState::running) {
    later(milliseconds(50), milliseconds(200),
          [this, host, script, probe] { start_run(host, script, probe); });
    return;
  }
  Run run;
  const std::uint64_t id = ++last_id_;
  run.connection = replica::ConnectionId{id};
  run.host = host;
  run.script = script;
  run.probe = probe;
  run.request = some_request();
  if (probe) {
    run.request.names = {"probe-" + std::to_string(host.value)};
    run.request.wait = true;
    run.request.min_hold = run.request.lock_delay = Duration{};
  }
  run.request.pid = static_cast<std::uint32_t>(id);
  for (const std::string& name : run.request.names) {
    Seen seen;
    seen.run = id;
    seen.name = name;
    seen.shared = run.request.mode == local::Mode::shared;
    seen.asked = world_.now();
    run.seen.push_back(seen_.size());
    seen_.push_back(std::move(seen));
  }
  const auto& stored = runs_.emplace(id, std::move(run)).first->second;
  say(stored, local::Hello{local::protocol_version, "dlock"});
  say(stored, stored.request);
  if (!probe && stored.request.wait && random_.chance(config_.bounded)) {
    later(milliseconds(5), milliseconds(1500), [this, id] {
      const Run* waits = find(id);
      if (waits != nullptr && waits->stage == Stage::asking) say(*waits, local::Cancel{1});
    });
  }
}

void Tools::say(const Run& run, local::Request request, bool holders_left) {
  if (!run.connected) return;
  if (world_.traced()) {
    static constexpr std::array names{"hello", "acquire", "started", "cancel", "release", "list", "peers"};
    world_.note(run.host,
                "run " + std::to_string(run.connection.value) + " says " + names.at(request.index()));
  }
  world_.input(run.host, replica::FromTool{run.connection, {1000, "user"}, std::move(request), holders_left});
}

void Tools::told(NodeId node, const replica::ToTool& answer) {
  const std::uint64_t id = answer.connection.value;
  if (world_.traced()) {
    static constexpr std::array names{"welcome", "granted",   "renewed",  "lost",  "refused",
                                      "waiting", "cancelled", "released", "locks", "peers"};
    world_.note(node, "tells run " + std::to_string(id) + " " + names.at(answer.answer.index()));
  }
  const auto deliver = [this, id, said = answer.answer] { hear(id, said); };
  if (config_.wrapper_sleep_high > Duration{} && random_.chance(0.05)) {
    later(microseconds(20), config_.wrapper_sleep_high, deliver);
  } else {
    later(microseconds(20), microseconds(200), deliver);
  }
}

void Tools::hear(std::uint64_t id, const local::Answer& answer) {
  Run* run = find(id);
  if (run == nullptr || !run->connected || !run->wrapper || world_.violation()) return;
  if (const auto* grant = std::get_if<local::Granted>(&answer)) {
    granted(id, *run, *grant);
  } else if (const auto* renewed = std::get_if<local::Renewed>(&answer)) {
    ++renewals_;
    if (run->stage == Stage::running) run->sent = std::max(run->sent, renewed->sent);
  } else if (std::holds_alternative<local::Lost>(answer)) {
    ++losses_;
    if (run->command) command_ends(id, true);
  } else if (const auto* refused = std::get_if<local::Refused>(&answer)) {
    if (run->stage != Stage::asking) return;
    for (const std::size_t i : run->seen) seen_[i].answered = world_.now();
    if (refused->kind == local::RefusedKind::held) {
      for (const std::size_t i : run->seen) seen_[i].released_by = world_.now();
    }
    wrapper_exits(id, *run);
  } else if (std::holds_alternative<local::Cancelled>(answer) ||
             std::holds_alternative<local::Released>(answer)) {
    if (std::holds_alternative<local::Released>(answer)) finish_seen(*run, true);
    wrapper_exits(id, *run);
  }
}

void Tools::granted(std::uint64_t id, Run& run, const local::Granted& grant) {
  if (run.stage != Stage::asking) return;
  run.sent = grant.sent;
  run.token = grant.token;
  for (const std::size_t i : run.seen) {
    seen_[i].granted = true;
    seen_[i].answered = world_.now();
  }
  if (world_.local_now(run.host) >=
      stop_by(run)) {  // read too late: dlock does not begin what it must stop at once
    finish_seen(run, false);
    wrapper_exits(id, run);
    return;
  }
  start_command(id, run);
}

void Tools::start_command(std::uint64_t id, Run& run) {
  run.stage = Stage::running;
  run.command = true;
  ++grants_;
  check_overlap(run);
  check_fencing(run);
  say(run, local::Started{1, static_cast<std::uint32_t>(id), run.request.ttl * 3 / 10});
  watch_deadline(id);
  schedule_ends(id);
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
  if (!wrapper_only && !both) return;
  world_.at(world_.now() + random_.between(Duration{}, work), [this, id, both] {
    Run* killed = find(id);
    if (killed == nullptr || !killed->command || !killed->connected) return;
    killed->wrapper = false;
    killed->connected = false;
    world_.input(killed->host, replica::ToolGone{killed->connection});
    if (both) command_ends(id, true);
  });
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
  const std::uint64_t id = stop.connection.value;
  world_.at(world_.now(), [this, id] {
    const Run* run = find(id);
    if (run != nullptr && run->command) command_ends(id, true);
  });
}

void Tools::command_ends(std::uint64_t id, bool stopped) {
  Run& run = runs_.at(id);
  run.command = false;
  if (run.wrapper && run.connected && !stopped) {
    run.stage = Stage::leaving;
    for (const std::size_t i : run.seen) seen_[i].released_from = world_.now();
    // The kernel's word and the wrapper's come in either order.
    if (random_.chance(0.5)) world_.input(run.host, replica::HoldersGone{run.connection});
    say(run, local::Release{1}, false);
    return;
  }
  finish_seen(run, false);
  if (world_.node(run.host) != nullptr) {
    world_.input(run.host, replica::HoldersGone{run.connection});
    if (run.connected) world_.input(run.host, replica::ToolGone{run.connection});
  }
  run.stage = Stage::over;
  next_run(run);
  runs_.erase(id);
}

void Tools::wrapper_exits(std::uint64_t id, Run& run) {
  if (run.connected) {
    if (run.token != Token{}) world_.input(run.host, replica::HoldersGone{run.connection});
    world_.input(run.host, replica::ToolGone{run.connection});
  }
  next_run(run);
  runs_.erase(id);
}

void Tools::next_run(const Run& run) {
  if (run.probe) return;
  later(Duration{}, config_.pause_high,
        [this, host = run.host, script = run.script] { start_run(host, script, false); });
}

void Tools::finish_seen(const Run& run, bool confirmed) {
  for (const std::size_t i : run.seen) {
    Seen& seen = seen_[i];
    if (seen.released_from == Instant{}) seen.released_from = world_.now();
    if (confirmed) seen.released_by = world_.now();
  }
}

// The peer's process is gone, with every connection. Who still asks must ask anew; commands go on under their
// wrappers until their deadlines. A command without a wrapper has now no guard left (the man page says so):
// it is taken out here.
void Tools::process_died(NodeId node) {
  std::vector<std::uint64_t> ids;
  for (auto& [id, run] : runs_) {
    if (run.host != node || !(run.connected || run.command)) continue;
    run.connected = false;
    run.power_cuts = world_.disk(node).counts().of(sim::FaultKind::power_cut);
    if (!run.command || !run.wrapper) ids.push_back(id);
  }
  for (const std::uint64_t id : ids) {
    Run& run = runs_.at(id);
    finish_seen(run, false);
    next_run(run);
    runs_.erase(id);
  }
}

// A power cut took the host's processes with it, not only its peer.
void Tools::process_started(NodeId node) {
  const std::uint64_t cuts = world_.disk(node).counts().of(sim::FaultKind::power_cut);
  std::vector<std::uint64_t> dead;
  for (const auto& [id, run] : runs_) {
    if (run.host == node && !run.connected && run.command && run.power_cuts < cuts) dead.push_back(id);
  }
  for (const std::uint64_t id : dead) command_ends(id, true);
}

void Tools::check_overlap(const Run& run) {
  for (const auto& [id, other] : runs_) {
    if (&other == &run || !other.command || !conflict(run.request, other.request)) continue;
    // Both guards are out: the wrapper was killed and the peer is stopped. Only the token protects (the man
    // page says so).
    if (!other.wrapper && world_.state(other.host) != sim::NodeState::running) continue;
    world_.fail("one_exclusive_holder",
                "run " + std::to_string(run.connection.value) + " on node " + std::to_string(run.host.value) +
                    " begins under token " + std::to_string(run.token.value) + " while run " +
                    std::to_string(id) + " on node " + std::to_string(other.host.value) +
                    " runs under token " + std::to_string(other.token.value) + ", both on " +
                    run.request.names.front(),
                run.host);
    return;
  }
}

void Tools::check_fencing(const Run& run) {
  if (run.request.mode == local::Mode::shared) return;
  for (const std::string& name : run.request.names) {
    Token& last = last_exclusive_[name];
    if (run.token <= last) {
      world_.fail("tokens_increase",
                  name + " was held under token " + std::to_string(last.value) + " and now under " +
                      std::to_string(run.token.value),
                  run.host);
    }
    last = run.token;
  }
}

// A peer alone does not sync its grants: after a power cut its log may go on differently, but for the tokens.
void Tools::forget_from(std::uint64_t index) {
  log_.erase(log_.lower_bound(index), log_.end());
  std::erase_if(took_effect_, [&](const auto& entry) { return entry.second >= index; });
}

void Tools::applied(NodeId node, const replica::Applied& applied) {
  AppliedOnce now;
  now.effects = applied.effects.size();
  for (const service::Effect& effect : applied.effects) {
    if (const auto* grant = std::get_if<service::Granted>(&effect)) now.tokens.push_back(grant->token);
  }
  const auto known = log_.find(applied.index.value);
  const bool differs =
      known != log_.end() && (known->second.tokens != now.tokens || known->second.effects != now.effects);
  if (differs && world_.nodes() == 1) forget_from(applied.index.value);
  for (const service::Effect& effect : applied.effects) {
    std::visit(
        [&](const auto& concrete) {
          using T = std::decay_t<decltype(concrete)>;
          if constexpr (requires { concrete.to.sequence; } && !std::is_same_v<T, service::Duplicate> &&
                        !std::is_same_v<T, service::Stale>) {
            if (concrete.to.client == service::ClientId{}) return;
            if constexpr (std::is_same_v<T, service::Refused>) {
              if (concrete.why == service::Refusal::too_far_ahead) return;
            }
            const auto key = std::pair(concrete.to.client.value, concrete.to.sequence);
            const auto first = took_effect_.emplace(key, applied.index.value).first;
            if (first->second != applied.index.value) {
              world_.fail("exactly_once",
                          "command " + std::to_string(key.second) + " of client " +
                              std::to_string(key.first) + " took effect at " + std::to_string(first->second) +
                              " and again at " + std::to_string(applied.index.value),
                          node);
            }
          }
        },
        effect);
  }
  const auto [entry, is_first] = log_.emplace(applied.index.value, now);
  if (!is_first) {
    if (entry->second.tokens != now.tokens || entry->second.effects != now.effects) {
      world_.fail("machines_agree",
                  "entry " + std::to_string(applied.index.value) + " had other effects elsewhere", node);
    }
    return;
  }
  for (const Token token : now.tokens) {
    if (token <= top_token_) {
      world_.fail("tokens_increase",
                  "token " + std::to_string(token.value) + " at entry " +
                      std::to_string(applied.index.value) + " after " + std::to_string(top_token_.value),
                  node);
    }
    top_token_ = std::max(top_token_, token);
  }
}

std::optional<std::string> Tools::unfinished() const {
  for (const auto& [id, run] : runs_) {
    return std::string(run.probe ? "probe " : "run ") + std::to_string(id) + " on node " +
           std::to_string(run.host.value) +
           (run.stage == Stage::asking ? " still waits for " : " still has ") + run.request.names.front();
  }
  return std::nullopt;
}

void Tools::probe() {
  for (std::size_t host = 1; host <= world_.nodes(); ++host) {
    if (world_.node(NodeId{host}) != nullptr) start_run(NodeId{host}, 0, true);
  }
}

}  // namespace coord::sweep
