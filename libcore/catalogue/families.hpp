// The families of protocols, each described in a file of its own. A new one is a function here and a line in
// catalogue.cpp.
#pragma once

#include <vector>

#include "catalogue/protocol.hpp"

namespace coord::catalogue {

std::vector<Protocol> mutual_exclusion();
std::vector<Protocol> deadlock_detection();
std::vector<Protocol> leader_election();
Protocol bully();  // one of them, in a file of its own
std::vector<Protocol> consensus();
std::vector<Protocol> byzantine_agreement();
Protocol pbft();  // one of them, in a file of its own
std::vector<Protocol> atomic_commit();
std::vector<Protocol> broadcasts();
std::vector<Protocol> failure_detectors();

}  // namespace coord::catalogue
