// SPDX-License-Identifier: MIT
// The state directory as the parts of a peer are given it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/disk.hpp"
#include "base/result.hpp"
#include "members/part.hpp"
#include "net/log.hpp"

namespace coord::coordd {

Result<std::unique_ptr<Disk>> open_disk(const std::string& directory);
// Which incarnations earlier lives have used. Where that cannot be told the other members know it.
std::optional<members::Incarnation> stored_incarnation(const std::string& directory, const net::Log& log);

}  // namespace coord::coordd
