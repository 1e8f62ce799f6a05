// SPDX-License-Identifier: MIT
// What is kept of barriers, and in a snapshot. How it changes: barriers.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace coord::service {

// What has to come together. The first arrival of a generation fixes it; all others must ask for the same.
struct BarrierTerms {
  std::uint32_t count = 0;  // participants
  // so many suffice once `after` has passed since the first arrival; 0: all it takes
  std::uint32_t quorum = 0;
  Duration after{};
  std::vector<std::string> expect{};  // who should come, sorted, unique; at most `count`
  // the commands run one at a time, by id, until the first that fails; from level 2 on
  bool in_turn = false;

  bool operator==(const BarrierTerms&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(count, quorum, after, expect);
    archive.since(2, in_turn);
  }
};

// One participant in one generation.
struct Arrival {
  SessionId session{};    // 0: it waits for nothing more here, or it is gone
  std::uint64_t key = 0;  // the tool's own random mark: an arrival with it that comes again is the same one
  std::string host{};
  bool command = false;  // it runs one from the release on, and the generation ends with the last of them
  bool break_on_death = false;           // it would rather break the barrier than wait for somebody who died
  bool late = false;                     // it came after the release
  bool lost = false;                     // it was gone before its command had ended
  WallTime at{};                         // by its host's clock, for display
  std::optional<std::int32_t> status{};  // of its command, once that has ended
  Duration run{};                        // how long it ran
  std::string user{};                    // whose it is; kept from level 2 on

  bool running() const { return command && !late && !status; }

  bool operator==(const Arrival&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, key, host, command, break_on_death, late, lost, at, status, run);
    archive.since(2, user);
  }
};

enum class GenerationStage : std::uint8_t { gathering, released, broken };
constexpr const char* name_of(GenerationStage value) {
  switch (value) {
    using enum GenerationStage;
    case gathering:
      return "gathering";
    case released:
      return "released";
    case broken:
      return "broken";
  }
  return nullptr;
}

// Why a generation is broken; `trigger` names whose doing it was.
enum class BreakCause : std::uint8_t {
  unsaid,  // by a rule of level 1: a death, or a reset if nobody is named
  died,    // while it waited
  reset,
  said,    // a participant arrived to say that it has failed
  failed,  // in turn: its command
  lost,    // in turn: it, before its command had ended
};
constexpr const char* name_of(BreakCause value) {
  switch (value) {
    using enum BreakCause;
    case unsaid:
      return "unsaid";
    case died:
      return "died";
    case reset:
      return "reset";
    case said:
      return "said";
    case failed:
      return "failed";
    case lost:
      return "lost";
  }
  return nullptr;
}

// One meeting. Gathering, until its rule is met; then released, and over when no command of it runs any more.
struct Generation {
  LogIndex place{};  // of its first arrival: its name among timers
  BarrierTerms terms{};
  GenerationStage stage = GenerationStage::gathering;
  bool after_over = false;  // `terms.after` has passed
  // Released or failed without all: those who still come belong to this one, and pass late or are told that
  // it is broken.
  bool late_open = false;
  std::string
      trigger{};  // released: whose arrival did it (empty: the time); broken: who died (empty: --reset)
  WallTime released_at{};
  std::map<std::string, Arrival> arrivals{};  // by participant
  BreakCause cause = BreakCause::unsaid;      // from level 2 on, as all that follows
  std::string why{};                          // what the participant said that has failed
  std::string turn{};  // in turn, released: whose command may run; empty: nobody's any more
  std::string
      stopped_by{};  // in turn: the first whose command failed or that was lost: nobody begins after it

  bool over() const;
  bool failed() const { return stage == GenerationStage::broken && cause == BreakCause::said; }
  Token timer() const { return Token{place.value}; }  // its timers' name
  std::vector<std::string> missing() const;           // those of terms.expect that have not arrived

  bool operator==(const Generation&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(place, terms, stage, after_over, late_open, trigger, released_at, arrivals);
    archive.since(2, cause, why, turn, stopped_by);
  }
};

struct Barrier {
  std::uint64_t last = 0;  // the number of the latest generation that was released or broken
  // The one that gathers (last + 1), those with running commands, and the latest of those that are over.
  std::map<std::uint64_t, Generation> generations{};
  LogIndex idle_since{};  // nobody waits or runs since this command; 0: in use
  std::string user{};     // who began to use it the last time; kept from level 2 on

  const Generation* gathering() const;
  // The latest one if somebody said there that it has failed, and not all have come to hear it.
  const Generation* failure() const;
  bool keeps_all(std::uint64_t from, std::uint64_t to) const;  // of these generations; of none: true
  // What a person means by the barrier's state: the gathering generation, else the latest.
  std::pair<std::uint64_t, const Generation*> current() const;

  bool operator==(const Barrier&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(last, generations, idle_since);
    archive.since(2, user);
  }
};

struct BarrierState {
  std::map<std::string, Barrier> barriers{};  // by name
  // the highest number of those that are not kept any more: new ones begin above
  std::uint64_t forgotten = 0;

  // Of its generations, the number of the latest that was released or broken. All later ones are above.
  std::uint64_t last_of(const std::string& name) const;
  // The earliest that can count who arrives from now on: the latest one while it is open
  // to the late, else the next.
  std::uint64_t earliest_of(const std::string& name) const;

  bool operator==(const BarrierState&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(barriers, forgotten);
  }
};

struct KeptBarriers {
  BarrierState barriers{};

  bool operator==(const KeptBarriers&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(barriers);
  }
};

// What these take of Limits.
std::size_t bytes_of(const std::string& id, const Arrival& arrival);
std::size_t bytes_of(const Generation& generation);
std::size_t bytes_of(const std::string& name, const Barrier& barrier);

}  // namespace coord::service
