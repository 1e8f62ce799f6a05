// SPDX-License-Identifier: MIT
// What a seed says of a run of ring-copies.
#pragma once

#include <cstdint>
#include <string>

#include "catalogue/setup.hpp"
#include "ring/replicas.hpp"
#include "service/rings/state.hpp"

namespace coord::catalogue {

ring::Consistency ring_level(std::uint64_t seed);
std::string ring_zone(std::uint64_t seed, NodeId host);
service::Ring founded_ring(const Setup& setup);
// A ring waits for seconds where others wait for parts of one: a sweep's faults come and go so much slower,
// and more is asked meanwhile.
Setup in_ring_time(Setup setup);

}  // namespace coord::catalogue
