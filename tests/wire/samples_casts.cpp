// SPDX-License-Identifier: MIT
#include "samples.hpp"

namespace coord::samples {

namespace {

const casts::CastId id{NodeId{0x1122334455667788}, 0x99aabbccddeeff01, 7};
const casts::Letter letter{"deploy", "alice", 1000, "web1", WallTime{1'700'000'000'000'000'000}, "1.4.2"};

}  // namespace

const Named<casts::ToPeer>& casts_to_peer() {
  using namespace broadcast;
  static const Named<casts::ToPeer> all = {
      {"tell", GossipMessage(Tell{{id, {id}, "body"}, std::chrono::milliseconds(5)})},
      {"offer", GossipMessage(Offer{id, {id}, std::chrono::milliseconds(5), 5000})},
      {"want", GossipMessage(Want{id, {0x8000000000000001, 2}})},
      {"piece", GossipMessage(Piece{id, 3, "bytes"})},
      {"heard", GossipMessage(Heard{id, true})},
      {"digest", GossipMessage(Digest{{{NodeId{1}, 2, 3, 4, {6, 8}}}, true, false, true})},
      {"bring", GossipMessage(Bring{{{{id, {}, "body"}, std::chrono::milliseconds(5)}}})},
      {"down", GatherMessage(Down{id, std::chrono::seconds(5), {NodeId{1}, NodeId{2}}, "question"})},
      {"got", GatherMessage(Got{id})},
      {"up", GatherMessage(Up{id, {{NodeId{1}, "answer"}}, {NodeId{1}, NodeId{2}}})},
      {"thanks", GatherMessage(Thanks{id})},
  };
  return all;
}

const Named<casts::Letter>& casts_letters() {
  static const Named<casts::Letter> all = {{"letter", letter}};
  return all;
}

const Named<casts::AnswerText>& casts_answers() {
  static const Named<casts::AnswerText> all = {{"answer", {"web1", 3, "0.5"}}};
  return all;
}

const Named<casts::FromTool>& casts_from_tool() {
  static const Named<casts::FromTool> all = {
      {"say", casts::Say{"deploy", "1.4.2", std::chrono::seconds(5)}},
      {"listen", casts::Listen{"deploy", std::chrono::seconds(60), true}},
      {"took", casts::Took{3}},
      {"ask", casts::Ask{"load", "query", std::chrono::seconds(5)}},
      {"answer", casts::Answer{"load"}},
      {"reply", casts::Reply{id, {"web1", 3, "0.5"}}},
  };
  return all;
}

const Named<casts::ToTool>& casts_to_tool() {
  static const Named<casts::ToTool> all = {
      {"taken", casts::Taken{id, 4, true}},
      {"later", casts::Later{std::chrono::milliseconds(20)}},
      {"cannot_cast", casts::CannotCast{casts::CannotCast::Why::not_yours, "only alice and root"}},
      {"listening", casts::Listening{}},
      {"came", casts::Came{id, letter}},
      {"lost", casts::Lost{9}},
      {"gap", casts::Gap{{{id, "web1"}}}},
      {"question", casts::Question{id, letter, Instant{} + std::chrono::seconds(5)}},
      {"gathered", casts::Gathered{{{"web1", {"web1.example", 3, "0.5"}}}, {"web2"}}},
  };
  return all;
}

}  // namespace coord::samples
