// SPDX-License-Identifier: MIT
#include "sweep/virtual_engine.hpp"

#include <algorithm>
#include <limits>

#include "replica/engine_frame.hpp"
#include "service/commands.hpp"
#include "wire/codec.hpp"

namespace coord::sweep {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t most_operators = 2;
constexpr std::size_t entries_a_page = 20;

}  // namespace

VirtualEngine::VirtualEngine(World& world, Cluster& cluster, std::uint64_t seed, const Options& options,
                             Instant end)
    : world_(world),
      cluster_(cluster),
      random_(seed ^ 0x656e67696e650000U),
      options_(options),
      end_(end),
      links_(world.nodes() + 1 + most_operators) {
  if (cluster.config().engine) cluster.engine = this;
}

void VirtualEngine::begin() {
  for (std::size_t i = 1; i <= world_.nodes(); ++i) {
    if (options_.cut_gap != Duration{}) cuts(NodeId{i});
  }
  if (options_.outage_gap != Duration{}) outages();
  if (options_.restored) {
    const Instant backup = Instant{random_.between(milliseconds(500), seconds(2))};
    world_.at(backup, [this] {
      backup_ = log_;
      backup_index_ = index();
    });
    world_.at(backup + random_.between(milliseconds(300), milliseconds(1500)), [this] { restore(); });
  }
}

// ---- connections

Duration VirtualEngine::delay() {
  const bool slow = random_.chance(0.02);
  return slow ? random_.between(milliseconds(5), milliseconds(400))
              : random_.between(microseconds(200), milliseconds(6));
}

void VirtualEngine::process_started(NodeId node) {
  ++links_.at(node.value).generation;
  links_.at(node.value).up = false;
  connect(node, random_.between(milliseconds(1), milliseconds(40)));
}

void VirtualEngine::connect(NodeId node, Duration after) {
  const std::uint64_t generation = links_.at(node.value).generation;
  world_.at(world_.now() + after, [this, node, generation] {
    Link& link = links_.at(node.value);
    if (link.generation != generation || link.up) return;
    link.up = true;
    link.following = link.gap = false;
    link.asked_until = link.told_until = world_.now();
    tell(node, engine::Up{});
  });
}

void VirtualEngine::cut(NodeId node, Duration length) {
  Link& link = links_.at(node.value);
  if (!link.up) return;
  ++link.generation;
  link.up = link.following = false;
  input(node, engine::Down{"engine: the connection broke"});
  connect(node, length);
}

void VirtualEngine::cuts(NodeId node) {
  const Instant when = world_.now() + random_.between(options_.cut_gap / 4, options_.cut_gap * 2);
  world_.at(when, [this, node] {
    if (world_.now() >= end_) return;
    cut(node, random_.between(milliseconds(5), milliseconds(random_.chance(0.3) ? 1500 : 100)));
    cuts(node);
  });
}

void VirtualEngine::outages() {
  const Instant when = world_.now() + random_.between(options_.outage_gap / 4, options_.outage_gap * 2);
  world_.at(when, [this] {
    if (world_.now() >= end_) return;
    const Duration length = random_.between(milliseconds(50), milliseconds(1200));
    for (std::size_t i = 1; i <= world_.nodes(); ++i) cut(NodeId{i}, length);
    outages();
  });
}

std::uint64_t VirtualEngine::index() const {
  const auto state = replica::decode_engine_state(log_.kept);
  std::uint64_t index = log_.made && state.ok() ? state->place.index : 0;
  for (const auto& [position, item] : log_.items) {
    const auto entry = replica::decode_engine_entry(item.bytes);
    if (position > log_.opened.at(log_.kept_epoch) && !item.seal && entry && *entry) ++index;
  }
  return index;
}

// Who has seen nothing since the backup cannot know: it comes as one that has seen nothing at all, and so may
// another one. There is one that knows.
void VirtualEngine::restore() {
  if (!backup_.made) return;
  std::vector<NodeId> strangers;
  for (std::size_t i = 1; i <= world_.nodes(); ++i) {
    if (cluster_.memory(NodeId{i}).place.index <= backup_index_) strangers.push_back(NodeId{i});
  }
  if (strangers.size() == world_.nodes()) return;
  if (strangers.empty() && random_.chance(0.7))
    strangers.push_back(NodeId{1 + random_.below(world_.nodes())});
  restored_ = true;
  if (cluster_.watcher != nullptr) cluster_.watcher->log_was_restored();
  log_ = backup_;
  for (std::size_t i = 1; i <= world_.nodes(); ++i)
    cut(NodeId{i}, random_.between(milliseconds(5), milliseconds(300)));
  for (const NodeId node : strangers) come_anew(node);
  const Instant first = world_.now() + random_.between(milliseconds(100), milliseconds(900));
  world_.at(first, [this] { new_era(); });
  operators_to_come_ = 1;
  if (!random_.chance(0.5)) return;
  // Before it has sealed, before it has opened, or after both; and the first one may not come to its end.
  const Instant second = first + random_.between(Duration{}, milliseconds(4000));
  world_.at(second, [this] { new_era(); });
  operators_to_come_ = 2;
  if (!random_.chance(0.3)) return;
  world_.at(first + random_.between(Duration{}, milliseconds(4000)),
            [this] { operators_.front()->dead = true; });
}

// A host with an empty state directory, whose commands run on.
void VirtualEngine::come_anew(NodeId node) {
  if (world_.state(node) == sim::NodeState::running || world_.state(node) == sim::NodeState::paused)
    world_.crash(node, sim::CrashKind::process);
  cluster_.forget_memory(node);
  world_.at(world_.now() + random_.between(milliseconds(5), milliseconds(200)), [this, node] {
    if (world_.state(node) == sim::NodeState::stopped) world_.start(node);
  });
}

// ---- the operators

void VirtualEngine::new_era() {
  replica::EngineLog::Config config;
  config.self = NodeId{world_.nodes() + 1 + operators_.size()};
  config.first = true;
  config.registers = false;
  config.believe_again = milliseconds(200);
  config.hear_memories = milliseconds(1200);
  config.usual_ttl = seconds(3);
  config.level = newest_level + 1;  // of the latest release, whatever the gateways are upgraded to meanwhile
  const NodeId node = config.self;
  operators_.emplace_back(
      new Operator{node, replica::EngineLog(std::move(config), Random(random_.next()), world_.now())});
  process_started(node);
  if (options_.cut_gap != Duration{}) cuts(node);
  operate(*operators_.back());
}

bool VirtualEngine::is_beginning_era() const {
  const auto is_at_work = [](const auto& one) {
    const bool is_open = one->log.has_quorum() && !one->log.machine().state().closed;
    return !one->dead && (!one->begun || one->log.is_beginning_era() || !is_open);
  };
  return operators_.size() < operators_to_come_ || std::ranges::any_of(operators_, is_at_work);
}

void VirtualEngine::perform(const Operator& one, const replica::Actions& actions) {
  for (const replica::Action& action : actions) {
    if (const auto* asked = std::get_if<replica::ToEngine>(&action)) ask(one.node, asked->request);
  }
}

// As coordd does, but for the end: it confirms the log again and again to gateways that were away when the
// era began.
void VirtualEngine::operate(Operator& one) {
  if (one.dead) return;
  const Instant now = world_.now();
  perform(one, one.log.step(now, wall_time(now), replica::Tick{}));
  perform(one, one.log.settle(now, wall_time(now)));
  if (!one.begun) {
    one.begun = one.log.is_read();
    const Token by_clock{static_cast<std::uint64_t>(wall_time(now).unix_ns / 1'000'000'000) << 20U};
    if (one.begun) perform(one, one.log.begin_era(now, by_clock, {}));
  } else if (!one.log.is_beginning_era() && one.log.has_quorum()) {
    const bool is_open = !one.log.machine().state().closed;
    if (is_open && now > end_ + seconds(2)) return;
    perform(one, is_open ? one.log.confirm_to_all(now) : one.log.open_era(now));
  }
  world_.at(now + milliseconds(50), [this, &one] { operate(one); });
}

void VirtualEngine::input(NodeId node, const engine::Told& told) {
  if (node.value <= world_.nodes()) return world_.input(node, replica::FromEngine{told});
  Operator& one = *operators_.at(node.value - world_.nodes() - 1);
  if (one.dead) return;
  perform(one, one.log.step(world_.now(), wall_time(world_.now()), replica::FromEngine{told}));
  perform(one, one.log.settle(world_.now(), wall_time(world_.now())));
}

// What is told comes in order; now and then something is lost, and a while later the connection with it.
void VirtualEngine::tell(NodeId node, engine::Told what) {
  Link& link = links_.at(node.value);
  const bool may_be_lost = std::holds_alternative<engine::Entry>(what) && link.following &&
                           world_.now() < end_ && node.value <= world_.nodes();
  if (may_be_lost && random_.chance(options_.lost)) {
    link.gap = true;
    const std::uint64_t generation = link.generation;
    world_.at(world_.now() + random_.between(milliseconds(50), milliseconds(600)), [this, node, generation] {
      if (links_.at(node.value).generation == generation && links_.at(node.value).gap)
        cut(node, milliseconds(5));
    });
    return;
  }
  link.told_until = std::max(link.told_until, world_.now() + delay());
  const std::uint64_t generation = link.generation;
  world_.at(link.told_until, [this, node, generation, what = std::move(what)] {
    if (links_.at(node.value).generation != generation) return;
    input(node, what);
  });
}

// ---- requests

void VirtualEngine::ask(NodeId node, engine::Request request) {
  Link& link = links_.at(node.value);
  if (!link.up) return;
  link.asked_until = std::max(link.asked_until, world_.now() + delay());
  const std::uint64_t generation = link.generation;
  world_.at(link.asked_until, [this, node, generation, request = std::move(request)] {
    const bool answered = links_.at(node.value).generation == generation;
    if (answered) return carry_out(node, request, true);
    if (!random_.chance(0.5)) return;
    const Instant late =
        world_.now() + random_.between(Duration{}, seconds(random_.chance(0.2) ? 3 : 0) + milliseconds(50));
    world_.at(late, [this, node, request] { carry_out(node, request, false); });
  });
}

void VirtualEngine::carry_out(NodeId node, const engine::Request& request, bool answered) {
  Link& link = links_.at(node.value);
  if (const auto* append = std::get_if<engine::Append>(&request)) {
    this->append(*append);
  } else if (const auto* seal = std::get_if<engine::Seal>(&request)) {
    this->seal(*seal);
  } else if (const auto* keep = std::get_if<engine::Keep>(&request)) {
    this->keep(*keep);
  } else if (const auto* make = std::get_if<engine::Make>(&request)) {
    if (log_.made) return;
    log_.made = true;
    log_.epoch = log_.kept_epoch = 1;
    log_.opened[1] = ++log_.position;
    log_.kept = make->state;
  } else if (!answered) {
    return;
  } else if (const auto* load = std::get_if<engine::Load>(&request)) {
    this->load(node, *load);
  } else if (const auto* barrier = std::get_if<engine::Barrier>(&request)) {
    if (link.gap) return cut(node, milliseconds(5));
    if (link.following) tell(node, engine::Reached{barrier->ticket});
  }
}

engine::Told VirtualEngine::told_of(std::uint64_t after, std::uint64_t position, const Item& item) {
  if (item.seal) return engine::Sealed{after, position, item.epoch};
  return engine::Entry{after, position, item.bytes};
}

void VirtualEngine::load(NodeId node, const engine::Load& request) {
  Link& link = links_.at(node.value);
  link.following = link.gap = false;
  if (!log_.made) return tell(node, engine::Empty{});
  link.told = log_.opened.at(log_.kept_epoch);
  tell(node, engine::State{log_.kept_epoch, link.told, log_.kept});
  page(node, link.generation, ++link.loads, request.ticket);
}

void VirtualEngine::page(NodeId node, std::uint64_t generation, std::uint64_t load, std::uint64_t ticket) {
  Link& link = links_.at(node.value);
  if (link.generation != generation || link.loads != load) return;
  if (link.told < log_.opened.at(log_.kept_epoch))  // as adapters do: what comes next was trimmed
    return tell(node, engine::Entry{0, std::numeric_limits<std::uint64_t>::max(), {}});
  std::size_t left = entries_a_page;
  for (auto at = log_.items.upper_bound(link.told); at != log_.items.end(); ++at) {
    if (left-- == 0)
      return world_.at(world_.now() + delay(), [=, this] { page(node, generation, load, ticket); });
    tell(node, told_of(link.told, at->first, at->second));
    link.told = at->first;
  }
  tell(node, engine::Reached{ticket});
  link.following = true;
}

void VirtualEngine::tell_all(std::uint64_t position, const Item& item) {
  for (std::size_t i = 1; i < links_.size(); ++i) {
    Link& link = links_.at(i);
    if (!link.up || !link.following) continue;
    const std::uint64_t after = std::exchange(link.told, position);
    tell(NodeId{i}, told_of(after, position, item));
  }
}

void VirtualEngine::append(const engine::Append& request) {
  if (!log_.made || request.epoch != log_.epoch) return;
  if (!log_.keys[request.epoch].insert(request.key).second) return;
  entered(request);
  if (random_.chance(0.01)) {  // another program's, under our prefix
    const Item foreign{false, log_.epoch, Bytes(random_.below(40), 7)};
    log_.items[++log_.position] = foreign;
    tell_all(log_.position, foreign);
  }
  log_.position += 1 + random_.below(3);
  const Item item{false, log_.epoch, request.bytes};
  log_.items[log_.position] = item;
  tell_all(log_.position, item);
}

void VirtualEngine::seal(const engine::Seal& request) {
  if (!log_.made || request.epoch != log_.epoch) return;
  log_.position += 1 + random_.below(3);
  const Item item{true, ++log_.epoch, {}};
  log_.opened[log_.epoch] = log_.position;
  log_.items[log_.position] = item;
  tell_all(log_.position, item);
}

// After a restore there are two histories in one era, until the next one begins.
void VirtualEngine::keep(const engine::Keep& request) {
  if (restored_ && request.epoch > log_.epoch) return;
  const auto era_of = [](const Bytes& bytes) {
    const auto state = replica::decode_engine_state(bytes);
    return state.ok() ? state->era : 0;
  };
  const std::uint64_t era = era_of(request.state);
  const auto [known, first] = states_.try_emplace({era, request.epoch}, request.state);
  const bool are_two = restored_ && era <= era_of(backup_.kept);
  if (!first && known->second != request.state && !are_two)
    return world_.fail("states_agree",
                       "two gateways keep different states of epoch " + std::to_string(request.epoch));
  if (request.epoch <= log_.kept_epoch || !log_.opened.contains(request.epoch)) return;
  log_.kept_epoch = request.epoch;
  log_.kept = request.state;
  const std::uint64_t up_to = log_.opened.at(request.epoch);
  log_.items.erase(log_.items.begin(), log_.items.upper_bound(up_to));
  log_.keys.erase(log_.keys.begin(), log_.keys.lower_bound(request.epoch));
}

void VirtualEngine::entered(const engine::Append& request) {
  const auto entry = replica::decode_engine_entry(request.bytes);
  if (!entry || !*entry) return;
  const auto command = wire::decode<service::Command>((*entry)->command, {.version = (*entry)->level});
  if (!command || command->client == service::ClientId{}) return;
  if (cluster_.watcher != nullptr) cluster_.watcher->put_into_log(*command);
  if (!restored_ && !seen_.emplace(command->client.value, command->sequence).second)
    world_.fail("once_in_log", "command " + std::to_string(command->sequence) + " of client " +
                                   std::to_string(command->client.value) + " is in the log twice");
}

}  // namespace coord::sweep
