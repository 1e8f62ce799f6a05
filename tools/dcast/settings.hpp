// SPDX-License-Identifier: MIT
// What dcast was asked to do.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "casts/messages.hpp"
#include "cli/common.hpp"
#include "cli/exit_status.hpp"
#include "cli/options.hpp"

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

std::string text_of(const casts::CastId& id);

// What is said once, and answered.
struct Exchange {
  std::function<casts::FromTool(Duration patience)> request;
  std::optional<Instant> end;         // none: it takes as long as it takes
  ErrorKind lost;                     // nobody knows what became of it: the peer is gone, or says nothing
  const char* lost_remedy = nullptr;  // then
};
// The answer. While the peer says that there is too much at once it is said again; `casts::Later`: it was not
// done, for there was too much until the end.
Result<casts::ToTool> exchange(const Settings& settings, const Exchange& what);

// For as long as the tool runs, over all connections to the peer.
struct Followed {
  std::function<casts::FromTool()> begin;  // said first on each
  // One thing that the peer has told, and what it is answered; the end of the tool, if it is reached.
  struct Took {
    std::optional<casts::FromTool> reply{};
    std::optional<Result<cli::Exit>> end{};
  };
  std::function<Took(const casts::ToTool& told)> take;
};
Result<cli::Exit> follow(const Settings& settings, const Followed& followed);

Result<cli::Exit> say(const Settings& settings);     // say.cpp
Result<cli::Exit> listen(const Settings& settings);  // listen.cpp
Result<cli::Exit> ask(const Settings& settings);     // ask.cpp
Result<cli::Exit> answer(const Settings& settings);  // answer.cpp

}  // namespace coord::dcast
