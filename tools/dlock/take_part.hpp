// SPDX-License-Identifier: MIT
// dlock --algorithm: a classical algorithm between the peers, not the group's log, says who is next.
//
// To take part is a hold of NAME that all have who ask for the same algorithm (service/locks/epochs.cpp);
// under it one waits to enter, which the peer's site says.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "agreements/log_of.hpp"
#include "agreements/messages.hpp"
#include "cli/held_session.hpp"
#include "dlock/settings.hpp"
#include "engine/local_connection.hpp"

namespace coord::dlock {

inline constexpr std::uint64_t part_request =
    2;  // of what is said to the peer's part, beside cli::only_request

// A connection over which settings.part was asked for; `names_sites`: with the sites as they are now, else as
// they are in the epoch that is open, which costs no look at them. `meanwhile`: see connect_to_peer().
Result<engine::LocalConnection> ask_to_take_part(Settings& settings, const cli::ConnectOptions& how,
                                                 bool names_sites, const std::function<void()>& meanwhile);

struct NotEntered {  // in time, or the session was lost
  bool quorum = false;
};
using Entry = std::variant<agreements::Entered, agreements::Missing, NotEntered>;
// Waits until it has entered, at most until `end`; `at_once`: not for others.
Result<Entry> enter(cli::HeldSession& session, const std::string& object, Instant end, bool at_once);

// What a peer's site says; nothing: something else than that it has entered.
std::optional<agreements::Entered> entered_in(const std::string& object, const local::FromPart& said);
// Whether that has come by now, while the log let it take part.
bool entered_ahead(cli::HeldSession& session, const std::string& object,
                   std::optional<agreements::Entered>& entered);

// That it begins, said beside the word that the command is about to: it was told that it has entered while it
// was stopped, perhaps long ago, and the peer may have let in another one meanwhile.
class Beginning {
 public:
  Beginning(SessionId session, Token token, std::string object);
  Beginning(const Beginning&) = delete;
  Beginning& operator=(const Beginning&) = delete;
  const cli::HeldSession::Along& along() const { return along_; }
  // Once it was asked: what else than Begun, if it was answered.
  std::optional<Result<agreements::ToTool>> instead() const;

 private:
  std::string object_;
  std::optional<Result<agreements::ToTool>> told_;
  cli::HeldSession::Along along_;
};

// Of this host in an epoch, for dclock; over a connection of its own.
Result<agreements::WholeLog> log_of_epoch(const cli::ConnectOptions& how, const std::string& object,
                                          Token epoch);

}  // namespace coord::dlock
