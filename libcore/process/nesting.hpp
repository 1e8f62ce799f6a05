// Whether one process runs inside of a command: what the kernel knows, whatever the process may claim.
#pragma once

#include <sys/types.h>

#include "process/process_id.hpp"
#include "process/process_tree.hpp"

namespace coord::process {

// It has the file open for writing, as who holds a session has its file. Seen only for one's own user's
// processes, or by root.
bool has_open(pid_t pid, const Family::File& file);

// It is a child of `ancestor`, or a child's child, and `ancestor` still runs.
bool descends_from(pid_t pid, const ProcessId& ancestor);

}  // namespace coord::process
