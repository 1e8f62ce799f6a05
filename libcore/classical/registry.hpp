// SPDX-License-Identifier: MIT
// Every classical algorithm that can run between real peers, made by name.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "classical/instance.hpp"
#include "classical/options.hpp"
#include "classical/traits.hpp"

namespace coord::classical {

struct Algorithm {
  Identity identity;
  std::vector<Option> options;
  std::vector<std::string_view> types;  // of its messages
  bool proves = false;  // liars take part: it needs a notary, and what it decided is believed by proof()
  bool stores = false;  // it persists, and may come back after a crash; else a node that forgot stays out

  // An Error (usage) for options, or a group, that it cannot have; (data) for a state that cannot be read.
  Result<std::unique_ptr<Instance>> (*make)(const Setup&) = nullptr;
  // An Error (data) when the bytes are none of its messages. Without an instance: for counting and drawing.
  Result<MessageText> (*describe)(ByteView) = nullptr;
};

// All of them, family by family.
const std::vector<Algorithm>& all();
const Algorithm* find(std::string_view name);  // nullptr: none
// An Error (usage) names those that there are.
Result<std::unique_ptr<Instance>> make(std::string_view name, const Setup& setup);

// The families, each a .cpp file; a new one is a line here and one in all().
std::vector<Algorithm> mutual_exclusion();
std::vector<Algorithm> leader_election();
std::vector<Algorithm> agreement();
std::vector<Algorithm> agreement_on_one();  // those that decide names; a log by its first value
std::vector<Algorithm> byzantine_agreement();
std::vector<Algorithm> atomic_commit();
std::vector<Algorithm> broadcasts();
std::vector<Algorithm> deadlock_detection();
std::vector<Algorithm> failure_detection();
std::vector<Algorithm> global_states();
std::vector<Algorithm> overlays();
std::vector<Algorithm> replication();

}  // namespace coord::classical
