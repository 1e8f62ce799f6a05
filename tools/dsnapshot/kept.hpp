// SPDX-License-Identifier: MIT
// The snapshots that this host's peer keeps for its users.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "engine/local_connection.hpp"
#include "verbs.hpp"
#include "wire/kept_snapshots.hpp"

namespace coord::dsnapshot {

// `text`: of a whole snapshot. It takes the place of one of the same id, and perhaps of older ones.
// `owner`: whose group it is of; kept by root it is that user's, who may read it as root may read his.
// `peer`: a connection that there is already.
Status keep(const Common& common, std::string_view text, const std::string& owner = {},
            std::optional<engine::LocalConnection> peer = {});
// Those of this user (root: all), the oldest first; of one group, or of all (empty).
Result<std::vector<local::KeptEntry>> list_kept(const Common& common, const std::string& group);
// The text of one; nothing: there is none of that id.
Result<std::optional<std::string>> fetch_kept(const Common& common, const std::string& id);

}  // namespace coord::dsnapshot
