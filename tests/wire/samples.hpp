// SPDX-License-Identifier: MIT
// One or more values of every message on the wire, none of their fields at its default: what the golden
// bytes, the truncation tests and the fuzzers' first inputs are made of.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "protocol/raft/messages.hpp"
#include "replica/messages.hpp"
#include "service/commands.hpp"
#include "service/state.hpp"
#include "wire/channel.hpp"
#include "wire/hello.hpp"
#include "wire/local.hpp"

namespace coord::samples {

template <class T>
using Named = std::vector<std::pair<std::string, T>>;

const Named<raft::Message>& raft_messages();
const Named<replica::PeerMessage>& peer_messages();
const Named<raft::HardState>& hard_states();
const Named<raft::Entry>& entries();
const Named<service::Command>& commands();
const Named<service::State>& states();
const Named<local::Request>& requests();
const Named<local::Answer>& answers();
const Named<wire::PeerHello>& peer_hellos();
const Named<wire::ChannelMessage>& channel_messages();

}  // namespace coord::samples
