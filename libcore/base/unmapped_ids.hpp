// SPDX-License-Identifier: MIT
// Users and groups that our user namespace has no id for. The kernel shows all of them under one number (the
// overflow id, 65534 as a rule), so in a namespace that lacks some that number proves nothing: not who
// somebody is, and not that two are the same.
#pragma once

#include <sys/types.h>

namespace coord {

// Whether this id may stand for one that is not mapped here. Asked of the kernel once.
bool may_be_unmapped_user(uid_t id);
bool may_be_unmapped_group(gid_t id);

}  // namespace coord
