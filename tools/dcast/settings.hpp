// SPDX-License-Identifier: MIT
// What dcast was asked to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "casts/messages.hpp"
#include "cli/common.hpp"
#include "cli/exit_status.hpp"
#include "cli/follow.hpp"
#include "cli/options.hpp"
#include "engine/local_connection.hpp"
#include "wire/local.hpp"

namespace coord::dcast {

enum class Mode { say, listen, ask, answer };
enum class Reduce { list, sum, min, max, count };
const char* name_of(Reduce how);  // ask.cpp

struct Settings {
  cli::ConnectOptions peer;
  Mode mode = Mode::say;
  std::string name;
  std::string payload;  // read already
  cli::Command command;
  Reduce reduce = Reduce::list;
  std::optional<std::uint64_t> count;
  std::optional<Duration> wait;
  bool causal = false, json = false, quiet = false;
};

inline constexpr std::uint64_t only_request = 1;

// A peer that knows what dcast says; one of an earlier release does not (69).
Result<engine::LocalConnection> connect(const Settings& settings);
local::ToPart to_part(std::uint64_t request, const casts::FromTool& what);
// What the peer answers to this request, if `answer` is for it; an Error: refused, or unreadable.
Result<std::optional<casts::ToTool>> of_part(const Settings& settings, std::uint64_t request,
                                             const local::Answer& answer);
std::string text_of(const casts::CastId& id);

// Over all connections to the peer until the follower has ended().
template <class Follower>
Result<cli::Exit> follow(const Settings& settings, Follower follower) {
  auto peer = connect(settings);
  if (!peer) return peer.error();
  return cli::follow_peer(
      std::move(*peer),
      {"dcast", settings.quiet,
       [&](engine::LocalConnection& on, Status& output) { return follower.follow(on, output); },
       [&] { return connect(settings); }, [&] { return follower.ended(); }});
}

Result<cli::Exit> say(const Settings& settings);     // say.cpp
Result<cli::Exit> listen(const Settings& settings);  // listen.cpp
Result<cli::Exit> ask(const Settings& settings);     // ask.cpp
Result<cli::Exit> answer(const Settings& settings);  // answer.cpp

}  // namespace coord::dcast
