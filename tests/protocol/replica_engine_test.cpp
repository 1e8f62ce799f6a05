// SPDX-License-Identifier: MIT
// A log that an engine keeps: what a gateway asks, what it believes, and what ends a lease. Under faults: the
// sweep's profile `engine`.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/rule.hpp"
#include "replica/engine_log.hpp"
#include "wire/codec.hpp"
#include "wire/state_sections.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

constexpr NodeId self{9}, other{8}, third{7};

Bytes entry_of(NodeId node, service::Body body, EngineEntry::Kind kind = EngineEntry::Kind::command) {
  service::Command command;
  command.node = node;
  command.wall = WallTime{1'000'000'000};
  command.body = std::move(body);
  return encode(EngineEntry{node, kind, 2, wire::encode(command, 2)});
}

// An engine that does what it is asked at once.
class Engine {
 public:
  void ask(const engine::Request& request, std::vector<engine::Told>& told) {
    if (std::holds_alternative<engine::Load>(request)) {
      load(std::get<engine::Load>(request), told);
    } else if (const auto* make = std::get_if<engine::Make>(&request)) {
      if (epoch == 0) {
        epoch = 1;
        state = {1, ++position, make->state};
      }
    } else if (const auto* append = std::get_if<engine::Append>(&request)) {
      appends.push_back(*append);
      const std::string key = std::to_string(append->epoch) + append->key;
      if (append->epoch == epoch && std::ranges::find(keys, key) == keys.end()) {
        keys.push_back(key);
        add(append->bytes, told);
      }
    } else if (const auto* barrier = std::get_if<engine::Barrier>(&request)) {
      ++barriers;
      told.emplace_back(engine::Reached{barrier->ticket});
    } else if (const auto* seal = std::get_if<engine::Seal>(&request)) {
      if (seal->epoch != epoch) return;
      const std::uint64_t after = position++;
      ++epoch;
      items.push_back({position, {}, epoch});
      told.emplace_back(engine::Sealed{after, position, epoch});
    } else {
      const auto& keep = std::get<engine::Keep>(request);
      state = {keep.epoch, keep.position, keep.state};
      std::erase_if(items, [&](const Item& item) { return item.position <= keep.position; });
    }
  }
  void add(Bytes bytes, std::vector<engine::Told>& told) {
    const std::uint64_t after = items.empty() ? state.position : items.back().position;
    items.push_back({++position, bytes, 0});
    told.emplace_back(engine::Entry{after, position, std::move(bytes)});
  }

  struct Item {
    std::uint64_t position = 0;
    Bytes bytes;
    std::uint64_t seal = 0;
  };
  std::uint64_t epoch = 0, position = 0;
  engine::State state;
  std::vector<Item> items;
  std::vector<std::string> keys;
  std::vector<engine::Append> appends;
  int barriers = 0;

 private:
  void load(const engine::Load& request, std::vector<engine::Told>& told) {
    if (epoch == 0) return told.emplace_back(engine::Empty{}), void();
    told.emplace_back(state);
    std::uint64_t after = state.position;
    for (const Item& item : items) {
      if (item.seal != 0) {
        told.emplace_back(engine::Sealed{after, item.position, item.seal});
      } else {
        told.emplace_back(engine::Entry{after, item.position, item.bytes});
      }
      after = item.position;
    }
    told.emplace_back(engine::Reached{request.ticket});
  }
};

class Gateway {
 public:
  explicit Gateway(Engine& engine, EngineMemory memory = {}, std::size_t seal_every = 1000)
      : engine_(engine) {
    EngineLog::Config config;
    config.self = self;
    config.name = "g";
    config.memory = memory;
    config.seal_every_entries = seal_every;
    log.emplace(config, Random(5), now);
  }
  void tell(const Event& event) {
    take(log->step(now, WallTime{1'000'000'000}, event));
    take(log->settle(now, WallTime{1'000'000'000}));
  }
  void connect() { tell(FromEngine{engine::Up{}}); }
  void pass(Duration time) {
    for (const Instant end = now + time; now < end; now += 10ms) tell(Tick{});
  }
  void begin_era(Token above) {
    take(log->begin_era(now, above));
    take(log->settle(now, WallTime{1'000'000'000}));
  }
  // Another gateway's, or another program's.
  void append(Bytes bytes) {
    std::vector<engine::Told> told;
    engine_.add(std::move(bytes), told);
    for (const engine::Told& each : told) tell(FromEngine{each});
  }
  // A session that nobody renews.
  SessionId session_of(NodeId node) {
    if (log->machine().registration(node) == service::ClientId{})
      append(entry_of(node, service::Register{node, 5, {}, 2, "other" + std::to_string(node.value), {}, {}}));
    service::Acquire acquire;
    acquire.open = service::Open{{}, 4s, 1};
    acquire.names = {"x"};
    service::Command command;
    command.node = node;
    command.client = log->machine().registration(node);
    command.sequence = 1;
    command.body = acquire;
    append(encode(EngineEntry{node, EngineEntry::Kind::command, 2, wire::encode(command, 2)}));
    REQUIRE(log->machine().state().sessions.size() == 1);
    return log->machine().state().sessions.begin()->first;
  }

  Instant now{1000s};
  std::optional<EngineLog> log;
  std::vector<QueryReady> ready;
  std::vector<std::string> reports;
  std::optional<EngineMemory> remembered;
  std::optional<std::string> halted;
  bool deaf = false;  // what the engine tells is lost

 private:
  void take(const Actions& actions) {
    std::vector<engine::Told> told;
    for (const Action& action : actions) {
      if (const auto* asked = std::get_if<ToEngine>(&action)) engine_.ask(asked->request, told);
      if (const auto* answered = std::get_if<QueryReady>(&action)) ready.push_back(*answered);
      if (const auto* report = std::get_if<Report>(&action)) reports.push_back(report->text);
      if (const auto* kept = std::get_if<RememberEngine>(&action)) remembered = kept->memory;
      if (const auto* stop = std::get_if<Halted>(&action)) halted = stop->why;
    }
    for (const engine::Told& each : told) {
      if (!deaf) tell(FromEngine{each});
    }
  }
  Engine& engine_;
};

// Whether a session of `ttl` 4 s ends when one clock alone says so, and keeps on saying it.
bool ends_by_one_word() {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  const SessionId session = gateway.session_of(other);
  gateway.append(entry_of(third, service::Expire{session, 0}));
  gateway.append(entry_of(third, service::Expire{session, 0}));
  return gateway.log->machine().session(session) == nullptr;
}

// What becomes of a gateway whose engine has gone back to before its last entries.
std::string after_a_restore() {
  Engine engine;
  Gateway before(engine);
  before.connect();
  const Engine backup = engine;
  (void)before.session_of(other);
  before.pass(2s);
  engine = backup;
  before.tell(FromEngine{engine::Down{"gone"}});
  before.connect();
  Gateway again(engine, *before.remembered);
  again.connect();
  CHECK(again.log->trouble() == before.log->trouble());
  return again.log->trouble();
}

int barriers_of_a_question() {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  gateway.tell(Query{7});
  REQUIRE(gateway.ready.size() == 1);
  return engine.barriers;
}

std::size_t entries_of_a_retry() {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  const std::size_t before = engine.items.size();
  gateway.deaf = true;
  gateway.tell(Submit{3, service::Renew{}});
  gateway.pass(1s);
  return engine.items.size() - before;
}

// Sessions known here after one entry was lost on its way.
std::size_t known_after_a_gap() {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  std::vector<engine::Told> lost;
  engine.add(entry_of(other, service::Register{other, 5, {}, 2, "other", {}, {}}), lost);
  gateway.append(entry_of(third, service::Register{third, 5, {}, 2, "third", {}, {}}));
  return gateway.log->machine().state().registrations.size();
}

template <class Story>
auto without(const char* rule, Story&& story) {
  mutants::removed = rule;
  auto told = story();
  mutants::removed.clear();
  return told;
}

}  // namespace

TEST_CASE("a gateway makes the log where there is none, registers, and follows it") {
  Engine engine;
  Gateway gateway(engine);
  CHECK_FALSE(gateway.log->has_quorum());
  gateway.connect();
  CHECK(gateway.log->has_quorum());
  CHECK(gateway.log->machine().level() == newest_level);
  CHECK(gateway.log->client() != service::ClientId{});
  CHECK(gateway.log->trouble().empty());
  REQUIRE(gateway.remembered);
  CHECK(gateway.remembered->era == 1);
  Gateway second(engine);
  second.connect();
  CHECK(second.log->machine().state().registrations.size() == 1);  // itself, in the place of the first
  gateway.tell(FromEngine{engine::Down{"no answer"}});
  CHECK_FALSE(gateway.log->has_quorum());
  CHECK(gateway.log->trouble() == "no answer");
}

TEST_CASE("what is no entry of ours is passed over, and one of a later release halts") {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  const LogIndex before = gateway.log->applied();
  gateway.append(Bytes{1, 2, 3});
  gateway.append({});
  CHECK(gateway.log->applied() == before);
  CHECK(gateway.reports.size() == 2);
  Bytes cut = entry_of(other, service::Renew{});
  cut.pop_back();
  gateway.append(cut);
  CHECK(gateway.log->applied() == before);
  CHECK_FALSE(gateway.halted);
  gateway.append(encode(EngineEntry{other, EngineEntry::Kind::command, newest_level + 1, {1}}));
  REQUIRE(gateway.halted);
  CHECK(gateway.halted->find("install the release") != std::string::npos);
}

TEST_CASE("an epoch is sealed when it is long, its state kept, and what was before goes") {
  Engine engine;
  Gateway gateway(engine, {}, 20);
  gateway.connect();
  for (int i = 0; i < 30; ++i) gateway.tell(Submit{100, service::Renew{}});
  CHECK(engine.epoch == 2);
  CHECK(engine.state.epoch == 2);
  CHECK(engine.items.size() < 20);
  Gateway second(engine);
  second.connect();
  CHECK(second.log->has_quorum());
}

TEST_CASE("one_clock_ends_no_lease: a second gateway's word counts, or the same one's a quarter later") {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  const SessionId session = gateway.session_of(other);
  CHECK_FALSE(ends_by_one_word());
  CHECK(without("one_clock_ends_no_lease", ends_by_one_word));
  SECTION("another one's") {
    gateway.append(entry_of(third, service::Expire{session, 0}));
    CHECK(gateway.log->machine().session(session) != nullptr);
    gateway.append(entry_of(other, service::Expire{session, 0}));
  }
  SECTION("the same one's again") {
    gateway.append(entry_of(third, service::Expire{session, 0}));
    gateway.append(entry_of(third, service::Expire{session, 0}, EngineEntry::Kind::again));
  }
  SECTION("alone: four seconds of the lease, patience, and a quarter") {
    gateway.pass(4s);
    CHECK(gateway.log->machine().session(session) != nullptr);
    gateway.pass(7s);
  }
  CHECK(gateway.log->machine().session(session) == nullptr);
}

TEST_CASE("engine_may_not_go_back: an engine that was restored is refused") {
  CHECK(after_a_restore().find("restored from an older backup") != std::string::npos);
  CHECK(without("engine_may_not_go_back", after_a_restore) == "");
}

TEST_CASE("a new era: sessions are void, tokens above, nothing is granted, and others come along") {
  Engine engine;
  Gateway before(engine);
  before.connect();
  (void)before.session_of(other);
  before.pass(2s);
  Gateway operators(engine);
  operators.connect();
  const Token above{std::uint64_t{1'900'000'000} << 20U};
  operators.begin_era(above);
  CHECK_FALSE(operators.log->has_quorum());
  operators.pass(6s);
  CHECK(operators.log->era() == 2);
  CHECK(operators.log->has_quorum());
  CHECK(operators.log->machine().state().sessions.empty());
  CHECK(operators.log->machine().state().closed);
  CHECK(operators.log->machine().state().last_token >= above);
  before.append(engine.items.empty() ? Bytes{} : engine.items.front().bytes);
  before.tell(FromEngine{engine::Down{"gone"}});
  before.connect();
  CHECK(before.log->has_quorum());
  CHECK(before.log->machine().state().closed);
}

TEST_CASE("an engine whose keys were removed is refused by who has seen some") {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  engine = Engine();
  gateway.tell(FromEngine{engine::Down{"gone"}});
  gateway.connect();
  CHECK_FALSE(gateway.log->has_quorum());
  CHECK(gateway.log->trouble().find("restored from an older backup") != std::string::npos);
  CHECK(engine.epoch == 0);
}

TEST_CASE("barrier_asks_the_engine: the last entry that came here is no answer") {
  CHECK(barriers_of_a_question() == 1);
  CHECK(without("barrier_asks_the_engine", barriers_of_a_question) == 0);
}

TEST_CASE("append_keeps_its_key: a retry is no second entry") {
  CHECK(entries_of_a_retry() == 1);
  CHECK(without("append_keeps_its_key", entries_of_a_retry) > 1);
}

TEST_CASE("engine_gap_is_noticed: what was lost on its way is read again") {
  CHECK(known_after_a_gap() == 3);
  CHECK(without("engine_gap_is_noticed", known_after_a_gap) == 2);
}

TEST_CASE("what stands in an engine has a fixed form") {
  const EngineEntry entry{NodeId{0x0102}, EngineEntry::Kind::again, 2, {0xaa, 0xbb}};
  const Bytes bytes = encode(entry);
  CHECK(Bytes(bytes.begin(), bytes.begin() + 23) ==
        Bytes{0x75, 0x63, 0x45, 0x31, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0xaa, 0xbb});
  CHECK(bytes.size() == 27);
  CHECK(**decode_engine_entry(bytes) == entry);
  EngineState state;
  state.era = 3;
  state.place = {4, 5};
  state.seals = {{1, 2}, {4, 5}};
  state.words[SessionId{6}] = {7, NodeId{8}};
  state.level = 2;
  state.machine = {1, 2, 3};
  const Bytes whole = encode(state);
  CHECK(*decode_engine_state(whole) == state);
  const EngineMemory memory{1, {2, 3}, {4, 5}};
  CHECK(*decode_engine_memory(encode(memory)) == memory);
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(decode_engine_state(ByteView(whole).first(size)).ok());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes damaged = bytes;
    damaged[i] ^= 0x10U;
    const auto read = decode_engine_entry(damaged);
    CHECK((read.ok() && !*read));
  }
}
