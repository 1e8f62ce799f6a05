// SPDX-License-Identifier: MIT
// A registered client of the log: what it says of its host, and in which order.
#include <catch2/catch.hpp>

#include "replica/client.hpp"
#include "wire/codec.hpp"

using namespace coord;
using namespace coord::replica;
using namespace std::chrono_literals;

namespace {

constexpr NodeId self{1};
constexpr Client::Target leader{NodeId{2}, Term{1}};

struct Host {
  // Into the log and back.
  void apply(const Bytes& said) {
    const auto command = wire::decode<service::Command>(said, {.version = machine.level()});
    REQUIRE(command.ok());
    const service::Effects effects = machine.apply(LogIndex{++last}, *command);
    client.applied(*command, effects, machine, out);
  }
  void raise() {
    service::State state = machine.state();
    state.level = 2;
    machine = *service::StateMachine::restore(state);
    client.level_has_changed(machine);
  }
  std::size_t sent() {
    client.admit(machine, {});
    return client.due(now, leader).size();
  }

  Instant now{100s};
  std::uint64_t last = 0;
  service::StateMachine machine = service::StateMachine::at_level(1);
  Client client{{self, newest_level, 1s, 1024, 65536, "a", "127.0.0.1:7411", "north"}, 7};
  Actions out;
};

}  // namespace

TEST_CASE("a host tells its zone as soon as the level has a word for it, and orders nothing before") {
  Host host;
  auto said = host.client.registration(host.now, leader, host.machine, {});
  REQUIRE(said);
  host.apply(*said);
  CHECK(host.machine.state().registrations.at(self).zone.empty());
  CHECK_FALSE(host.client.registration(host.now, leader, host.machine, {}));

  host.raise();
  host.client.submit(Submit{1, service::JoinRing{"main", self, 8, 3, 0, {}}}, host.out);
  said = host.client.registration(host.now, leader, host.machine, {});
  REQUIRE(said);
  CHECK(host.sent() == 0);
  CHECK(host.client.next_resend() == host.now + 1s);  // that one may be lost, too
  host.apply(*said);
  CHECK(host.machine.state().registrations.at(self).zone == "north");
  CHECK_FALSE(host.client.registration(host.now, leader, host.machine, {}));
  CHECK(host.sent() == 1);
}
