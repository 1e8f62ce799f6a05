// SPDX-License-Identifier: MIT
// Every algorithm of the registry, made by name and run through bytes alone. This program has no simulator.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "classical_desk.hpp"

using namespace classical_desk;

namespace {

Setup quiet(std::size_t nodes) {
  Setup setup;
  setup.group = Group::numbered(NodeId{1}, nodes);
  return setup;
}

std::string why(const Result<std::unique_ptr<Instance>>& made) {
  return made.ok() ? "made" : made.error().text();
}

// What is said in the runs, by algorithm and type.
std::map<std::string, Bytes> said() {
  std::map<std::string, Bytes> all;
  for (const auto& some : {runs(), troubled_runs()}) {
    for (const Run& run : some) {
      INFO(run.name);
      Desk desk(run.name, run.nodes, run.options);
      run.wish(desk);
      for (const auto& [type, message] : desk.first_messages()) all.emplace(run.name + "." + type, message);
    }
  }
  return all;
}

std::string hex(const Bytes& bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

}  // namespace

TEST_CASE("every algorithm of the registry answers a wish through bytes alone for what its paper says") {
  std::set<std::string_view> ran;
  for (const Run& run : runs()) {
    INFO(run.name);
    Desk desk(run.name, run.nodes, run.options);
    run.wish(desk);
    const auto counted = static_cast<double>(desk.counted(run.types));
    CHECK(counted >= run.low);
    CHECK(counted <= run.high);
    ran.insert(find(run.name)->identity.name);
  }
  for (const Algorithm& algorithm : all()) {
    INFO(algorithm.identity.name);
    CHECK(ran.contains(algorithm.identity.name));
  }
}

TEST_CASE("an algorithm that is not known is an error that names those that are") {
  const auto made = make("peterson", quiet(3));
  REQUIRE_FALSE(made);
  CHECK(made.error().kind == ErrorKind::usage);
  CHECK(made.error().text().find(
            "peterson: no algorithm has this name: there are lamport, ricart-agrawala, ") == 0);
  CHECK(find("peterson") == nullptr);
}

TEST_CASE("options that are unknown or out of bounds are errors") {
  const auto with = [](const char* name, Options options, std::size_t nodes = 4) {
    Setup setup = quiet(nodes);
    setup.options = std::move(options);
    const auto made = make(name, setup);
    if (!made) CHECK(made.error().kind == ErrorKind::usage);
    return why(made);
  };
  CHECK(with("lamport", {{"speed", "1"}}) == "lamport: has no option 'speed': it takes epoch, floor");
  CHECK(with("promise-exchange", {{"speed", "1"}}) ==
        "promise-exchange: has no option 'speed': it takes none");
  CHECK(with("lamport", {{"epoch", "1048576"}}) ==
        "lamport: epoch=1048576 is out of its bounds: give a number from 0 to 1048575");
  for (const char* bad : {"", "-1", "x", "1x", "1.5", "99999999999999999999"}) {
    INFO(bad);
    CHECK(with("lamport", {{"epoch", bad}}).find("is out of its bounds") != std::string::npos);
  }
  for (const char* bad : {"", ".5", "1.", "1.1234567", "1000000001", "0", "0.999999", "1e3"}) {
    INFO(bad);
    CHECK(with("2pc", {{"patience_ms", bad}}).find("is out of its bounds") != std::string::npos);
  }
  CHECK(with("2pc", {{"patience_ms", "1.25"}}) == "made");
  CHECK(with("multi-paxos", {{"heartbeat_ms", "300"}}).find("times are not in their order") !=
        std::string::npos);
  CHECK(with("ben-or", {{"crashes", "2"}}).find("less than half may crash") != std::string::npos);
  CHECK(with("2pc", {{"coordinator", "9"}}).find("coordinator is none of its nodes") != std::string::npos);
  CHECK(with("lease-race", {{"store", "9"}}).find("store is none of its nodes") != std::string::npos);
  CHECK(with("tree-cast", {{"root", "9"}}).find("root is none of its nodes") != std::string::npos);
  CHECK(with("wait-graph", {{"coordinator", "9"}}).find("none of its nodes") != std::string::npos);
  for (const char* bad : {"1", "1-", "1-2:", "1-2:x", "1-9", "1-1", "1-2:9007199254740992", "1-2,1-2",
                          "1-2,3-4", "1-2,,3-4", ",", "1-2 "}) {
    INFO(bad);
    CHECK(with("echo", {{"edges", bad}}).find("edges: ") == 0);
  }
}

TEST_CASE("a group that an algorithm cannot have is an error") {
  Setup unsorted = quiet(3);
  std::swap(unsorted.group.nodes[0], unsorted.group.nodes[1]);
  CHECK(why(make("lamport", unsorted)).find("no sorted list") != std::string::npos);
  Setup twice = quiet(2);
  twice.group.nodes.push_back(NodeId{2});
  CHECK(why(make("lamport", twice)).find("no sorted list") != std::string::npos);
  Setup outside = quiet(3);
  outside.group.self = NodeId{9};
  CHECK(why(make("paxos", outside)).find("this node is none of its nodes") != std::string::npos);
  CHECK(why(make("lamport", Setup{})).find("no sorted list") != std::string::npos);
  CHECK(why(make("lamport", quiet(1025))).find("at most 1024 can take part") != std::string::npos);
  CHECK(why(make("ben-or", quiet(2))) == "ben-or: has 2 nodes: it needs at least 3");
  CHECK(why(make("pbft", quiet(5))).find("has not 3f+1 nodes") != std::string::npos);
  CHECK(why(make("pbft", quiet(4))) == "pbft: cannot sign: it needs the keys of its nodes");
}

TEST_CASE("a wish that an algorithm does not take is an error and changes nothing") {
  auto lamport = make("lamport", quiet(3)).value();
  const auto refused = lamport->wish(Instant{}, Propose{"blue"});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text() == "lamport: takes no wish to propose");
  CHECK(lamport->state() == "idle");
  auto ben_or = make("ben-or", quiet(3)).value();
  CHECK(ben_or->wish(Instant{}, Propose{"2"}).error().text() == "ben-or: decides on one bit: propose 0 or 1");
  auto paxos = make("paxos", quiet(3)).value();
  CHECK(paxos->wish(Instant{}, Propose{std::string(value_limit + 1, 'x')}).error().kind == ErrorKind::usage);
  CHECK(paxos->wish(Instant{}, Propose{std::string(value_limit, 'x')}));
  auto probes = make("cmh-and", quiet(3)).value();
  CHECK(probes->wish(Instant{}, WaitFor{{NodeId{9}}}).error().text() ==
        "cmh-and: a wish names a node that is none of the group's");
}

namespace {

// COORD_GOLDEN=write writes the file anew; the commit explains the difference. They
// are the fuzzer's seeds too.
std::map<std::string, std::string> check_golden(const char* file, const std::map<std::string, Bytes>& all) {
  const char* mode = std::getenv("COORD_GOLDEN");
  if (mode != nullptr && std::string(mode) == "write") {
    std::ofstream out(file);
    for (const auto& [name, bytes] : all) out << name << ' ' << hex(bytes) << '\n';
  }
  std::ifstream in(file);
  REQUIRE(in);
  std::map<std::string, std::string> golden;
  for (std::string line, name, bytes; std::getline(in, line); bytes.clear()) {
    std::istringstream(line) >> name >> bytes;
    golden[name] = bytes;
  }
  CHECK(golden.size() == all.size());
  for (const auto& [name, bytes] : all) {
    INFO(name);
    CHECK(hex(bytes) == golden[name]);
  }
  return golden;
}

Bytes unhex(const std::string& text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(text.substr(i, 2), nullptr, 16)));
  return bytes;
}

}  // namespace

TEST_CASE("what is said has the bytes that it always had") {
  static_cast<void>(check_golden(COORD_GOLDEN_FILE, said()));
}

namespace {

// Where more is stored than node 3 does where all goes well: by a coordinator, and in trouble. Names are
// NAME/NUMBER@NODE:KEY, the number that of the run.
std::vector<Run> runs_that_store_more() {
  std::vector<Run> some;
  const auto is_one = [](const std::string& name) {
    return name == "pbft" || name == "2pc" || name == "3pc" || name == "multi-paxos";
  };
  for (auto all : {runs, troubled_runs})
    for (Run& run : all())
      if (is_one(run.name)) some.push_back(std::move(run));
  return some;
}

std::string place_of(const Run& run, std::size_t number, NodeId node) {
  return run.name + '/' + std::to_string(number) + '@' + std::to_string(node.value) + ':';
}

std::map<std::string, Bytes> stored_more() {
  std::map<std::string, Bytes> stored;
  std::size_t number = 0;
  for (const Run& run : runs_that_store_more()) {
    Desk desk(run.name, run.nodes, run.options);
    run.wish(desk);
    for (const auto& [node, records] : desk.stored())
      for (const auto& [key, bytes] : records) stored[place_of(run, number, node) + key] = bytes;
    ++number;
  }
  return stored;
}

void read_more(const std::map<std::string, std::string>& golden) {
  std::size_t number = 0;
  for (const Run& run : runs_that_store_more()) {
    for (const NodeId node : Group::numbered(NodeId{1}, run.nodes).nodes) {
      const std::string prefix = place_of(run, number, node);
      INFO(prefix);
      const ToyNotary notary(node, 1);
      Setup setup{Group::numbered(node, run.nodes), run.options(node), 1, Instant{}, 2, {}, &notary};
      for (const auto& [name, bytes] : golden) {
        if (name.starts_with(prefix)) setup.stored[name.substr(prefix.size())] = unhex(bytes);
      }
      CHECK(make(run.name, setup));
    }
    ++number;
  }
}

}  // namespace

// What a release has put on a disk is read by all later ones.
TEST_CASE("what is stored has the bytes that it always had, and is read") {
  std::map<std::string, Bytes> stored;
  for (const Run& run : runs()) {
    if (!find(run.name)->stores) continue;
    Desk desk(run.name, run.nodes, run.options);
    run.wish(desk);
    for (const auto& [key, bytes] : desk.stored().at(NodeId{3})) stored[run.name + ':' + key] = bytes;
  }
  stored.merge(stored_more());
  const auto golden = check_golden(COORD_STORED_FILE, stored);
  const auto has = [&](const std::string& run, const std::string& key) {
    return std::ranges::any_of(golden, [&](const auto& entry) {
      return entry.first.starts_with(run) && entry.first.ends_with(key);
    });
  };
  CHECK(has("pbft/", ":view"));
  CHECK(has("pbft/", ":state"));
  CHECK(has("2pc/", "@1:state"));  // its coordinator's
  CHECK(has("3pc/", "@1:state"));
  read_more(golden);
  for (const Run& run : runs()) {
    if (!find(run.name)->stores) continue;
    INFO(run.name);
    const ToyNotary notary(NodeId{3}, 1);
    Setup setup{Group::numbered(NodeId{3}, run.nodes), run.options(NodeId{3}), 1, Instant{}, 2, {}, &notary};
    const std::string prefix = std::string(run.name) + ':';
    for (const auto& [name, bytes] : golden) {
      if (name.starts_with(prefix)) setup.stored[name.substr(prefix.size())] = unhex(bytes);
    }
    CHECK_FALSE(setup.stored.empty());
    CHECK(make(run.name, setup));
  }
}

TEST_CASE("bytes that are cut, go on or are damaged are errors and change nothing") {
  for (const Run& run : runs()) {
    INFO(run.name);
    const Algorithm& algorithm = *find(run.name);
    Desk desk(run.name, run.nodes, run.options);
    run.wish(desk);
    REQUIRE_FALSE(desk.first_messages().empty());
    const Bytes message = desk.first_messages().begin()->second;
    CHECK(algorithm.describe(message));
    Bytes longer = message;
    longer.push_back(0);
    CHECK_FALSE(algorithm.describe(longer));
    for (std::size_t size = 0; size < message.size(); ++size)
      CHECK_FALSE(algorithm.describe(ByteView(message).first(size)));
    if (message.size() > 0) {
      Bytes unknown = message;
      unknown[0] = 0xff;  // the kind, or what is chosen
      CHECK_FALSE(algorithm.describe(unknown));
    }

    const ToyNotary notary(NodeId{2}, 1);
    Setup setup{
        Group::numbered(NodeId{2}, run.nodes), run.options(NodeId{2}), 1, Instant{1s}, 1, {}, &notary};
    auto made = make(run.name, setup).value();
    const std::string before = made->state();
    CHECK_FALSE(made->receive(Instant{1s}, NodeId{1}, longer));
    CHECK(made->receive(Instant{1s}, NodeId{2}, message).error().kind == ErrorKind::data);   // itself
    CHECK(made->receive(Instant{1s}, NodeId{99}, message).error().kind == ErrorKind::data);  // nobody
    CHECK(made->state() == before);
  }
}

TEST_CASE("a message that no node of the group can mean is an error") {
  const auto with_number = [](Bytes message, std::size_t at, std::uint64_t number) {
    for (unsigned i = 0; i < 8; ++i) message.at(at + i) = static_cast<std::uint8_t>(number >> (8 * i));
    return message;
  };
  auto made = make("ricart-agrawala", quiet(3)).value();
  const Bytes request(17, 0);  // kind, epoch, time
  CHECK(made->receive(Instant{}, NodeId{2}, with_number(request, 9, 5)));
  const auto beyond = made->receive(Instant{}, NodeId{2}, with_number(request, 9, ~std::uint64_t{0}));
  REQUIRE_FALSE(beyond);
  CHECK(beyond.error().text() == "ricart-agrawala: a message holds a number beyond all bounds");

  auto probes = make("cmh-and", quiet(3)).value();
  const Bytes probe = [] {  // kind, initiator, round, time, process
    Bytes bytes(33, 0);
    bytes[0] = 3;
    return bytes;
  }();
  CHECK(probes->receive(Instant{}, NodeId{2}, with_number(probe, 1, 3)));
  const auto stranger = probes->receive(Instant{}, NodeId{2}, with_number(probe, 1, 77));
  REQUIRE_FALSE(stranger);
  CHECK(stranger.error().text() == "cmh-and: a message names a node that is none of the group's");
}

TEST_CASE("a place of a log far ahead of all others is not waited for") {
  auto made = make("multi-paxos", quiet(3)).value();
  Bytes chosen(1 + 8 + 8 + 8 + 4, 0);  // kind, place, origin, sequence, value
  chosen[0] = 5;
  chosen[6] = 1;  // place 2^40
  CHECK(made->receive(Instant{}, NodeId{2}, chosen)->empty());
  const Actions stands = made->tick(*made->deadline());
  CHECK_FALSE(stands.empty());
  Bytes promise(1 + 16 + 4, 0);  // kind, ballot 1.1, nothing accepted
  promise[0] = 1;
  promise[1] = promise[9] = 1;
  const auto leads = made->receive(*made->deadline(), NodeId{2}, promise);
  REQUIRE(leads);
  CHECK(made->state() == "leads, delivered to 0");
  CHECK(leads->size() < 10);  // no gap of 2^40 places is filled
}

TEST_CASE("what was persisted is found by the next life, and what is damaged is refused") {
  for (const Run& run : runs()) {
    if (!find(run.name)->stores) continue;
    INFO(run.name);
    Desk desk(run.name, run.nodes, run.options);
    run.wish(desk);
    REQUIRE(desk.stored().contains(NodeId{3}));
    const ToyNotary notary(NodeId{3}, 1);
    Setup setup{Group::numbered(NodeId{3}, run.nodes),
                run.options(NodeId{3}),
                1,
                desk.now(),
                2,
                desk.stored().at(NodeId{3}),
                &notary};
    auto again = make(run.name, setup);
    REQUIRE(again);
    // What it holds of others is asked again.
    // pbft executes again at its first step.
    if (run.name != "multi-paxos" && run.name != "swim" && run.name != "pbft")
      CHECK((*again)->state() == desk.node(3).state());
    setup.stored.begin()->second.pop_back();
    CHECK(make(run.name, setup).error().kind == ErrorKind::data);
  }
}

TEST_CASE("every option has a meaning and every type of message is said in a run") {
  const auto messages = said();
  // Who pushes never asks, who pulls tells nobody unasked; who cannot be reached by
  // datagram cannot by stream.
  const std::set<std::string> never = {"rumour-push.ask", "rumour-push.answer", "rumour-pull.tell",
                                       "swim.stream-ack"};
  for (const Algorithm& algorithm : all()) {
    INFO(algorithm.identity.name);
    CHECK_FALSE(algorithm.identity.summary.empty());
    for (const std::string_view type : algorithm.types) {
      INFO(type);
      const std::string message = std::string(algorithm.identity.name) + "." + std::string(type);
      CHECK(messages.contains(message) != never.contains(message));
    }
    for (const Option& option : algorithm.options) {
      INFO(option.name);
      CHECK_FALSE(option.meaning.empty());
      CHECK((option.kind == Option::Kind::text || option.value <= option.high));
    }
  }
}
