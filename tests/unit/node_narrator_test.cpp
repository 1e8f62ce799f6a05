// SPDX-License-Identifier: MIT
// The lines that a peer's debug log has: the notation of the golden traces, and nothing that forges a line.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "base/type_words.hpp"
#include "node/narrator.hpp"
#include "protocol/raft/voters.hpp"
#include "replica/engine_frame.hpp"
#include "replica/text.hpp"
#include "wire/codec.hpp"

using namespace coord;
using namespace coord::node;

namespace {

constexpr NodeId a{1};
constexpr NodeId b{2};
constexpr replica::ConnectionId tool{7};
using Lines = std::vector<std::string>;

struct Told {
  Lines lines;
  Narrator narrator{
      a,
      {[](NodeId id) { return std::string(1, static_cast<char>('a' + id.value - 1)); },
       [](replica::ConnectionId id) { return "tool " + std::to_string(id.value); },
       [](std::uint16_t channel) { return channel == 4 ? "casts" : "channel " + std::to_string(channel); }},
      [this](const std::string& line) { lines.push_back(line); }};

  void hears(replica::ServiceEvent event) { narrator.hears(NodeEvent(std::move(event))); }
  void does(replica::ServiceAction action) { narrator.does(NodeAction(std::move(action))); }
};

raft::Entry entry_of(const service::Body& body) {
  service::Command command;
  command.client = service::ClientId{5};
  command.sequence = 3;
  command.body = body;
  return {Term{2}, LogIndex{9}, raft::EntryKind::command, wire::encode(command, 2), 2};
}

}  // namespace

TEST_CASE("an election, as the golden traces have it") {
  Told told;
  const raft::VoteRequest request{Term{1}, LogIndex{0}, Term{0}};
  told.does(replica::LeaderChanged{raft::Role::candidate, Term{1}, NodeId{}});
  told.narrator.sends(replica::SendPeer{.to = b, .message = raft::Message(request)}, true);
  told.hears(replica::FromPeer{b, raft::Message(raft::VoteReply{Term{1}, false, true})});
  told.narrator.sends(replica::SendPeer{.to = NodeId{3}, .message = raft::Message(request)}, false);
  told.does(replica::LeaderChanged{raft::Role::leader, Term{1}, a});
  CHECK(told.lines == Lines{"a - candidate of term 1, no leader", "a > b vote request term 1 log 0@0",
                            "b > a vote term 1 granted", "a x c vote request term 1 log 0@0",
                            "a - leader of term 1, leader a"});
}

TEST_CASE("a vote is told when it is written") {
  Told told;
  raft::Persist persist;
  persist.hard_state = raft::HardState{Term{4}, b, {}, {}};
  told.does(replica::DiskJob{1, persist});
  persist.hard_state->vote = NodeId{};
  told.does(replica::DiskJob{2, persist});
  CHECK(told.lines == Lines{"a - writes term 4, vote for b", "a - writes term 4, no vote"});
}

TEST_CASE("a proposal: as a tool says it, as it is appended and as it is applied") {
  Told told;
  local::Acquire wish;
  wish.request = 1;
  wish.names = {"job"};
  told.narrator.is_told(tool, wish);
  service::Acquire acquire;
  acquire.request = 1;
  acquire.names = {"job"};
  raft::Persist persist;
  persist.entries = {entry_of(acquire)};
  told.does(replica::DiskJob{1, persist});
  service::Granted granted;
  granted.session = SessionId{9};
  granted.request = 1;
  granted.token = Token{40};
  granted.names = {"job"};
  told.does(replica::Applied{LogIndex{9}, {granted}});
  told.narrator.tells(tool, local::Refused{1, local::RefusedKind::held, "it is held"});
  CHECK(told.lines == Lines{"a - tool 7 says acquire request 1 'job'",
                            "a - appends 9@2 5:3 acquire request 1 'job'",
                            "a - applies 9 granted session 9 request 1 token 40 'job'",
                            "a - tells tool 7 refused request 1 held: 'it is held'"});
}

TEST_CASE("sessions, holds and links") {
  Told told;
  told.hears(replica::Greeted{b, 2, 77});
  replica::HoldRecord kept;
  kept.session = SessionId{9};
  kept.token = Token{40};
  told.does(replica::KeepHold{tool, kept});
  told.does(replica::StopCommand{tool, 4711, false, false});
  told.hears(replica::HoldersGone{tool});
  told.hears(replica::ToolGone{tool});
  told.does(replica::ForgetHold{SessionId{9}});
  told.does(replica::SessionOver{tool});
  told.hears(replica::Parted{b});
  CHECK(told.lines == Lines{"a - greeted by b, which knows level 2", "a - keeps session 9 token 40 of tool 7",
                            "a - ends the command of tool 7", "a - no holder is left of tool 7",
                            "a - tool 7 is gone", "a - forgets session 9", "a - is done with tool 7",
                            "a - no link with b"});
}

TEST_CASE("beats and ticks are no news, a message without room is") {
  Told told;
  const raft::Heartbeat beat{Term{1}, LogIndex{1}, 5};
  told.hears(replica::FromPeer{b, raft::Message(beat)});
  told.hears(replica::FromPeer{b, raft::Message(raft::HeartbeatReply{Term{1}, 5})});
  told.narrator.sends(replica::SendPeer{.to = b, .message = raft::Message(beat)}, true);
  told.hears(replica::Tick{});
  told.hears(replica::JobDone{1});
  CHECK(told.lines.empty());
  told.hears(replica::FromPeer{b, raft::Message(raft::Heartbeat{Term{1}, LogIndex{1}, 0})});
  told.narrator.hears(replica::FromPeer{b, replica::ReadRequest{4}}, false);
  told.narrator.hears(OnChannel{b, {0xff01, Bytes{1, 2}}, 2, Way::datagram}, true);
  CHECK(told.lines == Lines{"b > a committed term 1 commit 1", "b x a read request 4",
                            "b > a channel 65281 bytes 2 by datagram"});
}

TEST_CASE("of a part both ends say the same") {
  Told told;
  const OnChannel heard{b, {4, Bytes{1, 2}}, 2, Way::stream};
  told.narrator.hears(heard);
  told.narrator.sends(SendOnChannel{b, heard.message, 2, Way::stream}, "casts", true);
  CHECK(told.lines == Lines{"b > a casts bytes 2", "a > b casts bytes 2"});
}

TEST_CASE("voters: the order, its step, the entry, and who votes from then on") {
  Told told;
  const replica::VoterOrder order{replica::VoterVerb::replace, b, NodeId{3}, "root"};
  told.hears(replica::AskVoters{1, order});
  told.does(replica::VoterStep{order, raft::Change{raft::Step::learn, NodeId{3}}});
  const raft::Voters voters{{a, b}, {NodeId{3}}};
  raft::Persist persist;
  persist.entries = {{Term{2}, LogIndex{9}, raft::EntryKind::members, raft::encode(voters), 2}};
  told.does(replica::DiskJob{1, persist});
  told.does(replica::VotersChanged{LogIndex{9}, voters});
  CHECK(told.lines == Lines{"a - is asked to replace b by c", "a - proposes to learn c, to replace b",
                            "a - appends 9@2 members 1 2, learners 3",
                            "a - applies 9 voters a b, learners c"});
}

TEST_CASE("a gateway: a proposal is an append to the engine") {
  Told told;
  service::Acquire acquire;
  acquire.request = 1;
  acquire.names = {"job"};
  const replica::EngineEntry entry{a, replica::EngineEntry::Kind::command, 2, entry_of(acquire).data};
  told.does(replica::ToEngine{replica::engine::Append{3, "5-3", replica::encode(entry)}});
  told.hears(replica::FromEngine{replica::engine::Entry{16, 17, replica::encode(entry)}});
  told.hears(replica::FromEngine{replica::engine::Down{"http://x: closed"}});
  told.does(replica::Halted{"the log is of another group"});
  CHECK(told.lines == Lines{"a > engine append epoch 3 by 1 5:3 acquire request 1 'job'",
                            "engine > a entry at 17 by 1 5:3 acquire request 1 'job'",
                            "engine > a down: 'http://x: closed'", "a - halts: the log is of another group"});
}

TEST_CASE("no name forges a line or floods it, and no secret is told") {
  local::Acquire wish;
  wish.names = {"a\nb", "it's", "\xff\xc3\xa4", std::string(300, 'x'), "fifth"};
  wish.command = "secret-command";
  const std::string text = replica::to_text(local::Request(wish));
  CHECK(text.find('\n') == std::string::npos);
  CHECK(text.starts_with("acquire 'a\\x0ab' 'it\\x27s' '\\xff\xc3\xa4' 'xxx"));
  CHECK(text.ends_with("x...' and 1 more"));
  CHECK(text.size() < 400);
  CHECK(text.find("secret") == std::string::npos);
  local::Granted granted;
  granted.secret = {123456789, 987654321};
  CHECK(replica::to_text(local::Answer(granted)).find("123456789") == std::string::npos);
}

TEST_CASE("what other peers forward is told by its commands, and what cannot be read as that") {
  const Bytes command = entry_of(service::Close{SessionId{9}, service::CloseReason::finished}).data;
  CHECK(replica::to_text(replica::Forward{{command}}, 2) == "forward 5:3 close session 9: finished");
  CHECK(replica::to_text(replica::Forward{{Bytes{1}}}, 2) == "forward a command that cannot be read");
}

TEST_CASE("a type's name in words") {
  CHECK(type_words<replica::HoldersGone>() == "holders gone");
  CHECK(type_words<local::Acquire>() == "acquire");
}
