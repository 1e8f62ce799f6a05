// SPDX-License-Identifier: MIT
// What a person at a terminal sees while this host stands by (--standby): for how long, and who leads.
#pragma once

#include <optional>
#include <string>

#include "base/time.hpp"
#include "cli/terminal.hpp"
#include "delect/settings.hpp"
#include "engine/local_connection.hpp"

namespace coord::delect {

class Standby {
 public:
  Standby(const Settings& settings, Instant began)
      : settings_(settings), began_(began), progress_(settings.standby) {}

  bool active() const { return progress_.active(); }
  void show();
  void over();

 private:
  const Settings& settings_;
  Instant began_;
  cli::Progress progress_;
  std::optional<engine::LocalConnection> peer_;  // a second connection: the first one waits for its turn
  std::string leader_ = "somebody";
};

}  // namespace coord::delect
