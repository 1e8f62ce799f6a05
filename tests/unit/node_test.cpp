// SPDX-License-Identifier: MIT
// A node and its parts: what goes where, in which order, and what is dropped.
#include "node/node.hpp"

#include <catch2/catch.hpp>

#include "wire/codec.hpp"
#include "wire/group_snapshot.hpp"

using namespace coord;
using namespace coord::node;
using namespace std::chrono_literals;

namespace {

// Answers what the test has put in, and keeps what it was told.
class Script final : public Part {
 public:
  explicit Script(std::uint16_t channel) : channel_{channel} {}
  Channel channel() const override { return channel_; }
  std::string name() const override { return "script"; }
  PartActions step(const Moment& moment, const Event& event) override {
    told.push_back(event);
    level = moment.level;
    return std::exchange(answers, {});
  }
  PartActions settle(const Moment&) override {
    ++settled;
    return std::exchange(at_settle, {});
  }
  std::optional<Instant> deadline() const override { return due; }

  template <class T>
  std::size_t times_told() const {
    std::size_t times = 0;
    for (const Event& event : told) times += std::holds_alternative<T>(event) ? 1U : 0U;
    return times;
  }

  std::vector<Event> told;
  PartActions answers;
  PartActions at_settle;
  std::optional<Instant> due;
  Level level = 0;
  int settled = 0;

 private:
  Channel channel_;
};

constexpr NodeId self{1};
constexpr NodeId other{2};

struct Driven {
  explicit Driven(Level level = 2) {
    replica::Config config;
    config.raft.self = self;
    config.raft.peers = {self, other, NodeId{3}};
    replica::SessionsConfig sessions;
    sessions.self = self;
    replica::Replica replica(std::move(config), {}, service::StateMachine::at_level(level), {}, Random(1),
                             now);
    Parts parts;
    for (const std::uint16_t channel : {std::uint16_t{0xff02}, std::uint16_t{0xff01}}) {
      parts.push_back(std::make_unique<Script>(channel));
      (channel == 0xff01 ? one : two) = static_cast<Script*>(parts.back().get());
    }
    node = std::make_unique<Node>(replica::ReplicatedService(std::move(replica), std::move(sessions)),
                                  std::move(parts));
  }
  NodeActions step(NodeEvent event) { return node->step(now, {}, std::move(event)); }
  NodeActions hears(std::uint16_t channel, Way way = Way::stream) {
    return step(OnChannel{other, {channel, Bytes{1, 2}}, 2, way});
  }
  NodeActions asked(std::uint16_t channel) {
    return step(
        replica::FromTool{replica::ConnectionId{9}, {7, "user"}, local::ToPart{5, channel, Bytes{3}}});
  }

  Instant now{100s};
  Script* one = nullptr;
  Script* two = nullptr;
  std::unique_ptr<Node> node;
};

template <class T>
std::vector<T> all_of(const NodeActions& actions) {
  std::vector<T> found;
  for (const NodeAction& action : actions)
    if (const auto* wanted = std::get_if<T>(&action)) found.push_back(*wanted);
  return found;
}

// What tools are told.
std::vector<replica::ToTool> answers_in(const NodeActions& actions) {
  std::vector<replica::ToTool> found;
  for (const auto& action : all_of<replica::ServiceAction>(actions))
    if (const auto* answer = std::get_if<replica::ToTool>(&action)) found.push_back(*answer);
  return found;
}

}  // namespace

TEST_CASE("a message goes to the part of its channel, and what that sends goes out on the same") {
  Driven driven;
  driven.two->answers = {Send{other, Way::both, Bytes{8}}};
  const auto sent = all_of<SendOnChannel>(driven.hears(0xff02, Way::datagram));
  CHECK(driven.one->told.empty());
  REQUIRE(driven.two->told.size() == 1);
  const auto& heard = std::get<FromPeer>(driven.two->told.front());
  CHECK(heard.from == other);
  CHECK(heard.bytes == Bytes{1, 2});
  CHECK(heard.way == Way::datagram);
  REQUIRE(sent.size() == 1);
  CHECK(sent.front().to == other);
  CHECK(sent.front().way == Way::both);
  CHECK(sent.front().level == 2);
  CHECK(sent.front().message == wire::ChannelMessage{0xff02, Bytes{8}});
}

TEST_CASE("a message for a part that this node has not is dropped and counted, and closes nothing") {
  Driven driven;
  CHECK(driven.hears(77).empty());
  CHECK(driven.hears(0).empty());  // the service has frames of its own
  CHECK(driven.node->counts().unknown_channel == 2);
}

TEST_CASE("what a part cannot read is told with the way by which it came") {
  Driven driven;
  for (const Way way : {Way::stream, Way::datagram}) {
    driven.one->answers = {Unreadable{"nonsense"}};
    const auto unread = all_of<Unread>(driven.hears(0xff01, way));
    REQUIRE(unread.size() == 1);
    CHECK(unread.front().from == other);
    CHECK(unread.front().way == way);
    CHECK(unread.front().part == "script");
    CHECK(unread.front().why == "nonsense");
  }
}

TEST_CASE("below level 2 a part sends nothing, and knows the level") {
  Driven driven(first_level);
  driven.one->at_settle = {Send{other, Way::stream, Bytes{8}}, Send{other, Way::datagram, Bytes{8}}};
  CHECK(all_of<SendOnChannel>(driven.node->settle(driven.now, {})).empty());
  CHECK(driven.node->counts().too_early == 2);
  (void)driven.asked(0xff01);
  CHECK(driven.one->level == first_level);
}

TEST_CASE("what is too large for a frame is not sent") {
  Driven driven;
  driven.one->at_settle = {Send{other, Way::stream, Bytes(wire::channel_bytes_limit)},
                           Send{other, Way::stream, Bytes(wire::channel_bytes_limit + 1)}};
  const auto sent = all_of<SendOnChannel>(driven.node->settle(driven.now, {}));
  REQUIRE(sent.size() == 1);
  CHECK(wire::encode(sent.front().message, 2).size() <= wire::stream_payload_limit);
  CHECK(driven.node->counts().too_large == 1);
}

TEST_CASE("a tool's question reaches the part alone, and its answers bear the question's number") {
  Driven driven;
  driven.one->answers = {ToTool{replica::ConnectionId{9}, 5, Bytes{4}}};
  const auto answers = answers_in(driven.asked(0xff01));
  REQUIRE(driven.one->told.size() == 1);
  const auto& question = std::get<FromTool>(driven.one->told.front());
  CHECK(question.who.uid == 7);
  CHECK(question.request == 5);
  CHECK(question.bytes == Bytes{3});
  REQUIRE(answers.size() == 1);
  CHECK(answers.front().connection == replica::ConnectionId{9});
  CHECK(std::get<local::FromPart>(answers.front().answer) == local::FromPart{5, 0xff01, Bytes{4}});
  CHECK(driven.node->service().sessions().size() == 0);  // no session of a lock was made for it
}

TEST_CASE("an answer that is too large for a tool is told as that") {
  Driven driven;
  driven.one->answers = {ToTool{replica::ConnectionId{9}, 5, Bytes(local::part_bytes_limit + 1)}};
  const auto answers = answers_in(driven.asked(0xff01));
  REQUIRE(answers.size() == 1);
  const auto& refused = std::get<local::Refused>(answers.front().answer);
  CHECK(refused.request == 5);
  CHECK(refused.kind == local::RefusedKind::limit);
}

TEST_CASE("a tool that asks a part which is not there is told so") {
  Driven driven;
  const auto answers = answers_in(driven.asked(77));
  REQUIRE(answers.size() == 1);
  const auto& refused = std::get<local::Refused>(answers.front().answer);
  CHECK(refused.request == 5);
  CHECK(refused.kind == local::RefusedKind::protocol);
  CHECK(refused.why.find("no part 77") != std::string::npos);
}

TEST_CASE("all parts hear of other nodes, of tools that go and of the end, of time only those that wait") {
  Driven driven;
  (void)driven.step(replica::Greeted{other, 2, 5});
  (void)driven.step(replica::Parted{other});
  (void)driven.step(replica::ToolGone{replica::ConnectionId{9}});
  (void)driven.step(replica::Leave{});
  for (const Script* part : {driven.one, driven.two}) {
    CHECK(part->times_told<Greeted>() == 1);
    CHECK(part->times_told<Parted>() == 1);
    CHECK(part->times_told<ToolGone>() == 1);
    CHECK(part->times_told<Leave>() == 1);
  }
  driven.one->due = driven.now;
  driven.two->due = driven.now + 1ms;
  (void)driven.step(replica::Tick{});
  CHECK(driven.one->times_told<Tick>() == 1);
  CHECK(driven.two->times_told<Tick>() == 0);
}

TEST_CASE("the node's deadline is the first of all its parts") {
  Driven driven;
  const auto of_service = driven.node->service().deadline();
  REQUIRE(of_service);
  CHECK(driven.node->deadline() == of_service);
  driven.one->due = *of_service - 2ms;
  driven.two->due = *of_service - 1ms;
  CHECK(driven.node->deadline() == *of_service - 2ms);
}

TEST_CASE(
    "each settle is for all parts, and what they answer keeps its order: the service, then by channel") {
  Driven driven;
  driven.two->at_settle = {Send{other, Way::stream, Bytes{3}}};
  driven.one->at_settle = {Send{other, Way::stream, Bytes{1}}, Send{other, Way::stream, Bytes{2}}};
  driven.now = *driven.node->service().deadline();
  (void)driven.step(replica::Tick{});
  const auto actions = driven.node->settle(driven.now, {});
  const auto sent = all_of<SendOnChannel>(actions);
  REQUIRE(sent.size() == 3);
  for (std::size_t i = 0; i < sent.size(); ++i)
    CHECK(sent[i].message.bytes == Bytes{static_cast<std::uint8_t>(i + 1)});
  CHECK(driven.one->settled == 1);
  CHECK(std::holds_alternative<SendOnChannel>(actions.back()));
}

TEST_CASE("a part's work goes out with its channel, and comes back to that part alone") {
  struct Sum final : Work {
    int value = 0;
  };
  Driven driven;
  driven.one->answers = {Do{std::make_shared<Sum>()}};
  const auto work = all_of<PartWork>(driven.asked(0xff01));
  REQUIRE(work.size() == 1);
  CHECK(work.front().part == Channel{0xff01});
  static_cast<Sum&>(*work.front().work).value = 5;
  static_cast<void>(driven.step(PartWorked{work.front().part, work.front().work}));
  REQUIRE(driven.one->times_told<Worked>() == 1);
  CHECK(static_cast<const Sum&>(*std::get<Worked>(driven.one->told.back()).work).value == 5);
  CHECK(driven.two->times_told<Worked>() == 0);
}

TEST_CASE("a datagram carries its sender's colour, and does not go as one where the two do not fit") {
  const Bytes colour(200, 1), small(100, 2), large(1000, 3);
  const auto plain = node::in_colour({}, {small, wire::FrameType::message}, 2, 50);
  REQUIRE(plain);
  CHECK(plain->bytes == small);
  CHECK(plain->type == wire::FrameType::message);
  const auto fits = node::in_colour(colour, {small, wire::FrameType::message}, 2, 1200);
  REQUIRE(fits);
  CHECK(fits->type == wire::FrameType::channel);
  const auto message = wire::decode<wire::ChannelMessage>(fits->bytes, {.version = 2});
  REQUIRE(message);
  CHECK(message->channel == static_cast<std::uint16_t>(Channel::group_snapshot));
  const auto coloured = wire::decode<wire::ColouredDatagram>(message->bytes, {.version = 2});
  REQUIRE(coloured);
  CHECK(*coloured == wire::ColouredDatagram{colour, false, small});
  CHECK_FALSE(node::in_colour(colour, {large, wire::FrameType::channel}, 2, 1200));
}
