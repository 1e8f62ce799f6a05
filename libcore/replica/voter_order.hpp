// SPDX-License-Identifier: MIT
// What an operator wants of the voters (`dpeers promote`, `demote`, `remove`, `replace`, `transfer`), and how
// far it has come. Said between peers, and by the peer that was asked to the one that leads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ids.hpp"
#include "protocol/raft/voters.hpp"
#include "wire/bounds.hpp"
#include "wire/local_voters.hpp"

namespace coord::replica {

using local::VoterVerb;

// A state to be reached, not a step to be made: said again, also to another leader, it goes on from where the
// group is by then.
struct VoterOrder {
  VoterVerb verb = VoterVerb::promote;
  NodeId node;
  NodeId other;
  std::string by;  // who has asked, for the log

  bool operator==(const VoterOrder&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(verb, node, other, wire::text<255>(by));
  }
};

enum class VoterProgress : std::uint8_t {
  done,
  // the rest: to be asked again
  nobody_leads,   // who was asked does not lead, or no longer
  is_proposed,    // a step stands in the log and is not committed
  catches_up,     // a learner lacks `lacking` entries
  hands_over,     // the leadership is on its way
  leads_newly,    // nothing of the leader's term is committed
  waits_rejoined  // a voter has come back with nothing, and has not caught up
};
constexpr const char* name_of(VoterProgress value) {
  switch (value) {
    using enum VoterProgress;
    case done:
      return "done";
    case nobody_leads:
      return "nobody leads";
    case is_proposed:
      return "proposed";
    case catches_up:
      return "catching up";
    case hands_over:
      return "handing over";
    case leads_newly:
      return "new leader";
    case waits_rejoined:
      return "waiting for a rejoined voter";
  }
  return nullptr;
}

enum class VoterRefusal : std::uint8_t {
  none,
  other_order,      // `other_order` is being carried out
  no_majority,      // of the voters that there would be, too few answer
  last_voter,       // somebody has to vote
  too_many,         // raft::Voters::limit
  no_voter,         // who is to lead does not vote
  not_there,        // who is to learn is no voter, and no learner
  does_not_answer,  // who is to lead
  cannot_write,     // who is to lead: its disk
  has_lost_state,   // who is to lead: it has not caught up since
  too_early,        // the group is of level 1
};
constexpr const char* name_of(VoterRefusal value) {
  switch (value) {
    using enum VoterRefusal;
    case none:
      return "none";
    case other_order:
      return "another order";
    case no_majority:
      return "no majority";
    case last_voter:
      return "last voter";
    case too_many:
      return "too many";
    case no_voter:
      return "no voter";
    case not_there:
      return "not there";
    case does_not_answer:
      return "does not answer";
    case cannot_write:
      return "cannot write";
    case has_lost_state:
      return "has lost its state";
    case too_early:
      return "too early";
  }
  return nullptr;
}

struct VoterAnswer {
  VoterProgress progress = VoterProgress::nobody_leads;
  VoterRefusal refusal = VoterRefusal::none;
  NodeId about;                           // whom that concerns; 0: nobody
  std::uint64_t lacking = 0;              // entries
  std::optional<VoterOrder> other_order;  // with VoterRefusal::other_order
  NodeId leader;                          // as who answers knows it
  raft::Voters voters;                    // as they are there

  bool operator==(const VoterAnswer&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(progress, refusal, about, lacking, other_order, leader, voters);
  }
};

}  // namespace coord::replica
