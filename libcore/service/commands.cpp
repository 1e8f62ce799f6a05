// SPDX-License-Identifier: MIT
#include "service/commands.hpp"

namespace coord::service {

bool Command::operator==(const Command&) const = default;

}  // namespace coord::service
