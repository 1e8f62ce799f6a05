// SPDX-License-Identifier: MIT
// Faults as they stand on the command line: times in milliseconds, nodes by number.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "catalogue/setup.hpp"

namespace coord::dsim {

// `MS` or `MS:MS`: how long a message takes.
Status read_delay(std::string_view text, sim::Link& link);
// `A,B/C,D@T-T`: the nodes left of a slash do not hear those right of it, nor the other way round; who is not
// named hears both.
Status read_cut(std::string_view text, std::vector<sim::Fault>& faults);
// `X@T`, for ever, or `X@T-T`.
Status read_crash(std::string_view text, std::vector<sim::Fault>& faults);
// `X:KIND`.
Status read_byzantine(std::string_view text, std::map<NodeId, std::string>& byzantine);

// Every node that a fault names exists.
Status check_nodes(const catalogue::Setup& setup);

}  // namespace coord::dsim
