// SPDX-License-Identifier: MIT
// The commands about locks: names held together, alone or shared, or a permit of several.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/decisions/commands.hpp"
#include "service/elections/commands.hpp"
#include "service/session.hpp"
#include "service/values/commands.hpp"

namespace coord::service {

// How a request shares its names. More than one slot makes a name a semaphore; its holders are all exclusive.
enum class Mode : std::uint8_t { exclusive, shared };
constexpr const char* name_of(Mode value) {
  switch (value) {
    using enum Mode;
    case exclusive:
      return "exclusive";
    case shared:
      return "shared";
  }
  return nullptr;
}

// By which algorithm those who take part in a name settle who is inside (agreements/), instead of by the
// group's log.
enum class EnterBy : std::uint8_t { lamport, ricart_agrawala, maekawa, token_ring, suzuki_kasami };
constexpr const char* name_of(EnterBy value) {
  switch (value) {
    using enum EnterBy;
    case lamport:
      return "lamport";
    case ricart_agrawala:
      return "ricart-agrawala";
    case maekawa:
      return "maekawa";
    case token_ring:
      return "token-ring";
    case suzuki_kasami:
      return "suzuki-kasami";
  }
  return nullptr;
}

// Instead of the one name: to take part in it (epochs.cpp). `sites`: who they are if an epoch begins with
// this; none: in the one that is open, at once. `closes`: nobody more takes part in this epoch, for a site is
// missing or is none yet: who asks from now on waits for the next one. `ends`: takes no part; the name is no
// algorithm's any more, if nobody does, and then it is asked for as any other. `among`: the sites are those
// that its user names, as all others must.
struct TakePart {
  EnterBy by = EnterBy::ricart_agrawala;
  std::vector<DecisionSite> sites{};
  Token closes{};
  bool ends = false;
  bool among = false;

  // They are those of the epoch that is open.
  bool names_no_sites() const { return sites.empty() && !among && closes == Token{} && !ends; }
  bool operator==(const TakePart&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(by, sites, closes, ends, among);
  }
};

// Which program with which arguments: two hashes of them, so that cutting and quoting matter to nobody.
// Nothing else of a run is in it (directory, environment). 0,0: none.
struct CommandKey {
  std::uint64_t high = 0, low = 0;

  auto operator<=>(const CommandKey&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(high, low);
  }
};

// How names are held: of a request and of a hold, and said the same by tools.
struct LockTerms {
  Mode mode = Mode::exclusive;
  std::uint32_t permits =
      1;                  // above 1: one of so many equal holders; as whoever uses the name already has it
  Duration lock_delay{};  // how long the names stay shut after this holder was lost (not after a release)
  Duration min_hold{};    // how long the names stay taken at least, from the grant; outlives the session
  // Not 0: a permit of a rate, not a lock: its slot stays taken for so long from the grant (min_hold says the
  // same), and is released at once. So any stretch of `period` sees at most `permits` grants.
  Duration period{};

  bool operator==(const LockTerms&) const = default;
  // Where others' fields stand between, in the bytes.
  template <class Archive>
  void sharing(Archive& archive) {
    archive(mode, permits);
  }
  template <class Archive>
  void delays(Archive& archive) {
    archive(lock_delay, min_hold);
  }
};

// Take all of `names` or none, under one token; or wait for them in line.
struct Acquire {
  std::optional<Open> open{};  // with session 0: open one in the same command: a lock costs one commit
  SessionId session{};
  std::uint64_t request = 0;  // the session's own number for it; not that of a hold or wait that it still has
  std::vector<std::string> names{};  // 1 to Limits::names_a_request; order and doubles do not matter
  LockTerms terms{};
  bool wait = true;  // false: be refused rather than queue
  // Sessions of the same peer whose commands, as it has proved, this was asked from inside of; outermost
  // first, at most Limits::nesting. What they hold is re-entered; they end only after this has.
  std::vector<SessionId> inside{};
  CommandKey key{};   // of the command that is to run
  bool join = false;  // while the same user's same command holds just these names: wait for its end instead
  // Instead of locks, the leadership of the one name; exclusive, without permits, lock delay or `inside`.
  std::optional<Candidacy> candidacy{};
  // Instead of locks, a key of the map that is there as long as the session; no names then. From level 2 on.
  std::optional<SessionValue> put{};
  // Shared, without permits, delays or a rate, by all who ask for the same algorithm. From level 2 on.
  std::optional<TakePart> part{};

  bool operator==(const Acquire&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(open, session, request, names);
    terms.sharing(archive);
    archive(wait);
    terms.delays(archive);
    archive(inside, key, join, terms.period, candidacy);
    archive.since(2, put, part);
  }
};

// Stop waiting. If the grant was ordered first, the answer is AlreadyGranted and the hold stands.
struct Cancel {
  SessionId session{};
  std::uint64_t request = 0;

  bool operator==(const Cancel&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request);
  }
};

struct Release {
  SessionId session{};
  std::uint64_t request = 0;
  std::optional<std::uint8_t> status{};  // of the command that ran: for those who joined it, and for history

  bool operator==(const Release&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request, status);
  }
};

}  // namespace coord::service
