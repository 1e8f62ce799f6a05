// SPDX-License-Identifier: MIT
// What kind of run a seed is. Random faults of all kinds at once find what goes wrong often; what goes wrong
// only under one kind of trouble, many times in a row, drowns in them. So a part of all seeds belongs to
// profiles that do one thing much (compare Groce et al., "Swarm Testing", ISSTA 2012).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sim/faults.hpp"
#include "sweep/cluster.hpp"
#include "sweep/participants.hpp"
#include "sweep/tools.hpp"
#include "sweep/virtual_engine.hpp"

namespace coord::sweep {

enum class Profile : std::uint8_t {
  mixed,      // everything, half of the kinds a seed
  calm,       // few and short faults, many commands
  crowded,    // requests for many names at once, semaphores, long queues
  renewals,   // short TTLs and long commands, trouble with messages, pauses and clocks
  power,      // kill -9 and power cuts between and in the middle of disk calls
  damage,     // failing, lying, full and replaced disks on a minority, which rejoins while all goes on
  elections,  // whoever leads is cut off, killed or paused, again and again; entries travel one by one
  alone,      // a group of one
  upgrades,   // peers are upgraded one by one, some are taken back, and the group's level rises
  keys,  // keys are changed, values proposed, while all kinds of faults happen (scribes.hpp, proposers.hpp)
  // Not among all seeds:
  members,  // hosts that do not vote, and voters that are killed, paused and cut off
  churn,    // who votes is changed all the time, by several operators at once (operators.hpp)
  casts,    // casts and questions while messages are lost, hosts killed and cut off (casters.hpp)
  engine,   // gateways, and an engine that keeps their log (virtual_engine.hpp)
};

inline constexpr std::uint8_t profiles = static_cast<std::uint8_t>(Profile::engine) + 1;
std::string_view name_of(Profile profile);
std::optional<Profile> profile_named(std::string_view name);
Profile profile_of(std::uint64_t seed);  // the seed's own

// All that is decided before a run begins.
struct Setting {
  Profile profile = Profile::mixed;
  ClusterConfig cluster;
  ToolsConfig tools;
  ParticipantsConfig participants;
  VirtualEngine::Options engine;
  sim::WorldConfig world;
  sim::FaultConfig faults;
  std::optional<Duration> hunt;   // whoever leads is struck about so often (hunter.hpp)
  Duration orders{};              // the voters are changed about so often (operators.hpp); 0: never
  std::uint32_t kept_voters = 0;  // that many, by the group itself; 0: it keeps none
  bool scribes = false;           // scripts that change, read and watch keys
  bool casters = false;           // casts, and who listens to them
  bool upgrades = false;          // all begin with the release of the first level (levels.hpp)
  bool operator_acts = false;     // peers that lost their disk are told to rejoin while faults go on
};

inline constexpr Duration active = std::chrono::seconds(6);  // then the faults end

Setting setting_of(std::uint64_t seed, Profile profile);
std::vector<sim::Fault> plan_of(std::uint64_t seed, Profile profile);

}  // namespace coord::sweep
