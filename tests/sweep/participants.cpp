// SPDX-License-Identifier: MIT
#include "sweep/participants.hpp"

#include <algorithm>

namespace coord::sweep {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr double stop_by_fraction = 0.8;

}  // namespace

void Participants::begin() {
  std::uint64_t script = 0;
  for (std::size_t host = 1; host <= world_.nodes(); ++host) {
    for (std::size_t i = 0; i < config_.scripts_per_host; ++i) {
      later(Duration{}, config_.pause_high,
            [this, host, number = ++script] { start(NodeId{host}, number, false); });
    }
  }
}

void Participants::later(Duration low, Duration high, std::function<void()> action) {
  world_.at(world_.now() + random_.between(low, high), std::move(action));
}

Participants::Member* Participants::find(std::uint64_t id) {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

std::uint64_t Participants::cuts_of(NodeId host) const {
  return world_.disk(host).counts().of(sim::FaultKind::power_cut);
}

std::uint64_t Participants::disks_of(NodeId host) const {
  return world_.disk(host).counts().of(sim::FaultKind::disk_replaced);
}

Instant Participants::stop_by(const Member& member) const {
  return member.sent + Duration(static_cast<Duration::rep>(static_cast<double>(member.request.ttl.count()) *
                                                           stop_by_fraction));
}

// ---- arriving

// All who come to a gate agree about it (now and then one does not), and come again under the same id.
local::Arrive Participants::some_arrival(std::uint64_t script) {
  local::Arrive request;
  const std::uint64_t gate = random_.below(5);
  request.name = "gate-" + std::to_string(gate);
  request.id = "p" + std::to_string(script);
  request.count = 2 + static_cast<std::uint32_t>(gate % 2);
  request.command = gate >= 2;
  request.break_on_death = gate == 2;
  request.in_turn = gate == 4;
  if (gate == 1) {
    request.quorum = 2;
    request.after = milliseconds(150);
  }
  if (random_.chance(0.02)) ++request.count;
  if (random_.chance(config_.fails)) {
    local::Arrive failure;
    failure.name = request.name;
    failure.id = request.id;
    failure.count = request.count;
    failure.fail = true;
    failure.why = "disk full";
    return failure;
  }
  return request;
}

void Participants::start(NodeId host, std::uint64_t script, bool probe) {
  if (world_.violation() || (!probe && world_.now() >= quiet_from_)) return;
  if (world_.node(host) == nullptr || world_.state(host) != sim::NodeState::running) {
    later(milliseconds(50), milliseconds(200), [this, host, script, probe] { start(host, script, probe); });
    return;
  }
  if (!probe && random_.chance(config_.resets)) reset(host);
  const std::uint64_t id = ++last_id_;
  Member& member = members_[id];
  member.host = host;
  member.script = script;
  member.probe = probe;
  member.request = some_arrival(script);
  if (probe) {
    member.request = {};
    member.request.name = "probe";
    member.request.id = "h" + std::to_string(host.value);
    member.request.count = static_cast<std::uint32_t>(script);
  }
  member.request.request = 1;
  member.request.key = id;
  member.request.ttl = random_.between(config_.ttl_low, config_.ttl_high);
  member.request.pid = static_cast<std::uint32_t>(id);
  arrived_.insert(id);
  if (member.request.fail) failing_.insert(id);
  if (random_.chance(config_.failing)) member.status = 1;
  arrive(id);
  if (probe) return;
  if (random_.chance(config_.gives_up)) {
    later(milliseconds(5), milliseconds(1500), [this, id] {
      Member* waits = find(id);
      if (waits == nullptr || waits->stage != Stage::waiting || !waits->connected) return;
      waits->cancelled = true;
      say(*waits, local::Cancel{1});
    });
  }
  if (random_.chance(config_.killed))
    later(Duration{}, milliseconds(800), [this, id, both = random_.chance(0.5)] { kill(id, both); });
}

void Participants::arrive(std::uint64_t id) {
  Member& member = members_.at(id);
  member.connection = replica::ConnectionId{++last_connection_};
  member.connected = true;
  member.power_cuts = cuts_of(member.host);
  member.disks = disks_of(member.host);
  by_connection_[member.connection] = id;
  say(member, local::Hello{local::protocol_version, "dbarrier"});
  say(member, member.request);
}

// Its peer was killed; the wrapper looks for it until it is back.
void Participants::arrive_again(std::uint64_t id) {
  later(milliseconds(10), milliseconds(300), [this, id] {
    const Member* member = find(id);
    if (member == nullptr || member->connected || !member->wrapper || world_.violation()) return;
    // Who is asleep reads first what was said before.
    if (world_.node(member->host) == nullptr || world_.state(member->host) != sim::NodeState::running ||
        world_.now() <= heard_[member->connection])
      return arrive_again(id);
    arrive(id);
  });
}

void Participants::reset(NodeId host) {
  const replica::ConnectionId connection{++last_connection_};
  const std::string name = "gate-" + std::to_string(random_.below(5));
  resets_[connection] = host;
  were_reset_.insert(name);
  say(host, connection, local::Hello{local::protocol_version, "dbarrier"});
  say(host, connection, local::ResetBarrier{1, name});
}

void Participants::say(NodeId host, replica::ConnectionId connection, local::Request request) {
  if (world_.traced()) {
    const auto member = by_connection_.find(connection);
    const std::string who =
        member == by_connection_.end() ? "reset" : "participant " + std::to_string(member->second);
    world_.note(host, who + " says " + std::to_string(request.index()));
  }
  world_.input(
      host, replica::FromTool{
                connection, {1000, "user", {connection.value, 1}, local::newest_spoken}, std::move(request)});
}

void Participants::say(const Member& member, local::Request request) {
  if (member.connected) say(member.host, member.connection, std::move(request));
}

// ---- answers

void Participants::told(NodeId node, const replica::ToTool& answer) {
  const replica::ConnectionId connection = answer.connection;
  if (resets_.contains(connection)) {
    if (std::holds_alternative<local::Welcome>(answer.answer)) return;
    resets_.erase(connection);
    world_.at(world_.now(), [this, node, connection] { world_.input(node, replica::ToolGone{connection}); });
    return;
  }
  const auto found = by_connection_.find(connection);
  if (found == by_connection_.end()) return;
  if (world_.traced())
    world_.note(node, "tells participant " + std::to_string(found->second) + " " +
                          std::to_string(answer.answer.index()));
  Instant& heard = heard_[connection];  // a socket keeps the order
  const bool asleep = random_.chance(config_.late) && world_.now() + config_.sleep_high < quiet_from_;
  const Duration high = asleep ? config_.sleep_high : microseconds(200);
  heard = std::max(heard + Duration(1), world_.now() + random_.between(microseconds(20), high));
  world_.at(heard, [this, id = found->second, connection, said = answer.answer] {
    // What was written before the peer's process died is read all the same.
    const Member* member = find(id);
    const bool reads = member != nullptr && member->connection == connection && member->wrapper &&
                       member->power_cuts == cuts_of(member->host);
    if (reads) hear(id, said);
  });
}

void Participants::hear(std::uint64_t id, const local::Answer& answer) {
  if (world_.violation()) return;
  Member& member = members_.at(id);
  if (const auto* pass = std::get_if<local::Passed>(&answer)) {
    passed(id, member, *pass);
  } else if (const auto* waiting = std::get_if<local::Waiting>(&answer)) {
    if (waiting->generation != 0) member.request.generation = waiting->generation;
  } else if (const auto* released = std::get_if<local::TurnComes>(&answer)) {
    member.request.generation = released->generation;
    member.cancelled = false;  // too late
  } else if (const auto* renewed = std::get_if<local::Renewed>(&answer)) {
    member.sent = std::max(member.sent, renewed->sent);
  } else if (const auto* departed = std::get_if<local::Departed>(&answer)) {
    if (departed->quorum) withdrawn_.insert(member.request.key);
    over(id);
  } else if (const auto* broken = std::get_if<local::Broken>(&answer)) {
    if (broken->dead.empty() && !were_reset_.contains(member.request.name))
      fail(member.host, member.request.name + " was reset and nobody asked for that");
    over(id);
  } else if (const auto* all = std::get_if<local::AllEnded>(&answer)) {
    check_all_ended(member, *all);
    over(id);
  } else if (const auto* refused = std::get_if<local::Refused>(&answer)) {
    if (member.probe && refused->kind != local::RefusedKind::limit)  // a disk may still be full
      fail(member.host, "the probe of " + member.request.id + " was refused: " + refused->why);
    over(id);
  } else if (std::holds_alternative<local::TakenUp>(answer)) {
    if (member.stage == Stage::taking) begin(id, member);
  } else if (std::holds_alternative<local::Lost>(answer)) {
    over(id);
  }
}

void Participants::passed(std::uint64_t id, Member& member, const local::Passed& answer) {
  check_passed(member, answer);
  member.request.generation = answer.generation;
  if (answer.late || !member.request.command) {
    ++passes_;
    return over(id);
  }
  member.sent = answer.sent;
  if (member.stage == Stage::ended) return say(member, local::Ended{1, member.status, milliseconds(1)});
  // Read too late: dbarrier does not begin what it must stop at once.
  if (world_.local_now(member.host) >= stop_by(member)) return over(id);
  member.cancelled = false;  // too late
  if (member.stage == Stage::waiting) member.stage = Stage::taking;
  say(member, local::Started{1, static_cast<std::uint32_t>(id), member.request.ttl * 3 / 10});
}

// The child gets the word, if it is there and nothing was read too late.
void Participants::begin(std::uint64_t id, Member& member) {
  if (!member.child || world_.local_now(member.host) >= stop_by(member)) return over(id);
  start_command(id, member);
}

// ---- the command

void Participants::start_command(std::uint64_t id, Member& member) {
  ++passes_;
  member.stage = Stage::running;
  check_turn(member);
  member.command = true;
  if (world_.nodes() > 1 && all_ended_.contains({member.request.name, member.request.generation}))
    fail(member.host, member.request.id + " begins when all commands of its generation have ended");
  watch_deadline(id);
  later(Duration{}, config_.work_high, [this, id] {
    const Member* ends = find(id);
    if (ends != nullptr && ends->command) command_ends(id, false);
  });
}

void Participants::watch_deadline(std::uint64_t id) {
  Member* member = find(id);
  if (member == nullptr || !member->command || !member->wrapper) return;
  const Instant end = stop_by(*member);
  if (world_.local_now(member->host) >= end) return command_ends(id, true);
  const Instant at = std::min(world_.clock(member->host).reaches(end), world_.now() + milliseconds(50));
  world_.at(std::max(at, world_.now() + Duration(1)), [this, id] { watch_deadline(id); });
}

void Participants::stop_command(NodeId, const replica::StopCommand& stop) {
  const auto found = by_connection_.find(stop.connection);
  if (!stop.kill || found == by_connection_.end()) return;
  world_.at(world_.now(), [this, id = found->second] {
    Member* member = find(id);
    if (member != nullptr && member->stage == Stage::taking) member->child = false;
    if (member != nullptr && member->command) command_ends(id, true);
  });
}

void Participants::command_ends(std::uint64_t id, bool stopped) {
  Member& member = members_.at(id);
  member.command = false;
  if (stopped || !member.wrapper) return over(id);
  member.stage = Stage::ended;
  if (member.status != 0) stopped_.insert({member.request.name, member.request.generation});
  if (!member.connected) return;  // it will say so when its peer is back
  if (random_.chance(0.5)) world_.input(member.host, replica::HoldersGone{member.connection});
  say(member, local::Ended{1, member.status, milliseconds(1)});
}

void Participants::kill(std::uint64_t id, bool both) {
  Member* member = find(id);
  if (member == nullptr || !member->connected) return;
  member->wrapper = false;
  world_.input(member->host, replica::ToolGone{member->connection});
  member->connected = false;
  if (both || !member->command) over(id);
}

void Participants::over(std::uint64_t id) {
  const Member& member = members_.at(id);
  if (member.stage == Stage::running) stopped_.insert({member.request.name, member.request.generation});
  if (world_.node(member.host) != nullptr && !member.doomed) {
    if (member.request.command) world_.input(member.host, replica::HoldersGone{member.connection});
    if (member.connected) world_.input(member.host, replica::ToolGone{member.connection});
  }
  if (!member.probe) {
    later(Duration{}, config_.pause_high,
          [this, host = member.host, script = member.script] { start(host, script, false); });
  }
  members_.erase(id);
}

// ---- the host

void Participants::process_died(NodeId node) {
  std::erase_if(resets_, [&](const auto& reset) { return reset.second == node; });
  std::vector<std::uint64_t> gone;
  for (auto& [id, member] : members_) {
    if (member.host != node) continue;
    const bool was_connected = std::exchange(member.connected, false);
    if (was_connected && member.wrapper && !member.cancelled) arrive_again(id);
    if (was_connected && member.cancelled && member.stage == Stage::waiting) gone.push_back(id);
  }
  for (const std::uint64_t id : gone) over(id);  // its time is over: it waits for no peer
}

// A power cut took the host's processes with it, not only its peer.
void Participants::process_started(NodeId node) {
  std::vector<std::uint64_t> dead;
  for (auto& [id, member] : members_) {
    if (member.host != node || member.connected || member.power_cuts >= cuts_of(node)) continue;
    member.doomed = true;
    dead.push_back(id);
  }
  for (const std::uint64_t id : dead) over(id);
}

// ---- good times

void Participants::probe() {
  std::uint64_t up = 0;
  for (std::size_t host = 1; host <= world_.nodes(); ++host) up += world_.node(NodeId{host}) != nullptr;
  for (std::size_t host = 1; host <= world_.nodes(); ++host) {
    if (world_.node(NodeId{host}) != nullptr) start(NodeId{host}, up, true);
  }
}

void Participants::go_home() {
  for (auto& [id, member] : members_) {
    if (member.probe || member.stage != Stage::waiting || !member.connected || member.cancelled) continue;
    const auto released = generations_of_.find(member.request.key);
    if (released != generations_of_.end()) {
      for (const auto& [place, when] : released->second) {
        if (place.second >= member.request.generation && world_.now() - when > std::chrono::seconds(2)) {
          return fail(member.host, "participant " + std::to_string(id) + " still waits at " + place.first +
                                       " and was released in generation " + std::to_string(place.second));
        }
      }
    }
    member.cancelled = true;
    say(member, local::Cancel{1});
  }
}

std::optional<std::string> Participants::unfinished() const {
  if (members_.empty()) return std::nullopt;
  const auto& [id, member] = *members_.begin();
  return "participant " + std::to_string(id) + " on node " + std::to_string(member.host.value) +
         " is still at " + member.request.name;
}

}  // namespace coord::sweep
