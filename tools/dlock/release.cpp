// SPDX-License-Identifier: MIT
// dlock --release: lets go of what --acquire took for a process.
#include <unistd.h>

#include "base/format.hpp"
#include "cli/connect.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "dlock/request.hpp"
#include "dlock/settings.hpp"

namespace coord::dlock {

Result<cli::Exit> release_lock(const Settings& settings) {
  local::LetGo request;
  request.request = 1;
  request.names = settings.names;
  if (settings.token) request.token = Token{*settings.token};
  const std::string name = cli::shown(settings.name_list);
  const auto not_held = [&](const std::string& why) {
    if (!settings.quiet) cli::notice("dlock", fmt::format("{}: {}: --list shows the holders", name, why));
    return cli::Exit::no;
  };
  auto holder = settings.token ? Result<Descriptor>(Descriptor()) : open_holder(settings);
  if (!holder && settings.pid != 0) return not_held(fmt::format("process {} does not run", settings.pid));
  if (!holder) return holder.error();
  request.holder = settings.token ? 0 : holder_of(settings);
  auto peer = cli::connect_to_peer(settings.peer, "dlock", {request, holder->get()});
  if (!peer) return peer.error();
  for (;;) {
    auto answer = peer->wait(std::nullopt);
    if (!answer) return answer.error();
    if (std::holds_alternative<local::Released>(**answer)) return cli::Exit::done;
    const auto* refused = std::get_if<local::Refused>(&**answer);
    if (refused == nullptr) continue;
    if (refused->kind != local::RefusedKind::held)
      return Error{ErrorKind::unavailable, name, refused->why, "see dpeers"};
    return not_held(refused->why);
  }
}

}  // namespace coord::dlock
