// SPDX-License-Identifier: MIT
// Copies kept by a primary and its backups.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "classical/traits.hpp"
#include "protocol/replication/primary_backup.hpp"

namespace coord::classical {

template <replication::PrimaryBackup::Mode mode>
struct PrimaryBackup {
  using Core = replication::PrimaryBackup;
  static constexpr Identity identity =
      mode == Core::Mode::synchronous
          ? Identity{"primary-backup", "replication", "all backups have it first (Alsberg, Day 1976)", 2,
                     false}
          : Identity{"async-backup", "replication", "answered before the backups have it", 2, false};
  static constexpr std::array options{
      duration_option("resend_ms", 0, 200, "unacknowledged messages are sent again so often; 0: never")};
  static constexpr std::array<std::string_view, 3> types = {"replicate", "acknowledge", "begin-view"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    return Core(Core::Config{setup.group, mode, given.duration("resend_ms")});
  }
  static std::string_view type_of(const Core::Message& message) { return replication::type_of(message); }
  static std::string describe(const Core::Message& message) { return replication::text(message); }
  static Core::Event event(const Propose& wish, std::uint64_t sequence) {
    return Core::Write{sequence, wish.value};
  }
  static Core::Event event(const Suspect&) { return Core::TakeOver{}; }
  static std::optional<Told> told(const Core::Written& what) {
    return Answered{"written at " + std::to_string(what.place)};
  }
  static std::optional<Told> told(const Core::NotPrimary& what) {
    return Refused{"the primary is " + std::to_string(what.primary.value)};
  }
  static std::string state(const Core& core) {
    return std::to_string(core.log().size()) + " writes, view " + std::to_string(core.view()) + " of " +
           std::to_string(core.primary().value);
  }
};

}  // namespace coord::classical
