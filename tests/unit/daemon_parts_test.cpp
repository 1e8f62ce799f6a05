// SPDX-License-Identifier: MIT
// Real peers on loopback whose node has one more part, and tools of their hosts that ask it: the same part
// runs under faults in the simulator in tests/sweep/faults_parts_test.cpp.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <fstream>

#include "base/descriptor.hpp"
#include "daemon/daemon.hpp"
#include "net_group.hpp"
#include "parts/tally.hpp"
#include "temporary_directory.hpp"
#include "wire/codec.hpp"
#include "wire/local.hpp"

using namespace coord;
using namespace std::chrono_literals;
using net::test::run_until;

namespace {

class Tool {
 public:
  explicit Tool(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  void say(const local::Request& request) {
    const Bytes frame = wire::frame(wire::FrameType::request, wire::encode(request, 2), 2);
    REQUIRE(::send(fd_.get(), frame.data(), frame.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(frame.size()));
  }
  // The next answer of this kind, if it is there.
  template <class T>
  std::optional<T> heard() {
    std::array<std::uint8_t, 65536> buffer{};
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n > 0) frames_.feed(ByteView(buffer).first(static_cast<std::size_t>(n)));
    for (;;) {
      const auto frame = frames_.next();
      REQUIRE(frame.ok());
      if (!*frame) return std::nullopt;
      const auto answer = wire::decode<local::Answer>((**frame).payload, (**frame).decode_options());
      REQUIRE(answer.ok());
      if (const auto* wanted = std::get_if<T>(&*answer)) return *wanted;
    }
  }

 private:
  Descriptor fd_;
  wire::FrameReader frames_;
};

struct Host {
  Host(boost::asio::io_context& io, const std::string& name, const std::string& peers,
       const std::string& keys)
      : socket(directory.path() + "/socket") {
    daemon::Options options;
    options.name = name;
    options.peers = peers;
    options.key_file = keys;
    options.state_dir = directory.path() + "/state";
    options.socket = socket;
    options.raise_after = 1ms;
    // On a busy machine a tick may be late.
    options.heartbeat = 100ms;
    options.election_low = 1s;
    options.election_high = 2s;
    auto settings = daemon::check(options);
    REQUIRE(settings.ok());
    const net::Log log = [this](net::LogLevel, const std::string& line) { lines.push_back(line); };
    const node::MakeParts parts = [this](const node::Setting& setting) {
      node::Parts made = test::make_tally(setting);
      tally = dynamic_cast<const test::Tally*>(made.front().get());
      return made;
    };
    auto opened = daemon::Daemon::open(
        io, std::move(*settings), log, [](const std::optional<Error>&) {}, parts);
    REQUIRE(opened.ok());
    peer = std::move(*opened);
    peer->start();
  }
  bool logged(const std::string& text) const {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const auto& line) { return line.find(text) != std::string::npos; });
  }

  TemporaryDirectory directory;
  std::string socket;
  std::vector<std::string> lines;
  const test::Tally* tally = nullptr;
  std::unique_ptr<daemon::Daemon> peer;
};

struct Group {
  Group() {
    const std::string keys = directory.path() + "/keys";
    std::ofstream(keys) << "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
    REQUIRE(::chmod(keys.c_str(), 0600) == 0);
    const std::string peers = "a=127.0.0.1:" + std::to_string(net::test::free_port()) +
                              ",b=127.0.0.1:" + std::to_string(net::test::free_port());
    a = std::make_unique<Host>(io, "a", peers, keys);
    b = std::make_unique<Host>(io, "b", peers, keys);
  }
  bool until(const std::function<bool()>& condition) { return run_until(io, condition, 60s); }

  boost::asio::io_context io;
  TemporaryDirectory directory;
  std::unique_ptr<Host> a;
  std::unique_ptr<Host> b;
};

std::uint64_t sum_in(const local::FromPart& answer) {
  return ByteReader(answer.bytes).get<std::uint64_t>();
}

}  // namespace

TEST_CASE("a part of real peers: tools add on both hosts, and each part hears the other by both ways") {
  Group group;
  Tool adds(group.a->socket);
  adds.say(local::Hello{local::protocol_version, "tally", 2});
  adds.say(local::ToPart{3, 0xff00, Bytes{'+'}});
  std::optional<local::FromPart> answer;
  REQUIRE(group.until([&] { return (answer = adds.heard<local::FromPart>()).has_value(); }));
  CHECK(answer->request == 3);
  CHECK(answer->channel == 0xff00);
  CHECK(sum_in(*answer) == 1);

  // Nothing of it goes out until the group is at level 2; then datagrams tell what streams did not.
  REQUIRE(group.until([&] { return group.b->tally->total() == 1; }));
  CHECK(group.b->tally->level() >= 2);
  CHECK(group.b->logged("the group is at level 2"));
  CHECK(group.b->tally->by_datagram > 0);
  REQUIRE(group.until([&] {
    if (group.b->tally->by_stream > 0) return true;
    adds.say(local::ToPart{4, 0xff00, Bytes{'+'}});
    (void)adds.heard<local::FromPart>();
    return false;
  }));

  Tool asks(group.b->socket);
  asks.say(local::Hello{local::protocol_version, "tally", 2});
  asks.say(local::ToPart{1, 0xff00, Bytes{'?'}});
  REQUIRE(group.until([&] { return (answer = asks.heard<local::FromPart>()).has_value(); }));
  CHECK(sum_in(*answer) == group.b->tally->total());
}

TEST_CASE("a tool is told when its peer has no such part, or when it has not greeted as one of version 2") {
  Group group;
  Tool tool(group.a->socket);
  std::optional<local::Refused> refused;
  tool.say(local::ToPart{1, 0xff00, Bytes{'?'}});
  REQUIRE(group.until([&] { return (refused = tool.heard<local::Refused>()).has_value(); }));
  CHECK(refused->why == "a greeting comes first");
  tool.say(local::Hello{local::protocol_version, "tally", 2});
  tool.say(local::ToPart{2, 77, Bytes{'?'}});
  REQUIRE(group.until([&] { return (refused = tool.heard<local::Refused>()).has_value(); }));
  CHECK(refused->request == 2);
  CHECK(refused->why.find("no part 77") != std::string::npos);
}
