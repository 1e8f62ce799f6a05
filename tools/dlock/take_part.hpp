// SPDX-License-Identifier: MIT
// dlock --algorithm: a classical algorithm between the peers, not the group's log, says who is next.
//
// To take part is a hold of NAME that all have who ask for the same algorithm (service/locks/epochs.cpp);
// under it one waits to enter, which the peer's site says.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "agreements/log_of.hpp"
#include "agreements/messages.hpp"
#include "cli/held_session.hpp"
#include "dlock/settings.hpp"
#include "engine/local_connection.hpp"

namespace coord::dlock {

// A connection over which settings.part was asked for, with the sites as they are now.
Result<engine::LocalConnection> ask_to_take_part(Settings& settings, const cli::ConnectOptions& how);

struct NotEntered {  // in time, or the session was lost
  bool quorum = false;
};
using Entry = std::variant<agreements::Entered, agreements::Missing, NotEntered>;
// Waits until it has entered, at most until `end`; `at_once`: not for others.
Result<Entry> enter(cli::HeldSession& session, const std::string& object, Instant end, bool at_once);

// Of this host in an epoch, for dclock; over a connection of its own.
Result<agreements::WholeLog> log_of_epoch(const cli::ConnectOptions& how, const std::string& object,
                                          Token epoch);

}  // namespace coord::dlock
