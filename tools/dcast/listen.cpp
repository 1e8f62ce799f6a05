// SPDX-License-Identifier: MIT
// dcast --listen NAME: a line, or a command, for each cast, across restarts of the peer.
#include "dcast/listener.hpp"

namespace coord::dcast {

Result<cli::Exit> listen(const Settings& settings) {
  Listener listener(settings);
  return follow(settings, {[&] { return listener.begin(); },
                           [&](const casts::ToTool& told) { return listener.take(told); }});
}

}  // namespace coord::dcast
