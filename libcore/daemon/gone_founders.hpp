// SPDX-License-Identifier: MIT
// Founders whose hosts are gone for good. The list of a group cannot forget a name, for its log was made for
// all of them; so who is of the group no more must be seen from the state.
#pragma once

#include "base/ids.hpp"
#include "replica/replicated_service.hpp"

namespace coord::daemon {

// From level 2 on all that live are registered: a founder that is not, and neither votes nor learns, is gone,
// and one whose name is on another disk is. It counts again as soon as it registers.
bool is_gone_for_good(const replica::ReplicatedService& service, NodeId founder);

}  // namespace coord::daemon
