// SPDX-License-Identifier: MIT
// What a user may ask a peer for, looked at before the request goes to whoever serves it.
//
// `@/x` becomes the user's own name, so that the log never has it. Then the rules of ownership.hpp, and those
// for ending what another user has, are checked against this peer's copy of the state. From level
// 2 on the log checks them again at the request's own place; before, this is all there is, and it
// binds the tools of this host.
//
// Reading is not restricted: a listing shows everybody's names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "service/state_machine.hpp"
#include "wire/local.hpp"

namespace coord::replica {

// Its number among those of its connection; 0: it has none.
std::uint64_t number_of(const local::Request& request);

// Expands the names in `request` in place. The answer to the tool if it may not ask for this; its kind is
// `mismatch` for a name that is not the user's, `held` for what belongs to another user now.
std::optional<local::Refused> admit(local::Request& request, std::uint32_t uid, const std::string& user,
                                    const service::StateMachine& machine);

}  // namespace coord::replica
