// SPDX-License-Identifier: MIT
// The families of protocols, and single ones that have a file of their own within their family. A
// new family is a function here and a line in catalogue.cpp. Models are templates and cost
// seconds to compile: a few a file.
#pragma once

#include <vector>

#include "catalogue/protocol.hpp"

namespace coord::catalogue {

std::vector<Protocol> mutual_exclusion();
std::vector<Protocol> deadlock_detection();
std::vector<Protocol> leader_election();
Protocol bully();
std::vector<Protocol> consensus();
Protocol multi_paxos();
Protocol ben_or();
std::vector<Protocol> byzantine_agreement();
Protocol pbft();
std::vector<Protocol> atomic_commit();
std::vector<Protocol> broadcasts();
std::vector<Protocol> rumours();  // some of them
std::vector<Protocol> failure_detectors();
Protocol swim();
std::vector<Protocol> global_states();
std::vector<Protocol> overlays();
std::vector<Protocol> primary_backup();

}  // namespace coord::catalogue
