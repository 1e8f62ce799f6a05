// SPDX-License-Identifier: MIT
#include "classical/replication.hpp"

#include "classical/adapter.hpp"

namespace coord::classical {

std::vector<Algorithm> replication() {
  using Mode = coord::replication::PrimaryBackup::Mode;
  return {algorithm<PrimaryBackup<Mode::synchronous>>(), algorithm<PrimaryBackup<Mode::asynchronous>>()};
}

}  // namespace coord::classical
