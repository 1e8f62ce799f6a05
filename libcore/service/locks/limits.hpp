// SPDX-License-Identifier: MIT
// Bounds on what is kept (limits.hpp).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/level.hpp"
#include "base/time.hpp"

namespace coord::service {

// Of entries by a classical algorithm, in one epoch.
inline constexpr std::uint64_t tokens_of_epoch = std::uint64_t{1} << 24U;
// Where that would bring the tokens too far ahead of the clock (Core::reserve_tokens()), and
// there are no more.
inline constexpr std::uint64_t least_tokens_of_epoch = std::uint64_t{1} << 12U;
// A name in which nobody takes part is still entered by the same algorithm, in the same epoch.
inline constexpr Duration epoch_outlives_the_last = std::chrono::seconds(60);

struct LockLimits {
  std::size_t requests = 40'000;            // holds and waits
  std::size_t requests_of_session = 64;     // nested holds under one tool
  std::size_t names = 40'000;               // in use; free names are not kept
  std::size_t names_of_user = 10'000;       // of them, held and waited for: leaves room for the others
  std::size_t names_a_request = 64;         // `A,B,C` typed by a person
  std::size_t all_name_bytes = 16U << 20U;  // of all requests' names together
  std::size_t epochs = 512;                 // names that are, or are to be, entered by an algorithm
  std::size_t epochs_of_user = 128;         // of them, begun or asked for: leaves room for the others
  std::size_t all_site_bytes = 4U << 20U;   // of all requests in line that take part
  std::uint32_t permits = 10'000;           // holders of one semaphore
  std::size_t nesting = 32;                 // dlocks inside dlocks: each is a process
  std::size_t history_holds = 32;           // of one name
  std::size_t history_names = 4'096;        // the least recently used go first
  std::size_t history_bytes = 4U << 20U;    // of them all: a small part of a snapshot
  std::size_t history_command = 128;        // of a command line there
  std::size_t shown_cycle = 8;              // steps of a deadlock that are told: a message of a few lines

  void set_level(Level level) {
    if (level < 2) names_of_user = std::numeric_limits<std::size_t>::max();
  }
};

}  // namespace coord::service
