// SPDX-License-Identifier: MIT
#include "dpeers/wait.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/format.hpp"
#include "cli/common.hpp"
#include "cli/follow.hpp"
#include "cli/run.hpp"
#include "cli/terminal.hpp"
#include "dpeers/listing.hpp"
#include "engine/ask_peers.hpp"
#include "process/boot_time.hpp"

namespace coord::dpeers {

namespace {

constexpr Duration look_for_peers_every = std::chrono::milliseconds(50);

struct Seen {
  std::uint64_t count = 0, peers = 0;
  bool has_leader = false;
};

Seen seen_in(const local::Peers& group, const std::string& state) {
  Seen seen;
  seen.peers = group.peers.size();
  for (const local::PeerRecord& peer : group.peers) {
    if (peer.state == state) ++seen.count;
    if (peer.role == "leader" && peer.state != "dead" && peer.state != "left") seen.has_leader = true;
  }
  return seen;
}

// What is left of the time; nothing, if it is over.
Duration left_of(const std::optional<Instant>& end) {
  return end ? std::max(Duration{}, *end - process::boot_now()) : Duration::max();
}

std::string in_words(const WaitSettings& settings, const Seen& seen) {
  return fmt::format("{} of {} peers {}{}", seen.count, seen.peers, seen.count == 1 ? "is " : "are ",
                     settings.state);
}

void say_waiting(const WaitSettings& settings, const Seen& seen) {
  if (!settings.quiet && cli::is_terminal(STDERR_FILENO))
    cli::notice("dpeers", fmt::format("wait: {}: waiting for {}", in_words(settings, seen), settings.count));
}

Result<cli::Exit> not_in_time(const WaitSettings& settings, const Seen& seen) {
  const std::string what = fmt::format("{}, {} were waited for", in_words(settings, seen), settings.count);
  if (!seen.has_leader)
    return Error{ErrorKind::unavailable, "wait", fmt::format("{}; nobody leads", what),
                 "`dpeers doctor` says more"};
  if (!settings.quiet) cli::notice("dpeers", fmt::format("wait: {}", what));
  return cli::Exit::no;
}

}  // namespace

Result<cli::Exit> wait_for_peers(const WaitSettings& settings) {
  std::optional<Instant> end;
  if (settings.within) end = process::boot_now() + *settings.within;
  auto peer = cli::connect_to_peer(cli::in_time(settings.peer, settings.within), "dpeers");
  if (!peer) return peer.error();
  cli::BackOff pause;
  Seen seen;
  bool told = false;
  for (bool once = false; !once || left_of(end) > Duration{}; once = true) {
    // Also with no time left one answer is waited for.
    const auto patience =
        end ? std::optional(std::max(*end, process::boot_now() + std::chrono::seconds(1))) : std::nullopt;
    const auto group = peer ? engine::ask_peers(*peer, patience) : peer.error();
    if (group) {
      seen = seen_in(*group, settings.state);
      if (seen.count >= settings.count) return cli::Exit::done;
      if (!std::exchange(told, true)) say_waiting(settings, seen);
      pause.reset();
      std::this_thread::sleep_for(std::min(look_for_peers_every, left_of(end)));
      continue;
    }
    std::this_thread::sleep_for(std::min(pause.next(), left_of(end)));
    peer = cli::connect_to_peer_again(settings.peer, "dpeers", end);
    seen = {};
  }
  return not_in_time(settings, seen);
}

}  // namespace coord::dpeers
