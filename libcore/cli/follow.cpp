// SPDX-License-Identifier: MIT
#include "cli/follow.hpp"

#include <poll.h>

#include <chrono>
#include <utility>

#include "cli/connect.hpp"
#include "cli/run.hpp"
#include "process/boot_time.hpp"

namespace coord::cli {

Result<Exit> follow_peer(engine::LocalConnection peer, const Following& following) {
  Status output = done();
  BackOff pause;
  bool told = following.quiet;
  for (;;) {
    const Instant began = process::boot_now();
    const Error broken = following.follow(peer, output);
    if (!output) return output.error();
    if (broken.kind == ErrorKind::usage) return broken;
    if (!std::exchange(told, true)) notice(following.tool, broken.text() + ": waiting for it");
    if (process::boot_now() - began >= std::chrono::seconds(1)) pause.reset();  // else it ends as it begins
    for (bool back = false; !back;) {
      const auto ms = std::chrono::ceil<std::chrono::milliseconds>(pause.next());
      ::poll(nullptr, 0, static_cast<int>(ms.count()));
      auto again = following.again();
      if (!again) continue;
      peer = std::move(*again);
      back = true;
    }
  }
}

Result<engine::LocalConnection> connect_to_peer_again(const ConnectOptions& options,
                                                      const std::string& tool) {
  auto again = connect_again(options, tool);
  if (!again) return again.error();
  return std::move(again->peer);
}

}  // namespace coord::cli
