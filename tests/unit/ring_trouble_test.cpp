// SPDX-License-Identifier: MIT
// Disks that fail or are slow, and requests that no tool of ours makes.
#include "ring/part.hpp"
#include "ring_group.hpp"
#include "ring_person.hpp"

using namespace coord;
using namespace coord::ring;

namespace {

const Duration second = std::chrono::seconds(1);

void run(Group& group, int times) {
  for (int i = 0; i < times; ++i) group.run();
}

// What the storage is asked, of what a user of this name and number has asked.
std::shared_ptr<Work> asked_of_disk(const Request& request, std::uint32_t uid, const std::string& user) {
  RingPart part;
  const auto actions =
      part.step({}, node::FromTool{replica::ConnectionId{1}, replica::Credentials{uid, user, {}, 2, false}, 1,
                                   wire::encode(request)});
  for (const auto& action : actions) {
    const auto* work = std::get_if<node::Do>(&action);
    if (work != nullptr) return std::static_pointer_cast<Work>(work->work);
  }
  return nullptr;
}

Answer answer_to(const Request& request) {
  RingPart part;
  const auto actions = part.step(
      {}, node::FromTool{replica::ConnectionId{1}, replica::Credentials{1000, "alice", {}, 2, false}, 1,
                         wire::encode(request)});
  for (const auto& action : actions) {
    const auto* told = std::get_if<node::ToTool>(&action);
    if (told != nullptr) return *wire::decode<Answer>(told->bytes);
  }
  return Absent{};
}

}  // namespace

TEST_CASE("a write that depends on what is no key is refused", "[ring]") {
  for (const std::string& other :
       {std::string(), std::string(longest_key + 1, 'k'), std::string("a\0b", 3)}) {
    const Past past{{}, {{other, {NodeId{1}, 1}}}};
    const Answer answer = answer_to(Put{"r", "k", 1, {'v'}, {}, {}, Consistency::causal, past, {}});
    REQUIRE(std::holds_alternative<Refused>(answer));
    CHECK(std::get<Refused>(answer).why == Why::usage);
  }
}

TEST_CASE("who asks is told without a look at the disk, and a ring's name begins with no '-'", "[ring]") {
  const Answer who = answer_to(AskStatus{"@/r", true});
  REQUIRE(std::holds_alternative<StatusOf>(who));
  CHECK(std::get<StatusOf>(who).user == "alice");
  CHECK(asked_of_disk(AskStatus{"r", true}, 1000, "alice") == nullptr);
  CHECK(std::holds_alternative<Refused>(answer_to(AskStatus{"-r"})));
}

TEST_CASE("a value that is refused at its first chunk is answered once", "[ring]") {
  for (const std::string& key : {std::string("k"), std::string()}) {
    RingPart part;
    std::size_t answers = 0;
    for (int chunk = 0; chunk < 3; ++chunk) {
      const Request put = Put{"@bob/r", key, 3, {'v'}, {}, {}};
      const replica::Credentials alice{1000, "alice", {}, 2, false};
      for (const auto& action :
           part.step({}, node::FromTool{replica::ConnectionId{1}, alice, 1, wire::encode(put)}))
        answers += std::holds_alternative<node::ToTool>(action) ? 1 : 0;
    }
    CHECK(answers == 1);
  }
}

TEST_CASE("@/ is one's own: of ring, key, prefix and dependencies", "[ring]") {
  const Past past{{}, {{"@/other", {NodeId{1}, 1}}}};
  const auto put =
      asked_of_disk(Put{"@/r", "@/k", 1, {'v'}, {}, {}, Consistency::causal, past, {}}, 1000, "alice");
  REQUIRE(put);
  CHECK(put->user == "alice");
  CHECK(std::get<Put>(put->what).ring == "@alice/r");
  CHECK(std::get<Put>(put->what).key == "@alice/k");
  CHECK(std::get<Put>(put->what).past.after.front().key == "@alice/other");
  const auto list = asked_of_disk(List{"r", "@/k", ""}, 1000, "alice");
  REQUIRE(list);
  CHECK(std::get<List>(list->what).prefix == "@alice/k");

  // A uid without a name is no user who is called so.
  const auto get = asked_of_disk(Get{"r", "@/k", {}, 0}, 60001, "60001");
  REQUIRE(get);
  CHECK(get->user == "#60001");
  CHECK(std::get<Get>(get->what).key == "@#60001/k");

  for (const Request& longer : {Request(Get{"r", "@/" + std::string(longest_key - 2, 'k'), {}, 0}),
                                Request(List{"r", "@/" + std::string(longest_key - 2, 'k'), ""}),
                                Request(AskStatus{"@/" + std::string(longest_ring_name - 2, 'r')})}) {
    const Answer answer = answer_to(longer);
    REQUIRE(std::holds_alternative<Refused>(answer));
    CHECK(std::get<Refused>(answer).why == Why::usage);
  }
}

TEST_CASE("a record that depends on what is no key leads nobody there, and goes", "[ring]") {
  Group group(3);
  group.found(3);
  // As an earlier release took it.
  const Past past{{}, {{std::string(longest_key + 1, 'k'), {NodeId{1}, 1}}, {"", {NodeId{1}, 2}}}};
  REQUIRE(is_stored(group.ask(1, Put{"r", "k", 1, {}, {}, {}, Consistency::causal, past}, "v")));
  Person reader{group};
  CHECK(std::holds_alternative<Found>(reader.get(2, "k")));
  CHECK(reader.session.all().size() == 1);
  REQUIRE(is_stored(group.ask(1, Remove{"r", "k", {}, {}})));
  for (int i = 0; i < 280 && group.keeps(1, "k"); ++i) group.run();
  CHECK_FALSE(group.keeps(1, "k"));
}

TEST_CASE("what a host repairs goes on when the ring changes meanwhile", "[ring]") {
  Group group(3);
  group.found(3);
  group.stop(3);
  for (int i = 0; i < 5; ++i) REQUIRE(is_stored(group.put(1, std::to_string(i), "v")));
  bool is_slow = true;
  group.stuck = [&](std::uint64_t host, const Inner& what) {
    return host == 3 && is_slow && std::holds_alternative<Merge>(what);
  };
  group.start(3);
  run(group, 3);
  group.agree();
  is_slow = false;
  run(group, 6);
  for (int i = 0; i < 5; ++i) CHECK(group.keeps(3, std::to_string(i)));
  for (const std::uint64_t other : {1, 2}) group.part(3, other);
  REQUIRE(is_stored(group.put(1, "late", "v")));
  group.pass(60 * second);
  group.run();
  group.cut.clear();
  group.see(1, 3);
  run(group, 4);
  CHECK(group.keeps(3, "late"));
}

TEST_CASE("a value that one copy does not give is read of another one", "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  group.run();
  group.stuck = [](std::uint64_t host, const Inner& what) {
    return host == 1 && std::holds_alternative<ReadChunk>(what);
  };
  const std::uint64_t get = group.begin(1, Get{"r", "k", {}, 0, 30 * second, Consistency::one});
  run(group, 20);
  REQUIRE(group.told.contains(get));
  CHECK(std::holds_alternative<Found>(group.told.at(get)));
}

TEST_CASE("a sibling is asked of another copy when the first one that has it falls silent", "[ring]") {
  Group group(3);
  group.found(3);
  group.part(3, 1);
  group.part(3, 2);
  REQUIRE(is_stored(group.put(1, "k", "sibling")));
  group.pass(60 * second);
  group.run();
  group.cut.clear();
  // Host 2 writes, and 1 and 2 have the sibling; 3 lacks it, and 1 gives no values to 3.
  group.loses = [](std::uint64_t from, std::uint64_t to, const copies::Message& message) {
    const bool gives = from == 1 && to == 3 && std::holds_alternative<copies::ChunkIs>(message);
    const bool repairs = std::holds_alternative<copies::RowsAre>(message);
    return gives || repairs;
  };
  group.full = {1};  // so that host 3 is needed
  const std::uint64_t put = group.begin(2, Put{"r", "k", 1, {}, std::vector<Dot>{}, 30 * second}, "w");
  run(group, 12);
  REQUIRE(group.told.contains(put));
  CHECK(is_stored(group.told.at(put)));
}

TEST_CASE("a host whose disk could not be read at first reads it again", "[ring]") {
  Group group(3);
  group.found(3);
  REQUIRE(is_stored(group.put(1, "k", "v")));
  group.run();
  group.stop(3);
  group.unreadable = {3};
  group.start(3);
  run(group, 2);
  group.unreadable.clear();
  group.stop(2);
  run(group, 3);
  CHECK(group.get(1, "k") == "v");
}

// Each tombstone leads to the one before it: each of them is asked for once.
TEST_CASE("a chain of removed keys goes, and is not walked anew for each of them", "[ring]") {
  Group group(3);
  group.found(3);
  Person worker{group};
  constexpr int many = 20;
  for (int i = 0; i < many; ++i) {
    REQUIRE(is_stored(worker.put(1, std::to_string(i))));
    REQUIRE(is_stored(worker.write(1, std::to_string(i), "", true)));
  }
  const auto left = [&] {
    std::size_t count = 0;
    for (int i = 0; i < many; ++i) count += group.keeps(1, std::to_string(i)) ? 1 : 0;
    return count;
  };
  REQUIRE(left() > 0);
  const std::size_t before = group.sent<copies::AskEntry>();
  for (int i = 0; i < 280 && left() > 0; ++i) group.run();
  CHECK(left() == 0);
  // Of two others each, by three owners at most, twice for what is collected already.
  CHECK(group.sent<copies::AskEntry>() - before <= many * 3 * 2 * 2);
}

TEST_CASE("a put at a host that has lost its disk says so, and so does no other host", "[ring]") {
  Group group(3);
  group.found(3);
  group.lose_disk(1);
  group.start(1);
  const Answer here = group.put(1, "k", "v");
  REQUIRE(std::holds_alternative<NoQuorum>(here));
  CHECK_THAT(std::get<NoQuorum>(here).text, Catch::Contains("chordctl join"));
  CHECK(is_stored(group.put(2, "k", "v")));
}

TEST_CASE("the first two hosts of a ring join at once", "[ring]") {
  Group group(2);
  const Token first = group.join(1), second = group.join(2);
  CHECK(std::holds_alternative<HandedOver>(group.ask(1, AwaitHandOver{"r", first, {}})));
  CHECK(std::holds_alternative<HandedOver>(group.ask(2, AwaitHandOver{"r", second, {}})));
  group.settle();
  CHECK(is_stored(group.put(1, "k", "v")));
  CHECK(group.get(2, "k") == "v");
}

TEST_CASE("a host that lost its disk is given up though it answers, and not while it reads all anew",
          "[ring]") {
  // The first host of the ring has not got to the end of its join when the next one joins.
  Group group(2);
  group.join(1);
  const Token number = group.join(2);
  const std::uint64_t waits = group.begin(2, AwaitHandOver{"r", number, {}});
  run(group, 8);
  CHECK(!group.told.contains(waits));
  CHECK(std::holds_alternative<HandedOver>(group.ask(2, AwaitHandOver{"r", number, {NodeId{1}}})));
  group.settle();
  CHECK(group.adopt(2, {NodeId{1}}));
  CHECK(is_stored(group.put(2, "k", "v")));
  CHECK(group.whole_join(1));
  CHECK(group.get(1, "k") == "v");

  // On a new disk, and it joins again.
  Group other(3);
  other.found(3);
  other.lose_disk(3);
  other.start(3);
  other.part(3, 1);
  other.part(3, 2);
  const Token again = other.join(3);
  run(other, 2);
  other.cut.clear();
  CHECK(std::holds_alternative<Refused>(other.ask(1, AwaitHandOver{"r", again, {NodeId{3}}})));
}

// More hosts than copies: by the going of each the others gain arcs.
TEST_CASE("hosts are given up, one of them running on an empty disk, named or not", "[ring]") {
  Group named(5);
  named.found(5);
  REQUIRE(is_stored(named.put(1, "k", "v")));
  named.stop(4);
  named.lose_disk(5);
  named.start(5);
  CHECK(named.adopt(1, {NodeId{4}, NodeId{5}}));
  CHECK(named.adopt(1, {NodeId{5}}));
  CHECK(named.get(1, "k") == "v");

  Group unnamed(5);
  unnamed.found(5);
  REQUIRE(is_stored(unnamed.put(1, "k", "v")));
  unnamed.stop(4);
  unnamed.lose_disk(5);
  unnamed.start(5);
  CHECK(unnamed.adopt(1, {NodeId{4}}));
  CHECK(unnamed.get(5, "k") == "v");
  CHECK(is_stored(unnamed.put(5, "k", "new")));
}

TEST_CASE("a host that has not heard yet that it came again is not lost", "[ring]") {
  Group group(3);
  group.found(3);
  group.run();
  group.agree_without({});
  group.lose_disk(3);
  group.start(3);
  REQUIRE(group.whole_join(3));
  group.stop(3);
  group.behind = {3};
  group.start(3);
  group.run();
  const Answer answer = group.ask(1, AwaitHandOver{"r", Token{}, {NodeId{3}}});
  REQUIRE(std::holds_alternative<Refused>(answer));
  CHECK(std::get<Refused>(answer).why == Why::living);
}

TEST_CASE("hosts are given up at one that has not heard yet of the change", "[ring]") {
  Group group(4);
  group.found(4);
  group.run();
  group.stop(4);
  group.agree_without({1});
  const Token number = group.leave(4);
  const std::uint64_t adopts = group.begin(1, AwaitHandOver{"r", number, {NodeId{4}}});
  run(group, 2);
  CHECK_FALSE(group.told.contains(adopts));
  group.behind.clear();
  run(group, 10);
  REQUIRE(group.told.contains(adopts));
  CHECK(std::holds_alternative<HandedOver>(group.told.at(adopts)));
}

TEST_CASE("of a ring of one host only the command that has made it says that the disk is its first",
          "[ring]") {
  Group group(1);
  const Token number = group.join(1);
  REQUIRE(std::holds_alternative<HandedOver>(group.ask(1, AwaitHandOver{"r", number})));
  REQUIRE(is_stored(group.put(1, "k", "v")));
  group.lose_disk(1);
  group.start(1);
  group.run();
  static_cast<void>(group.ask(1, AwaitHandOver{"r", Token{}}));
  CHECK_FALSE(is_stored(group.put(1, "k", "new")));
}

// Until it is known whether its host is in the ring.
TEST_CASE("a request that was held has what is left of its patience", "[ring]") {
  Replicas replicas(NodeId{1}, {}, 1);
  const service::KeptRings none;
  Instant now{};
  now += second;
  replicas.look_at(now, &none, Token{1});
  const auto work = std::make_shared<Work>();
  work->what = Get{"r", "k", {}, 0, 3 * second};
  replicas.hold(work);
  CHECK(replicas.take_ready().empty());
  for (auto& action : replicas.take_actions()) {
    auto* read = std::get_if<node::Do>(&action);
    if (read != nullptr) replicas.worked(dynamic_cast<InnerWork&>(*read->work));
  }
  replicas.look_at(now + second, &none, Token{1});
  REQUIRE(replicas.take_ready().size() == 1);
  CHECK(std::get<Get>(work->what).patience == 2 * second);
}

// What its disk had before is nowhere: its own membership of then is none to be read.
TEST_CASE("a host that comes again on an empty disk goes on without another one that is lost", "[ring]") {
  Group group(4);
  group.found(4);
  for (int i = 0; i < 12; ++i) REQUIRE(is_stored(group.put(1, std::to_string(i), "v")));
  group.run();
  group.lose_disk(3);
  group.start(3);
  group.stop(4);
  const Token number = group.join(3);
  run(group, 8);
  REQUIRE(std::holds_alternative<HandedOver>(group.ask(1, AwaitHandOver{"r", number, {NodeId{4}}})));
  group.settle();
  CHECK(std::holds_alternative<HandedOver>(group.ask(3, AwaitHandOver{"r", number})));
  run(group, 4);
  for (int i = 0; i < 12; ++i) CHECK(group.get(3, std::to_string(i)) == "v");
}
