// SPDX-License-Identifier: MIT
// Atomic commitment: an instance is one transaction at one node.
#pragma once

#include <array>
#include <string>

#include "classical/traits.hpp"
#include "protocol/commit/majority_commit.hpp"
#include "protocol/commit/three_phase.hpp"
#include "protocol/commit/two_phase.hpp"

namespace coord::classical {

inline constexpr Option coordinator_option = node_option("coordinator", "the node that begins; 0: the first");

// What all of them take, tell and store. Derived makes the Core from its Config.
template <class Derived, class Protocol>
struct Transaction {
  using Core = Protocol;
  using Durable = typename Core::Durable;
  using Record = std::variant<typename Core::Persist>;
  static Result<Core> make(const Setup& setup, const Given& given, const Durable* restored) {
    typename Core::Config config;
    config.group = setup.group;
    config.coordinator = given.flag("coordinator") ? given.node("coordinator") : setup.group.nodes.front();
    if (!setup.group.knows(config.coordinator))
      return Error{ErrorKind::usage, std::string(Derived::identity.name),
                   "its coordinator is none of its nodes", "name one of them"};
    Derived::configure(config, setup, given);
    return restored ? Core(setup.now, config, *restored) : Core(setup.now, config);
  }
  static std::string_view type_of(const typename Core::Message& message) {
    return type_by_index<Derived>(message);
  }
  static std::string describe(const typename Core::Message& message) { return text(message); }
  static typename Core::Event event(const Begin&) { return commit::Begin{}; }
  static typename Core::Event event(const Vote& wish) { return commit::Vote{wish.yes}; }
  static std::optional<Told> told(const commit::AskVote&) { return VoteAsked{}; }
  static std::optional<Told> told(const commit::Decided& what) {
    if (what.outcome == commit::Outcome::commit) return Committed{};
    return Aborted{};
  }
  static std::string state(const Core& core) { return std::string(name_of(core.outcome())); }
  static std::string key(const typename Core::Persist&) { return "state"; }
  static void apply(Durable& durable, const typename Core::Persist& what) { durable = what.state; }
};

struct TwoPhase : Transaction<TwoPhase, commit::TwoPhase> {
  static constexpr Identity identity{"2pc", "atomic commitment",
                                     "two phases: a crashed coordinator blocks (Gray 1978)", 2};
  static constexpr std::array options{
      coordinator_option, duration_option("patience_ms", 1, 200, "without an answer: when it asks again")};
  static constexpr std::array<std::string_view, 5> types = {"prepare", "vote", "decision", "acknowledge",
                                                            "inquire"};
  static void configure(Core::Config& config, const Setup&, const Given& given) {
    config.patience = given.duration("patience_ms");
  }
  using Transaction::told;
  static std::optional<Told> told(const commit::Blocked&) { return Blocked{}; }
  static std::optional<Told> told(const Core::Completed&) { return Completed{}; }
};

struct ThreePhase : Transaction<ThreePhase, commit::ThreePhase> {
  static constexpr Identity identity{"3pc", "atomic commitment",
                                     "three phases: no crash blocks, a partition splits (Skeen 1981)", 2};
  static constexpr std::array options{coordinator_option,
                                      duration_option("delay_ms", 1, 50, "no message takes longer")};
  static constexpr std::array<std::string_view, 9> types = {"can-commit", "vote",     "pre-commit",
                                                            "ready",      "decision", "acknowledge",
                                                            "ask-state",  "state",    "inquire"};
  static void configure(Core::Config& config, const Setup&, const Given& given) {
    config.delay = given.duration("delay_ms");
  }
  using Transaction::told;
  static std::optional<Told> told(const Core::TakesOver&) { return std::nullopt; }
};

struct MajorityCommit : Transaction<MajorityCommit, commit::MajorityCommit> {
  static constexpr Identity identity{"majority-commit", "atomic commitment",
                                     "votes, and a majority stores the outcome (Gray, Lamport 2006)", 2};
  static constexpr std::array options{
      coordinator_option, duration_option("patience_ms", 1, 200, "for votes, and for the outcome"),
      duration_option("retry_ms", 1, 150, "a ballot that has not succeeded by then is given up"),
      duration_option("backoff_ms", 1, 50,
                      "beaten by a higher one: again after a random time up to this, doubled")};
  static constexpr std::array<std::string_view, 3> types = {"prepare", "vote", "agree"};
  static void configure(Core::Config& config, const Setup& setup, const Given& given) {
    config.seed = setup.seed;
    config.patience = given.duration("patience_ms");
    config.ballot_retry = given.duration("retry_ms");
    config.backoff = given.duration("backoff_ms");
  }
};

}  // namespace coord::classical
