// SPDX-License-Identifier: MIT
// What is said of decisions, by commands and by tools.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/decision_site.hpp"

namespace coord::service {

// By what a name is decided: the group's log, or a classical algorithm among fixed sites (agreements/).
enum class Agreement : std::uint8_t { raft, paxos, ben_or, exchange, multi_paxos, pbft };
constexpr const char* name_of(Agreement value) {
  switch (value) {
    using enum Agreement;
    case raft:
      return "raft";
    case paxos:
      return "paxos";
    case ben_or:
      return "ben-or";
    case exchange:
      return "exchange";
    case multi_paxos:
      return "multi-paxos";
    case pbft:
      return "pbft";
  }
  return nullptr;
}

// The name is to be decided by these sites, if this is its first entry; with `seen` as in ProposeValue.
struct OpenDecision {
  std::string decision{};
  Agreement algorithm = Agreement::raft;
  std::vector<DecisionSite> sites{};
  Token seen{};
  std::string host{};
  std::uint32_t uid = 0;
  std::string user{};

  std::string& name() { return decision; }
  bool operator==(const OpenDecision&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(decision, algorithm, sites, seen, host, uid, user);
  }
};

// This value is the name's, if it is the first. `seen`: DecisionView::now of the answer by which its tool
// learnt that nothing is decided. `proposal` tells it from others of the name: drawn at random by its tool.
struct ProposeValue {
  std::string decision{};
  std::string value{};
  Token seen{};
  std::uint64_t proposal = 0;
  std::string host{};  // on which it was made, as its tool says
  std::uint32_t uid = 0;
  std::string user{};

  std::string& name() { return decision; }
  bool operator==(const ProposeValue&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(decision, value, seen, proposal, host, uid, user);
  }
};

// Nothing is decided any more, and what was proposed before stays without effect.
struct ForgetDecision {
  std::string decision{};
  std::uint32_t uid = 0;
  std::string user{};

  std::string& name() { return decision; }
  bool operator==(const ForgetDecision&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(decision, uid, user);
  }
};

// ---- questions, and their answers

struct GetDecision {
  std::string decision{};

  std::string& name() { return decision; }
  const std::string& name() const { return decision; }
  bool operator==(const GetDecision&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(decision);
  }
};

// Those whose names begin with `prefix` above `after`, as many as fit one answer.
struct ListDecisions {
  std::string prefix{};
  std::string after{};

  std::string& name() { return prefix; }
  const std::string& name() const { return prefix; }
  bool operator==(const ListDecisions&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(prefix, after);
  }
};

struct DecisionRecord {
  std::string name{};
  Token generation{};  // 0: nothing is decided
  std::uint64_t proposal = 0;
  std::uint64_t bytes = 0;
  std::string user{};  // whose proposal it was
  std::string host{};
  WallTime since{};
  Agreement algorithm = Agreement::raft;  // another: its sites know the value

  bool operator==(const DecisionRecord&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(name, generation, proposal, bytes, user, host, since, algorithm);
  }
};

struct DecisionView {
  DecisionRecord of{};
  std::string value{};
  std::vector<DecisionSite> sites{};
  Token now{};  // above all that was forgotten before this answer, below all that is later

  bool operator==(const DecisionView&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(of, value, sites, now);
  }
};

struct DecisionsView {
  std::vector<DecisionRecord> decisions{};
  bool more = false;  // ask again, after the last one

  bool operator==(const DecisionsView&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(decisions, more);
  }
};

}  // namespace coord::service
