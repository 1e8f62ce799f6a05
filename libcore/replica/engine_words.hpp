// SPDX-License-Identifier: MIT
// What a gateway says, in words, of a log that it does not serve, and how often it says it by entries. Of
// this folder only.
#pragma once

#include <chrono>

#include "base/time.hpp"

namespace coord::replica {

// An entry of the gateways' own is said again until it is seen in the log.
inline constexpr Duration word_again = std::chrono::seconds(1);

inline constexpr char new_epoch_at_work[] =
    "coordd --new-epoch is at work on the engine's log: nothing is granted until it has been run to its end";

inline constexpr char engine_went_back[] =
    "the engine is behind this gateway's position in the log: it was restored from an older backup, or the "
    "keys were removed: stop all commands that hold something, then run coordd --engine URL --new-epoch on "
    "one host";

inline constexpr char nobody_confirms[] =
    "this gateway has not seen the engine's log before, and no gateway that has is there to confirm it: "
    "start one, "
    "or, if this is the right log and was not restored from a backup, run coordd --engine URL --first";

inline constexpr char too_long_away[] =
    "the engine's log has gone on further than this gateway can compare: it waits for another one's word, or "
    "until the longest lease that it knows of is over";

inline constexpr char engine_has_no_log[] =
    "the engine has no log, and this gateway has seen one: its keys were removed, or it was restored from an "
    "older backup that has none: stop all commands and gateways, remove the files engine and engine.last of "
    "each gateway, wait for the longest --ttl, then start them";

inline constexpr char engine_keeps_no_log[] =
    "the engine has no log, and keeps none that is made: look at its server's log";

inline constexpr char log_has_gaps[] =
    "the engine's copy of the log cannot be read: entries are missing: look for other writers there";

}  // namespace coord::replica
