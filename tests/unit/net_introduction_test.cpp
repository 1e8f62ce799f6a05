// SPDX-License-Identifier: MIT
// A host that nobody knows asks, and peers that came later: links go by the roster of the moment.
#include <netdb.h>

#include <boost/asio/executor_work_guard.hpp>
#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "net/introduction.hpp"
#include "net/local_address.hpp"
#include "net/name_lookups.hpp"
#include "net_group.hpp"

using namespace coord;
using namespace coord::net;
using namespace coord::net::test;

namespace {

const std::string group(32, 'a'), another(32, 'b');

// One founder, a, and hosts that came later.
Roster with_members(const std::map<std::string, Address>& peers) {
  Roster roster;
  std::uint64_t next = 100;
  for (const auto& [name, address] : peers) {
    if (name == "a") {
      REQUIRE(roster.found(name, address).ok());
    } else {
      REQUIRE(roster.admit({NodeId{next++}, name, address}).ok());
    }
  }
  return roster;
}

PeerConfig of_group(const std::string& name, const std::map<std::string, Address>& peers,
                    const std::string& id) {
  PeerConfig config = config_of(name, peers);
  config.roster = with_members(peers);
  config.level = config.knows = 2;
  config.group_id = id;
  return config;
}

// Asks from another thread, as it blocks, while `io` runs.
Result<wire::Introduction> ask(boost::asio::io_context& io, const ClusterKey& with, const Address& address) {
  Result<wire::Introduction> answer = Error{};
  std::atomic<bool> done = false;
  std::thread asker([&] {
    wire::IntroductionQuestion question;
    question.name = "delta";
    answer = ask_introduction(KeyRing({with}), address, question, 3s);
    done = true;
  });
  run_until(io, [&] { return done.load(); });
  asker.join();
  return answer;
}

struct Answering {
  Answering(boost::asio::io_context& io, const Address& address, bool answers) {
    PeerConfig config = config_of("a", {{"a", address}});
    PeerHandlers handlers{[](const std::string&, wire::Frame&&) {}};
    if (answers)
      handlers.asked = [this](const wire::IntroductionQuestion& question, const std::string& source) {
        asked.push_back(question.name);
        wire::Introduction answer;
        answer.name = "a";
        answer.seen = source;
        return std::optional(answer);
      };
    auto opened = PeerTransport::open(io, std::move(config), std::move(handlers),
                                      [this](LogLevel, const std::string& line) { log += line + "\n"; });
    transport = std::move(opened).value();
    transport->start();
  }
  std::vector<std::string> asked;
  std::string log;
  std::unique_ptr<PeerTransport> transport;
};

}  // namespace

TEST_CASE("whoever has the key may ask who is there, and nobody else") {
  boost::asio::io_context io;
  const Address address = loopback(free_port());
  Answering a(io, address, true);
  const auto answer = ask(io, key("k1", 1), address);
  REQUIRE(answer.ok());
  CHECK(answer->name == "a");
  CHECK(answer->seen == "127.0.0.1");
  CHECK(a.asked == std::vector<std::string>{"delta"});
  for (const ClusterKey& wrong : {key("k1", 2), key("k2", 1)}) {
    const auto refused = ask(io, wrong, address);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().kind == ErrorKind::data);
  }
  CHECK(a.asked.size() == 1);
  CHECK(a.transport->refused() == 2);
}

TEST_CASE("a peer that answers no questions, or is not there, is told apart from a wrong key") {
  boost::asio::io_context io;
  const Address address = loopback(free_port());
  Answering a(io, address, false);
  CHECK(ask(io, key("k1", 1), address).error().kind == ErrorKind::unavailable);
  CHECK(ask(io, key("k1", 1), loopback(free_port())).error().kind == ErrorKind::unavailable);
}

TEST_CASE("a name is looked up by one thread at a time, and who has gone is told nothing") {
  boost::asio::io_context io;
  const auto guard = boost::asio::make_work_guard(io);
  std::vector<std::unique_ptr<NameLookup>> asking;
  int told = 0;
  for (int i = 0; i < 20; ++i) {
    asking.push_back(std::make_unique<NameLookup>(io));
    asking.back()->find("localhost", [&told](const NameLookup::Found& found) {
      REQUIRE(found.ok());
      CHECK_FALSE(found->empty());
      ++told;
    });
    CHECK(name_lookups() <= 1);
  }
  asking.pop_back();
  CHECK(run_until(io, [&] { return told == 19; }));
  bool numeric = false;
  NameLookup number(io);
  number.find("::1", [&](const NameLookup::Found& found) { numeric = found.ok() && found->size() == 1; });
  CHECK(run_until(io, [&] { return numeric; }));
  bool refused = false;
  NameLookup unknown(io);
  unknown.find("no-such-host.invalid", [&](const NameLookup::Found& found) { refused = !found.ok(); });
  CHECK(run_until(io, [&] { return refused; }));
  CHECK(run_until(io, [] { return name_lookups() == 0; }));
  CHECK(told == 19);
}

TEST_CASE("who came later has links once it is in the roster, and none when it is no more") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "d"});
  PeerConfig before = of_group("a", {{"a", peers.at("a")}}, group);
  const auto a = start_peer(io, before);
  const auto d = start_peer(io, of_group("d", peers, group));
  REQUIRE(run_until(io, [&] { return a->logged("no peer here is called d"); }));
  a->transport->update(with_members(peers), group);
  REQUIRE(run_until(io, [&] { return d->link("a").up; }));
  CHECK(d->transport->send("a", Bytes{1}, 2));
  REQUIRE(run_until(io, [&] { return a->inbox.size() == 1; }));
  CHECK(a->transport->send("d", Bytes{2}, 2));
  REQUIRE(run_until(io, [&] { return d->inbox.size() == 1; }));
  a->transport->update(before.roster, group);
  REQUIRE(run_until(io, [&] { return !d->link("a").up; }));
  CHECK(a->transport->status().empty());
}

TEST_CASE("a host that has moved is dialled where it is") {
  boost::asio::io_context io;
  auto peers = peers_named({"a", "d"});
  const auto d = start_peer(io, of_group("d", peers, group));
  auto elsewhere = peers;
  elsewhere["d"] = loopback(free_port());
  const auto a = start_peer(io, of_group("a", elsewhere, group));
  CHECK(a->transport->send("d", Bytes{1}, 2));
  run_for(io, 100ms);
  CHECK(d->inbox.empty());
  a->transport->update(with_members(peers), group);
  CHECK(a->transport->send("d", Bytes{2}, 2));
  REQUIRE(run_until(io, [&] { return !d->inbox.empty(); }));
}

TEST_CASE("a host of another group of the same key has no link, and both are named") {
  boost::asio::io_context io;
  const auto peers = peers_named({"a", "d"});
  const auto a = start_peer(io, of_group("a", peers, group));
  const auto d = start_peer(io, of_group("d", peers, another));
  REQUIRE(run_until(io, [&] { return a->logged("group " + group) && a->logged("group " + another); }));
  CHECK_FALSE(d->link("a").up);
}

TEST_CASE(
    "an address of this host is told from others, by number and by name, and no name server is waited for") {
  CHECK(is_local("127.0.0.1", 1s) == true);
  CHECK(is_local("localhost", 10s) == true);
  CHECK(is_local("192.0.2.77", 1s) == false);
  CHECK(is_local("", 1s) == false);
  CHECK(is_local("no host has this name", 1s) != true);
  const auto began = std::chrono::steady_clock::now();
  (void)is_local("host.of.a.silent.server.invalid", 50ms);
  CHECK(std::chrono::steady_clock::now() - began < 3s);
}

TEST_CASE("only a name that does not exist is nobody's: a name server that fails at once has not answered") {
  for (const int code : {EAI_NONAME, EAI_NODATA, EAI_ADDRFAMILY})
    CHECK(is_local(NameLookup::Found(not_looked_up("m.example", code))) == false);
  for (const int code : {EAI_AGAIN, EAI_FAIL, EAI_SYSTEM, EAI_MEMORY})
    CHECK(is_local(NameLookup::Found(not_looked_up("m.example", code))) == std::nullopt);
}
