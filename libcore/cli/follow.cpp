// SPDX-License-Identifier: MIT
#include "cli/follow.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <utility>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/run.hpp"
#include "process/boot_time.hpp"

namespace coord::cli {

namespace {

constexpr Duration welcome_patience = std::chrono::seconds(2);

// True: `fd` (-1: none) can be read, or the time is over (-1: never). An error: nobody reads our output.
Result<bool> wait_while_read(int fd, int timeout_ms) {
  std::array<pollfd, 2> ready{{{fd, POLLIN, 0}, {STDOUT_FILENO, 0, 0}}};
  if (::poll(ready.data(), ready.size(), timeout_ms) < 0) {
    if (errno == EINTR) return false;
    return Error{ErrorKind::internal, "poll", "failed", ""};
  }
  if ((ready[1].revents & (POLLERR | POLLHUP)) == 0) return true;
  if (std::signal(SIGPIPE, SIG_DFL) != SIG_IGN) (void)std::raise(SIGPIPE);
  return output_error(EPIPE);
}

}  // namespace

Result<local::Answer> next_answer(engine::LocalConnection& peer, Status& output) {
  for (;;) {
    auto answer = peer.receive();
    if (!answer) return answer.error();
    if (answer->has_value()) return std::move(**answer);
    const auto there = wait_while_read(peer.fd(), -1);
    if (there) continue;
    output = there.error();
    return there.error();
  }
}

Status pause_while_read(Duration how_long) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(how_long);
  const auto over = wait_while_read(-1, static_cast<int>(ms.count()));
  return over ? done() : Status(over.error());
}

Result<Exit> follow_peer(engine::LocalConnection peer, const Following& following) {
  Status output = done();
  BackOff pause;
  bool told = following.quiet;
  for (;;) {
    const Instant began = process::boot_now();
    const std::optional<Error> broken = following.follow(peer, output);
    if (!output) return output.error();
    if (!broken) return following.ended();
    if (broken->kind == ErrorKind::usage) return *broken;
    if (!std::exchange(told, true)) notice(following.tool, fmt::format("{}: waiting for it", broken->text()));
    if (process::boot_now() - began >= std::chrono::seconds(1)) pause.reset();  // else it ends as it begins
    for (bool back = false; !back;) {
      if (output = pause_while_read(pause.next()); !output) return output.error();
      auto again = following.again();
      if (!again) continue;
      peer = std::move(*again);
      back = true;
    }
  }
}

Result<engine::LocalConnection> connect_to_peer_again(const ConnectOptions& options, const std::string& tool,
                                                      std::optional<Instant> end) {
  auto again = connect_again(options, tool);
  if (!again) return again.error();
  // What it knows is known by its welcome only, and nothing else may be asked of it before.
  const Instant latest = process::boot_now() + welcome_patience;
  auto greeted = again->peer.wait(end ? std::min(*end, latest) : latest);
  if (!greeted) return greeted.error();
  const auto* const refused = greeted->has_value() ? std::get_if<local::Refused>(&**greeted) : nullptr;
  if (greeted->has_value() && refused == nullptr) return std::move(again->peer);
  return Error{ErrorKind::unavailable, tool, refused != nullptr ? refused->why : "the peer does not answer",
               "see dpeers"};
}

}  // namespace coord::cli
