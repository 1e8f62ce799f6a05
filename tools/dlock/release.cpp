// dlock --release: lets go of what --acquire took for a process.
#include <unistd.h>

#include "cli/names.hpp"
#include "cli/peer.hpp"
#include "cli/run.hpp"
#include "dlock/settings.hpp"

namespace coord::dlock {

Result<cli::Exit> release_lock(const Settings& settings) {
  local::LetGo request;
  request.request = 1;
  request.names = settings.names;
  if (settings.token) request.token = Token{*settings.token};
  request.holder = holder_of(settings);
  auto peer = cli::connect_to_peer(settings.peer, "dlock", request);
  if (!peer) return peer.error();
  for (;;) {
    auto answer = peer->wait(std::nullopt);
    if (!answer) return answer.error();
    if (std::holds_alternative<local::Released>(**answer)) return cli::Exit::done;
    const auto* refused = std::get_if<local::Refused>(&**answer);
    if (refused == nullptr) continue;
    const std::string name = cli::shown(settings.name_list);
    if (refused->kind != local::RefusedKind::held)
      return Error{ErrorKind::unavailable, name, refused->why, "see dpeers"};
    if (!settings.quiet) cli::notice("dlock", name + ": " + refused->why + ": see who does with --list");
    return cli::Exit::no;
  }
}

}  // namespace coord::dlock
