// SPDX-License-Identifier: MIT
// For tests of a gateway: an engine that does what it is asked at once, gateways that follow it, and the
// removal of a rule.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/rule.hpp"
#include "replica/engine_log.hpp"
#include "wire/codec.hpp"
#include "wire/state_sections.hpp"

namespace coord::replica::engine_test {

using namespace std::chrono_literals;

inline constexpr NodeId self{9}, other{8}, third{7};

inline Bytes entry_of(NodeId node, service::Body body, EngineEntry::Kind kind = EngineEntry::Kind::command) {
  service::Command command;
  command.node = node;
  command.wall = WallTime{1'000'000'000};
  command.body = std::move(body);
  return encode(EngineEntry{node, kind, 2, wire::encode(command, 2)});
}

class Gateway;

// An engine that does what it is asked at once, and tells all that follow.
class Engine {
 public:
  void ask(Gateway& by, const engine::Request& request);
  void add(Bytes bytes) {
    items.push_back({++position, std::move(bytes), 0});
    tell_all(items.back());
    deliver();
  }
  void follow(Gateway& gateway, std::uint64_t from) { followers_[&gateway] = from; }
  void forget(Gateway& gateway) {
    followers_.erase(&gateway);
    std::erase_if(mail_, [&](const auto& each) { return each.first == &gateway; });
  }

  struct Item {
    std::uint64_t position = 0;
    Bytes bytes;
    std::uint64_t seal = 0;
  };
  // ---- what a backup has
  struct Log {
    std::uint64_t epoch = 0, position = 0;
    engine::State state;
    std::vector<Item> items;
    std::vector<std::string> keys;
  };
  Log copy() const { return {epoch, position, state, items, keys}; }
  void restore(const Log& log) {
    epoch = log.epoch;
    position = log.position;
    state = log.state;
    items = log.items;
    keys = log.keys;
  }
  std::uint64_t epoch = 0, position = 0;
  engine::State state;
  std::vector<Item> items;
  std::vector<std::string> keys;
  std::vector<engine::Append> appends;
  int barriers = 0, loads = 0, makes = 0;
  bool has_hole = false;  // in what is read
  std::string full;       // why it takes nothing
  bool drops_seals = false;
  bool keeps_nothing = false;  // of what is made, without a word

  std::size_t entries_of(EngineEntry::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count_if(items, [&](const Item& item) {
      const auto entry = decode_engine_entry(item.bytes);
      return entry && *entry && (*entry)->kind == kind;
    }));
  }

 private:
  void carry_out(Gateway& by, const engine::Request& request);
  void tell(Gateway& gateway, engine::Told told) { mail_.emplace_back(&gateway, std::move(told)); }
  void deliver();
  void tell_all(const Item& item);
  void load(Gateway& by, const engine::Load& request);
  std::map<Gateway*, std::uint64_t> followers_;          // up to where they were told
  std::vector<std::pair<Gateway*, engine::Told>> mail_;  // in its order
  bool delivers_ = false;
};

struct GatewayOptions {
  NodeId node = self;
  EngineMemory memory{};
  std::size_t seal_every = 1000;
  bool first = false, registers = true;
  Level level = newest_level;
  Duration raise_after = std::chrono::minutes(10);
};

class Gateway {
 public:
  explicit Gateway(Engine& engine, const GatewayOptions& options = {}) : engine_(engine) {
    EngineLog::Config config;
    config.self = options.node;
    config.name = "g" + std::to_string(options.node.value);
    config.memory = options.memory;
    config.seal_every_entries = options.seal_every;
    config.first = options.first;
    config.registers = options.registers;
    config.level = options.level;
    config.raise_after = options.raise_after;
    log.emplace(config, Random(5 + options.node.value), now);
  }
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  ~Gateway() { engine_.forget(*this); }

  // What comes while something is being carried out comes after it.
  void tell(const Event& event) {
    inbox_.push_back(event);
    if (busy_) return;
    busy_ = true;
    while (!inbox_.empty()) {
      const Event next = std::move(inbox_.front());
      inbox_.erase(inbox_.begin());
      take(log->step(now, wall, next));
      take(log->settle(now, wall));
    }
    busy_ = false;
  }
  void hear(engine::Told told) {
    if (!deaf) tell(FromEngine{std::move(told)});
  }
  void connect() { tell(FromEngine{engine::Up{}}); }
  void lose() {
    engine_.forget(*this);
    tell(FromEngine{engine::Down{"gone"}});
  }
  void pass(Duration time) {
    for (const Instant end = now + time; now < end; now += 10ms) tell(Tick{});
  }
  void begin_era(Token above, const EngineMemory& known = {}) {
    take(log->begin_era(now, above, known));
    tell(Tick{});
  }
  // As coordd --new-epoch does.
  void operate(Duration time) {
    for (const Instant end = now + time; now < end;) {
      pass(20ms);
      if (log->is_beginning_era() || !log->has_quorum()) continue;
      take(log->open_era(now));
      tell(Tick{});
    }
  }
  void confirm_to_all() {
    take(log->confirm_to_all(now));
    tell(Tick{});
  }
  // Another gateway's, or another program's.
  void append(Bytes bytes) { engine_.add(std::move(bytes)); }
  // A session that nobody renews.
  SessionId session_of(NodeId node, Duration ttl = 4s, const service::LockTerms& terms = {}) {
    if (log->machine().registration(node) == service::ClientId{})
      append(entry_of(node, service::Register{node, 5, {}, 2, "other" + std::to_string(node.value), {}, {}}));
    service::Acquire acquire;
    acquire.open = service::Open{{}, ttl, 1};
    acquire.names = {"x"};
    acquire.terms = terms;
    service::Command command;
    command.node = node;
    command.client = log->machine().registration(node);
    command.sequence = 1;
    command.body = acquire;
    append(encode(EngineEntry{node, EngineEntry::Kind::command, 2, wire::encode(command, 2)}));
    REQUIRE(log->machine().state().sessions.size() == 1);
    return log->machine().state().sessions.begin()->first;
  }
  bool serves() const { return log->has_quorum(); }
  const std::string& trouble() const { return log->trouble(); }

  Instant now{1000s};
  WallTime wall{1'000'000'000};
  std::optional<EngineLog> log;
  std::vector<QueryReady> ready;
  std::vector<std::string> reports;
  std::optional<EngineMemory> remembered;
  std::vector<std::string> order;  // of what was remembered, applied and made
  std::optional<std::string> halted;
  bool deaf = false;  // what the engine tells is lost

 private:
  void take(const Actions& actions) {
    for (const Action& action : actions) {
      if (const auto* asked = std::get_if<ToEngine>(&action)) {
        if (std::holds_alternative<engine::Make>(asked->request)) order.emplace_back("made");
        engine_.ask(*this, asked->request);
      }
      if (const auto* answered = std::get_if<QueryReady>(&action)) ready.push_back(*answered);
      if (const auto* report = std::get_if<Report>(&action)) reports.push_back(report->text);
      if (const auto* applied = std::get_if<Applied>(&action))
        order.push_back("applied " + std::to_string(applied->index.value));
      if (const auto* kept = std::get_if<RememberEngine>(&action)) {
        remembered = kept->memory;
        order.push_back("remembered " + std::to_string(kept->memory.place.index));
      }
      if (const auto* stop = std::get_if<Halted>(&action)) halted = stop->why;
    }
  }
  Engine& engine_;
  std::vector<Event> inbox_;
  bool busy_ = false;
};

inline void Engine::tell_all(const Item& item) {
  const auto all = followers_;
  for (const auto& [gateway, told] : all) {
    const std::uint64_t after = std::exchange(followers_[gateway], item.position);
    if (item.seal != 0) {
      tell(*gateway, engine::Sealed{after, item.position, item.seal});
    } else {
      tell(*gateway, engine::Entry{after, item.position, item.bytes});
    }
  }
}

// What comes of it comes behind what was told before.
inline void Engine::deliver() {
  if (delivers_) return;
  delivers_ = true;
  while (!mail_.empty()) {
    auto [gateway, told] = std::move(mail_.front());
    mail_.erase(mail_.begin());
    gateway->hear(std::move(told));
  }
  delivers_ = false;
}

inline void Engine::ask(Gateway& by, const engine::Request& request) {
  carry_out(by, request);
  deliver();
}

inline void Engine::carry_out(Gateway& by, const engine::Request& request) {
  if (const auto* loading = std::get_if<engine::Load>(&request)) {
    load(by, *loading);
  } else if (const auto* make = std::get_if<engine::Make>(&request)) {
    ++makes;
    if (!full.empty()) return tell(by, engine::Refused{full});
    if (epoch != 0 || keeps_nothing) return;
    epoch = 1;
    state = {1, ++position, make->state};
  } else if (const auto* append = std::get_if<engine::Append>(&request)) {
    if (!full.empty()) return tell(by, engine::Refused{full});
    appends.push_back(*append);
    const std::string key = std::to_string(append->epoch) + append->key;
    if (append->epoch != epoch || std::ranges::find(keys, key) != keys.end()) return;
    keys.push_back(key);
    items.push_back({++position, append->bytes, 0});
    tell_all(items.back());
  } else if (const auto* barrier = std::get_if<engine::Barrier>(&request)) {
    ++barriers;
    tell(by, engine::Reached{barrier->ticket});
  } else if (const auto* seal = std::get_if<engine::Seal>(&request)) {
    if (seal->epoch != epoch || drops_seals) return;
    items.push_back({++position, {}, ++epoch});
    const Item item = items.back();
    tell_all(item);
  } else {
    const auto& keep = std::get<engine::Keep>(request);
    if (keep.epoch <= state.epoch) return;
    state = {keep.epoch, keep.position, keep.state};
    std::erase_if(items, [&](const Item& item) { return item.position <= keep.position; });
  }
}

inline void Engine::load(Gateway& by, const engine::Load& request) {
  ++loads;
  if (epoch == 0) return tell(by, engine::Empty{});
  tell(by, state);
  std::uint64_t after = state.position + (has_hole ? 1 : 0);
  for (const Item& item : items) {
    if (item.seal != 0) {
      tell(by, engine::Sealed{after, item.position, item.seal});
    } else {
      tell(by, engine::Entry{after, item.position, item.bytes});
    }
    after = item.position;
  }
  tell(by, engine::Reached{request.ticket});
  follow(by, after);
}

template <class Story>
auto without(const char* rule, Story&& story) {
  mutants::removed = rule;
  auto told = story();
  mutants::removed.clear();
  return told;
}

}  // namespace coord::replica::engine_test
