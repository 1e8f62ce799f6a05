// SPDX-License-Identifier: MIT
// One or more values of every message on the wire, none of their fields at its default: what the golden
// bytes, the truncation tests and the fuzzers' first inputs are made of.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agreements/messages.hpp"
#include "agreements/shelf.hpp"
#include "casts/messages.hpp"
#include "members/messages.hpp"
#include "protocol/raft/messages.hpp"
#include "replica/messages.hpp"
#include "service/commands.hpp"
#include "service/state.hpp"
#include "wire/channel.hpp"
#include "wire/group_snapshot.hpp"
#include "wire/hello.hpp"
#include "wire/introduction.hpp"
#include "wire/kept_snapshots.hpp"
#include "wire/key_messages.hpp"
#include "wire/local.hpp"
#include "wire/native_messages.hpp"

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
const Named<wire::IntroductionQuestion>& introduction_questions();
const Named<wire::Introduction>& introductions();
const Named<wire::ChannelMessage>& channel_messages();
const Named<wire::GroupSnapshotMessage>& group_snapshot_messages();
const Named<wire::SnapshotColour>& snapshot_colours();
const Named<wire::ColouredDatagram>& coloured_datagrams();
const Named<local::TakeGroupSnapshot>& group_snapshot_requests();
const Named<local::GroupSnapshotAnswer>& group_snapshot_answers();
const Named<local::KeptRequest>& kept_requests();
const Named<local::KeptAnswer>& kept_answers();
const Named<members::Said>& members_said();
const Named<agreements::ToPeer>& agreements_to_peer();
const Named<agreements::AnyItem>& agreements_items();
const Named<agreements::Kept>& agreements_kept();
const Named<agreements::FromTool>& agreements_from_tool();
const Named<agreements::ToTool>& agreements_to_tool();
const Named<casts::ToPeer>& casts_to_peer();
const Named<casts::Letter>& casts_letters();
const Named<casts::AnswerText>& casts_answers();
const Named<casts::FromTool>& casts_from_tool();
const Named<casts::ToTool>& casts_to_tool();
const Named<keys::ToPeer>& keys_to_peer();
const Named<keys::Ask>& keys_ask();
const Named<keys::Told>& keys_told();
const Named<native::FromTool>& native_from_tool();
const Named<native::ToTool>& native_to_tool();

}  // namespace coord::samples
