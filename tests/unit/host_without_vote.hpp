// SPDX-License-Identifier: MIT
// What a host without a vote has been told by the group: who is registered.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "replica/forwarder.hpp"
#include "replica/replicated_service.hpp"
#include "wire/state_sections.hpp"

namespace coord::test {

// The first of the voters has told it. Named host-1 and so on.
inline replica::ReplicatedService host_without_vote(NodeId self, const std::vector<NodeId>& voters,
                                                    const std::vector<NodeId>& registered) {
  const Instant now = Instant{} + std::chrono::seconds(1000);
  auto machine = service::StateMachine::at_level(2);
  LogIndex last;
  for (const NodeId node : registered) {
    service::Command command;
    command.wall = WallTime{1'000'000'000};
    command.body =
        service::Register{node, node.value, {}, 2, "host-" + std::to_string(node.value), "192.0.2.1:7411"};
    (void)machine.apply(LogIndex{++last.value}, command);
  }
  replica::Forwarder::Config config;
  config.self = self;
  config.voters = voters;
  config.speaks = 2;
  replica::SessionsConfig sessions;
  sessions.self = self;
  replica::ReplicatedService service(std::make_unique<replica::Forwarder>(config, Random(1), now),
                                     std::move(sessions));
  std::uint64_t number = 0;
  const auto tell = [&](const replica::ServiceEvent& event) {
    auto actions = service.step(now, {}, event);
    for (auto& action : service.settle(now, {})) actions.push_back(std::move(action));
    for (const auto& action : actions) {
      const auto* send = std::get_if<replica::SendPeer>(&action);
      const auto* follow = send == nullptr ? nullptr : std::get_if<replica::Follow>(&send->message);
      if (follow != nullptr) number = follow->number;
    }
  };
  tell(replica::Greeted{voters.front(), 2, 1});
  const Bytes state = wire::encode_state(machine.state());
  const std::uint64_t life = service.log().life();
  tell(replica::FromPeer{voters.front(), replica::FedState{life, number, last, 2, state.size(), 0, state, {}},
                         2, false});
  return service;
}

}  // namespace coord::test
