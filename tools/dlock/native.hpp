// SPDX-License-Identifier: MIT
// dlock --native: by the engine's own recipe, so that programs are excluded which lock by that.
//
// The peer stands in the engine's own queue for us, under a session of ours that nobody else sees; the
// command is guarded by that session's rules, and its time is no longer than that of the engine's lease.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "base/result.hpp"
#include "cli/held_session.hpp"
#include "dlock/settings.hpp"
#include "wire/native_messages.hpp"

namespace coord::dlock {

struct NotNative {       // in time, or the session was lost
  bool reached = false;  // the engine
};
using NativeEntry = std::variant<native::Locked, NotNative>;
// Waits until it is ours, at most until `end`. `queued`: behind whom, each time that this is another one.
Result<NativeEntry> lock_native(cli::HeldSession& session, const Settings& settings, Instant end,
                                const std::function<void(const std::string& behind)>& queued);

}  // namespace coord::dlock
