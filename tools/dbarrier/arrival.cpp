// SPDX-License-Identifier: MIT
#include "dbarrier/arrival.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <array>

#include "base/check.hpp"
#include "base/format.hpp"
#include "cli/connect.hpp"

namespace coord::dbarrier {

std::string host_name() {
  std::array<char, 64> host{};
  ::gethostname(host.data(), host.size() - 1);
  return host.data();
}

local::Arrive request_of(const Settings& settings) {
  local::Arrive request;
  request.request = only_request;
  request.name = settings.name;
  request.id = settings.id.value_or(fmt::format("{}:{}", host_name(), ::getpid()));
  request.count = *settings.count;
  request.quorum = settings.quorum.value_or(0);
  request.after = settings.after.value_or(Duration{});
  request.expect = settings.expect;
  request.break_on_death = settings.break_on_death;
  request.command = !settings.command.argv.empty();
  request.report = !settings.report.empty();
  request.in_turn = settings.in_turn;
  request.fail = settings.mode == Mode::fail;
  request.why = settings.why;
  COORD_CHECK(::getrandom(&request.key, sizeof request.key, 0) == sizeof request.key);
  request.ttl = settings.ttl;
  request.pid = static_cast<std::uint32_t>(::getpid());
  for (const std::string& word : settings.command.argv)
    request.command_line += (request.command_line.empty() ? "" : " ") + word;
  return request;
}

// An arrival of a kind that a peer of an earlier release would take for another one is said when it is known
// of which release it is.
Result<engine::LocalConnection> say_arrival(const Settings& settings, const local::Arrive& arrival) {
  const bool is_new = arrival.in_turn || arrival.fail;
  const cli::ConnectOptions how = cli::in_time(settings.peer, settings.wait, arrival.fail);
  if (!is_new) return cli::connect_to_peer(how, "dbarrier", arrival);
  auto peer = cli::connect_to_peer(how, "dbarrier");
  if (!peer) return peer;
  if (peer->speaks() < 2)
    return Error{ErrorKind::unavailable, "the peer of this host",
                 std::string("its release knows no ") + (arrival.fail ? "--fail" : "--in-turn"),
                 "install this release's coordd"};
  if (Status sent = peer->send(arrival); !sent) return sent.error();
  return peer;
}

}  // namespace coord::dbarrier
