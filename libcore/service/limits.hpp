// Bounds on what the group keeps, each with its reason. They decide what is refused and so are part of the
// state machine: every peer of a group must run with the same ones. So they are constants of a level: another
// number is a branch in limits_of_level().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/level.hpp"
#include "base/time.hpp"

namespace coord::service {

struct Limits {
  std::size_t sessions = 20'000;  // a snapshot of them all (about 1 KiB each at most) stays far below 64 MiB
  std::size_t sessions_of_user = 5'000;     // one user's runaway loop leaves room for the others
  std::size_t requests = 40'000;            // holds and waits
  std::size_t requests_of_session = 64;     // nested holds under one tool
  std::size_t names = 40'000;               // in use; free names are not kept
  std::size_t names_of_user = 10'000;       // of them, held and waited for: leaves room for the others
  std::size_t names_a_request = 64;         // `A,B,C` typed by a person
  std::size_t all_name_bytes = 16U << 20U;  // of all requests' names together
  std::size_t nodes = 1'024;                // that ever registered; a group has at most 15 at a time
  std::size_t name_bytes = 255;             // as a file name
  std::uint32_t slots = 10'000;             // holders of one semaphore
  std::size_t owner_bytes = 8'192;          // of one session: a command line of 4,096 and names
  std::size_t all_owner_bytes = 16U << 20;  // of all sessions
  std::size_t sessions_a_renew = 4'096;     // a command stays far below a frame
  std::size_t nesting = 32;                 // dlocks inside dlocks: each is a process
  std::size_t history_holds = 32;           // of one name
  std::size_t history_names = 4'096;        // the least recently used go first
  std::size_t history_bytes = 4U << 20U;    // of them all: a small part of a snapshot
  std::size_t history_command = 128;        // of a command line there
  std::size_t shown_cycle = 8;              // steps of a deadlock that are told: a message of a few lines
  std::size_t value_bytes = 1'024;          // of what a leader publishes: an address, a line
  std::size_t candidates = 20'000;          // and names with some: with their values 20 MiB at worst
  std::size_t enrolments = 10'000;          // of all hosts
  std::size_t books_of_user = 5'000;        // of the next, begun by one user
  std::size_t slot_keys_of_user = 15'000;   // of slot_keys
  std::size_t barriers_of_user = 1'024;     // of barriers, begun by one user
  std::size_t books = 20'000;               // names of which it is known when they were last completed
  std::size_t slot_keys = 60'000;           // keys: six names by the hour for 400 days
  std::size_t slot_key_bytes = 255;         // as a name
  std::size_t all_slot_bytes = 8U << 20U;   // of all of them
  std::uint32_t attempts = 1'000;           // beginnings of one slot
  Duration period_low = std::chrono::seconds(1);  // of slots by the clock
  std::size_t participants = 4'096;               // of a barrier: a listing of it stays below a frame
  std::size_t participant_bytes = 100;            // an id, for the same reason
  std::size_t expect_bytes = 64U << 10U;          // all ids that one arrival expects: each arrival says them
  std::size_t barriers = 4'096;                   // in use
  std::size_t idle_barriers = 1'024;              // kept for their number, their last state and for the late
  std::size_t idle_barrier_bytes = 4U << 20U;
  std::size_t all_barrier_bytes = 16U << 20U;
  std::uint64_t window = 4'096;  // commands of one peer that are not settled yet
  Duration ttl_low = std::chrono::milliseconds(10);
  Duration late_window = std::chrono::hours(12);         // less than the day until a job uses the name again
  Duration duration_high = std::chrono::hours(31 * 24);  // of TTL, lock delay and minimum hold
};

Limits limits_of_level(Level level);

// 1 to name_bytes bytes, no NUL, no leading '-': a name never looks like an option and fits a listing.
bool valid_name(std::string_view name, const Limits& limits);

}  // namespace coord::service
