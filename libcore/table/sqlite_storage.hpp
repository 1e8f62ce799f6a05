// SPDX-License-Identifier: MIT
// A ring's entries and values in one SQLite file.
//
// Write-ahead log with synchronous=FULL: a transaction that was committed is durable, a crash of the process
// or of the machine leaves the last committed state. A file that is damaged, of another program or of a later
// release is refused and left as it is. Threading: one owner.
#pragma once

#include <memory>
#include <string>

#include "ring/storage.hpp"

namespace coord::table {

// ErrorKind::unavailable when it cannot be opened or is not to be used.
Result<std::unique_ptr<ring::Storage>> open_sqlite(const std::string& path);

}  // namespace coord::table
