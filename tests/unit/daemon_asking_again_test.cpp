// SPDX-License-Identifier: MIT
// A host that asks its group again, on a thread of its own, while the keys are changed.
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>

#include "daemon/asker_keys.hpp"
#include "daemon/asking_again.hpp"
#include "daemon_joining_world.hpp"

using namespace joining_test;
using namespace std::chrono_literals;

namespace {

net::KeyRing key(const std::string& id) {
  auto ring = net::parse_keys(id + ":" + std::string(42, 'B') + "A=\n", "test");
  REQUIRE(ring.ok());
  return std::move(*ring);
}

}  // namespace

TEST_CASE("a host that asks again does so by the keys of the moment, for the rest of its life") {
  World world;
  REQUIRE(world.run().ok());
  AskerKeys keys;
  keys.set(key("before"));
  Asker asker = world.asker();
  std::atomic<int> refused = 0;
  asker.ask_any = [&](const auto& addresses, const auto& question) -> Result<net::IntroducedBy> {
    if (keys.get().sending().id == "now") return world.ask_any(addresses, question);
    ++refused;
    return Error{ErrorKind::data, "10.0.0.1:7411", "it refused our key", ""};
  };
  boost::asio::io_context io;
  const auto guard = boost::asio::make_work_guard(io);
  std::optional<Result<Settings>> told;
  AskingAgain asking(io, world.disk, world.settings, asker, [&](Result<Settings> what) {
    told.emplace(std::move(what));
    io.stop();
  });
  io.run_for(1200ms);
  CHECK_FALSE(told);
  CHECK(refused.load() >= 1);
  keys.set(key("now"));
  io.restart();
  io.run_for(20s);
  REQUIRE(told);
  CHECK(told->ok());
}
