// SPDX-License-Identifier: MIT
// A log that an engine keeps: what a gateway asks, and what ends a lease. Under faults: the sweep's profile
// `engine`. Which log is believed: replica_engine_trust_test.cpp.
#include "replica_engine_world.hpp"

using namespace coord;
using namespace coord::replica;
using namespace coord::replica::engine_test;
using namespace std::chrono_literals;

namespace {

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
  gateway.deaf = true;
  engine.add(entry_of(other, service::Register{other, 5, {}, 2, "other", {}, {}}));
  gateway.deaf = false;
  gateway.append(entry_of(third, service::Register{third, 5, {}, 2, "third", {}, {}}));
  return gateway.log->machine().state().registrations.size();
}

// A hold with a minimum and a lock delay is lost when the minimum is over; nobody else is there.
bool opens_after_both_timers() {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  service::LockTerms terms;
  terms.min_hold = 2s;
  terms.lock_delay = 5s;
  const SessionId session = gateway.session_of(other, 60s, terms);
  gateway.pass(8s);
  service::Command gone;
  gone.node = other;
  gone.client = gateway.log->machine().registration(other);
  gone.sequence = 2;
  gone.body = service::Close{session, service::CloseReason::holder_gone, {}};
  gateway.append(encode(EngineEntry{other, EngineEntry::Kind::command, 2, wire::encode(gone, 2)}));
  REQUIRE(gateway.log->machine().state().sessions.empty());
  gateway.pass(3s);
  CHECK_FALSE(gateway.log->machine().state().lingering_holds.empty());
  gateway.pass(9s);
  return gateway.log->machine().state().lingering_holds.empty();
}

}  // namespace

TEST_CASE("timer_key_has_its_kind: a minimum hold and the lock delay behind it are over, each") {
  CHECK(opens_after_both_timers());
  CHECK_FALSE(without("timer_key_has_its_kind", opens_after_both_timers));
}

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
  CHECK(gateway.order.at(0) == "remembered 0");  // before it is there: it knows its own log again
  CHECK(gateway.order.at(1) == "made");
  Gateway second(engine, {.memory = *gateway.remembered});
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
  Gateway gateway(engine, {.seal_every = 20});
  gateway.connect();
  for (int i = 0; i < 30; ++i) gateway.tell(Submit{100, service::Renew{}});
  CHECK(engine.epoch == 2);
  CHECK(engine.state.epoch == 2);
  CHECK(engine.items.size() < 20);
  Gateway second(engine, {.memory = *gateway.remembered});
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

TEST_CASE("an engine that takes nothing is followed, and tried again") {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  engine.full = "host: database space exceeded";
  gateway.tell(Submit{3, service::Renew{}});
  CHECK_FALSE(gateway.serves());
  CHECK(gateway.trouble() == engine.full);
  gateway.pass(5s);
  CHECK_FALSE(gateway.serves());
  gateway.append(entry_of(other, service::Register{other, 5, {}, 2, "other", {}, {}}));
  CHECK(gateway.log->machine().state().registrations.size() == 2);
  engine.full.clear();
  gateway.pass(2s);
  CHECK(gateway.serves());
}

TEST_CASE("a name that is another gateway's is told, and taken once it is free") {
  Engine engine;
  Gateway gateway(engine, {.first = true});
  engine.ask(gateway, engine::Make{encode([] {
               EngineState state;
               state.level = newest_level;
               state.machine = wire::encode_state(service::StateMachine::at_level(newest_level).state());
               return state;
             }())});
  engine.add(entry_of(other, service::Register{other, 5, {}, 2, "g9", {}, {}}));
  gateway.connect();
  CHECK_FALSE(gateway.serves());
  CHECK(gateway.trouble().find("another --name") != std::string::npos);
  gateway.pass(1s);
  const service::ClientId client = gateway.log->machine().registration(other);
  gateway.append(entry_of(third, service::Forget{other, client}));
  gateway.pass(6s);
  CHECK(gateway.serves());
  CHECK(gateway.log->client() != service::ClientId{});
}

TEST_CASE("a gateway that is silent for a day is forgotten, and registers anew") {
  Engine engine;
  Gateway gateway(engine);
  gateway.connect();
  gateway.append(entry_of(other, service::Register{other, 5, {}, 2, "other", {}, {}}));
  Gateway idle(engine, {.node = third});
  idle.connect();
  gateway.pass(1s);
  REQUIRE(idle.serves());
  const service::ClientId first = idle.log->client();
  for (int hour = 0; hour < 30; ++hour) {
    gateway.now += 1h;
    gateway.tell(Tick{});
  }
  CHECK(gateway.log->machine().registration(other) == service::ClientId{});
  CHECK(idle.log->client() != first);
  idle.pass(1s);
  idle.tell(Submit{3, service::Renew{}});
  CHECK(idle.log->client() != service::ClientId{});
  CHECK(gateway.log->machine().registration(third) == idle.log->client());
}

TEST_CASE("lost_words_are_said_again: a lease ends although the first words got lost") {
  const auto ends = [] {
    Engine engine;
    Gateway gateway(engine);
    gateway.connect();
    const SessionId session = gateway.session_of(other);
    gateway.pass(4s);
    engine.epoch = 99;  // who appends names an epoch that is not open
    gateway.pass(8s);
    engine.epoch = 1;
    gateway.pass(8s);
    return gateway.log->machine().session(session) == nullptr;
  };
  CHECK(ends());
  CHECK_FALSE(without("lost_words_are_said_again", ends));
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
  const EngineEntry raise{NodeId{0x0102}, EngineEntry::Kind::raise, 2,
                          wire::encode(service::Raise{3, {{NodeId{4}, 5}}})};
  const Bytes raised = encode(raise);
  CHECK(Bytes(raised.begin(), raised.end() - 4) ==
        Bytes{0x75, 0x63, 0x45, 0x31, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 7, 2, 0, 0, 0,  // of a raise, level
              3,    0,    0,    0,    1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,  // to level, of lives
              5,    0,    0,    0,    0, 0, 0, 0});
  CHECK(**decode_engine_entry(raised) == raise);
  EngineState state;
  state.era = 3;
  state.place = {4, 5};
  state.seals = {{1, 2}, {4, 5}};
  state.words[SessionId{6}] = {7, NodeId{8}};
  state.closed_for = Duration{9};
  state.level = 2;
  state.machine = {1, 2, 3};
  const Bytes whole = encode(state);
  CHECK(*decode_engine_state(whole) == state);
  CHECK(Bytes(whole.begin(), whole.end() - 4) ==
        Bytes{0x75, 0x63, 0x53, 0x31, 1, 0, 0, 0,                          // mark, version
              3,    0,    0,    0,    0, 0, 0, 0,                          // era
              4,    0,    0,    0,    0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,  // place
              2,    0,    0,    0,                                         // seals
              1,    0,    0,    0,    0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,  //
              4,    0,    0,    0,    0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,  //
              1,    0,    0,    0,                                         // words
              6,    0,    0,    0,    0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,  //
              9,    0,    0,    0,    0, 0, 0, 0,  // closed for
              2,    0,    0,    0,    1, 2, 3});   // level, machine
  const EngineMemory memory{1, {2, 3}, {4, 5}, Token{6}, Duration{7}};
  const Bytes remembered = encode(memory);
  CHECK(*decode_engine_memory(remembered) == memory);
  CHECK(Bytes(remembered.begin(), remembered.end() - 4) ==
        Bytes{0x75, 0x63, 0x4d, 0x31, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0,
              0,    0,    3,    0,    0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0,
              0,    0,    0,    0,    6, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0});
  const EngineWord word{1, {2, 3}, 4, Token{5}, Duration{6}};
  CHECK(encode(word) == Bytes{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0,
                              4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0});
  CHECK(*decode_engine_word(encode(word)) == word);
  CHECK_FALSE(decode_engine_word(Bytes(47)).ok());
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(decode_engine_state(ByteView(whole).first(size)).ok());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes damaged = bytes;
    damaged[i] ^= 0x10U;
    const auto read = decode_engine_entry(damaged);
    CHECK((read.ok() && !*read));
  }
}
