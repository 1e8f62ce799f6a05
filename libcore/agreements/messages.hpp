// SPDX-License-Identifier: MIT
// What sites that decide by a classical algorithm say to each other on their channel (peer_messages.hpp), and
// tools to their peer's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "agreements/peer_messages.hpp"
#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "service/decision_site.hpp"
#include "wire/bounds.hpp"

namespace coord::agreements {

// ---- a tool and its own peer

struct GetSites {          // as they are now, for a name's first entry
  bool answering = false;  // those only that say so
  bool operator==(const GetSites&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(answering);
  }
};
struct Propose {
  Token generation{};
  std::string value{};
  bool operator==(const Propose&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, wire::at_most<65'536>(value));
  }
};
struct GetDecided {
  Token generation{};
  bool operator==(const GetDecided&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation);
  }
};
// This request of this session takes part in a name: it is to enter now. Answered by Entered when it may; by
// Missing if it will not. Who is told Entered says Begin before anything is begun, for it may have been
// stopped: answered by Begun, and it is inside until it takes part no more, or by PassedOn.
struct Enter {
  SessionId session{};
  std::uint64_t request = 0;
  bool at_once = false;            // or be told Busy
  std::vector<SessionId> outer{};  // that run it, as it says
  bool operator==(const Enter&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request, at_once, wire::at_most<32>(outer));
  }
};
// This connection asks to take part in a name, in its open epoch and by what it says next, and is to enter as
// soon as it does: the algorithm runs meanwhile. Then it is told Entered, as one that has said Enter; or
// nothing, where it cannot be first in line: so it says Enter as well if Entered has not come by then.
struct EnterAhead {
  std::string name{};
  std::uint64_t request = 0;       // that asks to take part
  std::vector<SessionId> outer{};  // as of Enter
  bool operator==(const EnterAhead&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<1'024>(name), request, wire::at_most<32>(outer));
  }
};
// It was told Entered, and begins under that token: a turn that it was told of before may have passed on, and
// it has another one.
struct Begin {
  SessionId session{};
  std::uint64_t request = 0;
  Token token{};
  bool operator==(const Begin&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request, token);
  }
};
// It does not wait any more. Answered by Withdrawn.
struct Withdraw {
  SessionId session{};
  std::uint64_t request = 0;
  bool operator==(const Withdraw&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(session, request);
  }
};
struct GetSelf {  // this host as a site; answered by Sites at once
  bool operator==(const GetSelf&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
// What this run of a participant of a transaction asks: how it stands; to wait for the outcome, and that it
// votes, if it has not; or not to wait, and if it has not voted, to say no. Answered by DealIs: to a vote
// when it is decided.
struct AskDeal {
  enum class What : std::uint8_t { how_it_stands, yes, no, give_up };
  Token generation{};
  std::string id{};
  std::uint64_t run = 0;
  What what = What::how_it_stands;
  bool operator==(const AskDeal&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, wire::at_most<256>(id), run, what);
  }
};
constexpr const char* name_of(AskDeal::What value) {
  switch (value) {
    using enum AskDeal::What;
    case how_it_stands:
      return "how it stands";
    case yes:
      return "yes";
    case no:
      return "no";
    case give_up:
      return "give up";
  }
  return nullptr;
}
// This host stands for a leadership as long as the connection lasts, or until StepDown. Answered by Standing,
// at once and at every change; said again, how it stands now.
struct Stand {
  ElectBy by = ElectBy::bully;
  std::string name{};
  Duration bound{};  // as of Election
  bool operator==(const Stand&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(by, wire::at_most<1'024>(name), bound);
  }
};
struct StepDown {
  ElectBy by = ElectBy::bully;
  std::string name{};
  bool operator==(const StepDown&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(by, wire::at_most<1'024>(name));
  }
};
struct WhoLeads {  // as far as this host knows
  ElectBy by = ElectBy::bully;
  std::string name{};
  bool operator==(const WhoLeads&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(by, wire::at_most<1'024>(name));
  }
};
// The events of a generation at this host, after the first `after` lines; answered by LogIs.
struct GetLog {
  Token generation{};
  std::uint64_t after = 0;
  bool operator==(const GetLog&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation, after);
  }
};
// The events of a leadership by hosts, at this one, after the first `after` lines; answered by LogIs.
struct GetElectionLog {
  ElectBy by = ElectBy::bully;
  std::string name{};
  std::uint64_t after = 0;
  bool operator==(const GetElectionLog&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(by, wire::at_most<1'024>(name), after);
  }
};
// After it was decided, and this site proposed: what followed. Answered by Steps when that is over.
struct GetSteps {
  Token generation{};
  bool operator==(const GetSteps&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(generation);
  }
};
struct FindCircles {  // of waits, by probes; answered by Circles
  bool operator==(const FindCircles&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct GetSigningKeys {  // answered by SigningKeys
  bool operator==(const GetSigningKeys&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
// By hand: that host signs by this key from now on, as they stand in files. Answered by SigningKeys when that
// is on the disk.
struct PinSigningKey {
  std::string host{}, key{};
  bool operator==(const PinSigningKey&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<256>(host), wire::at_most<256>(key));
  }
};
using FromTool = std::variant<GetSites, Propose, GetDecided, Enter, Begin, Withdraw, GetSelf, AskDeal, Stand,
                              StepDown, WhoLeads, GetLog, FindCircles, GetSigningKeys, PinSigningKey,
                              GetSteps, EnterAhead, GetElectionLog>;

struct Sites {
  std::vector<service::DecisionSite> sites{};
  NodeId self{};  // this host
  bool operator==(const Sites&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(sites, self);
  }
};
struct Step {  // of the way to a decision, as this site saw it
  Duration after{};
  bool sent = false;
  NodeId peer{};
  std::string text{};
  bool operator==(const Step&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(after, sent, peer, text);
  }
};
struct Decided {
  std::string value{};
  std::map<std::string, std::uint64_t> messages{};  // sent and received here until then, by type
  std::uint32_t delays = 0;                         // messages one after the other, from wish to decision
  Duration took{};
  std::vector<Step> steps{};
  bool operator==(const Decided&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(wire::at_most<told_value_bytes>(value), messages, delays, took, steps);
  }
};
struct Steps {
  std::vector<Step> steps{};
  std::vector<std::string> not_acknowledged{};  // hosts, where the algorithm waits for that
  bool is_known = false;                        // else nothing was kept of it
  bool operator==(const Steps&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(steps, not_acknowledged, is_known);
  }
};
struct Undecided {
  bool operator==(const Undecided&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct CannotTell {
  enum class Why : std::uint8_t {
    no_site,
    no_majority,
    wrong,
    forgotten,
    store,
    behind,
    open,
    lost,
    lost_meanwhile
  };
  Why why = Why::no_site;
  std::string text{};
  bool operator==(const CannotTell&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(why, text);
  }
};
constexpr const char* name_of(CannotTell::Why value) {
  switch (value) {
    using enum CannotTell::Why;
    case no_site:
      return "no site";
    case no_majority:
      return "no majority";
    case wrong:
      return "wrong";
    case forgotten:
      return "forgotten";
    case store:
      return "store";
    case behind:
      return "behind";
    case open:
      return "open";
    case lost:
      return "sites are lost";
    case lost_meanwhile:  // after the proposal was made
      return "sites were lost";
  }
  return nullptr;
}
struct Entered {
  Token token{};  // larger than those of all who were inside before
  Token epoch{};
  std::vector<std::string> hosts{};                 // its sites
  std::map<std::string, std::uint64_t> messages{};  // sent and received here from wish to entry, by type
  std::uint32_t delays = 0;                         // messages one after the other
  std::uint64_t sent = 0, received = 0;             // of the algorithm's, here, in this epoch until now
  bool from_exit = false;                           // the delays: of another one; else from the own wish
  bool operator==(const Entered&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(token, epoch, hosts, messages, delays, sent, received, from_exit);
  }
};
// Nobody enters in this epoch any more, as far as this site can tell: close it, and take part in the next. 0:
// in which one it would be is not known here.
struct Missing {
  Token epoch{};
  std::string text{};
  bool operator==(const Missing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(epoch, text);
  }
};
struct Begun {
  bool operator==(const Begun&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct PassedOn {  // its turn: it has to say Enter again
  bool operator==(const PassedOn&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct Busy {
  bool operator==(const Busy&) const = default;
  template <class Archive>
  void serialize(Archive&) {}
};
struct Withdrawn {
  bool quorum = false;  // the group has one, as far as this peer knows
  bool operator==(const Withdrawn&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(quorum);
  }
};
// How a transaction stands at one of its participants.
struct DealIs {
  enum class Stage : std::uint8_t { not_voted, voted, committed, aborted };
  Stage stage = Stage::not_voted;
  std::vector<std::string> waits_for{};             // voted: hosts
  std::map<std::string, std::uint64_t> messages{};  // sent and received for this participant, by type
  std::uint32_t delays = 0;                         // messages one after the other, from the first one on
  bool operator==(const DealIs&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(stage, waits_for, messages, delays);
  }
};
constexpr const char* name_of(DealIs::Stage value) {
  switch (value) {
    using enum DealIs::Stage;
    case not_voted:
      return "not voted";
    case voted:
      return "voted";
    case committed:
      return "committed";
    case aborted:
      return "aborted";
  }
  return nullptr;
}
struct Standing {
  bool leads = false;      // this tool
  bool here = false;       // some tool of this host
  std::string leader{};    // the host that leads, as far as this one knows; empty: none
  std::uint64_t term = 0;  // no token
  Instant until{};         // leads: so long without another answer
  std::vector<std::string> hosts{};
  std::map<std::string, std::uint64_t> messages{};  // sent and received here since it stands, by type
  std::uint32_t delays = 0;
  bool operator==(const Standing&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(leads, here, leader, term, until, hosts, messages, delays);
  }
};
struct LogIs {
  std::vector<std::string> lines{};  // as dclock reads them
  bool more = false;
  bool whole = true;  // there were no more events than are kept
  bool operator==(const LogIs&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(lines, more, whole);
  }
};
struct WaitParty {
  std::string host{};
  std::uint32_t pid = 0;
  std::string user{}, command{};
  bool operator==(const WaitParty&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(host, pid, user, command);
  }
};
struct Circle {
  std::vector<WaitStep> steps{};
  std::vector<WaitParty> waiters{};  // of each step
  bool operator==(const Circle&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(steps, waiters);
  }
};
struct Circles {
  std::vector<Circle> circles{};
  std::vector<std::string> silent{};  // hosts
  bool operator==(const Circles&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(circles, silent);
  }
};
struct SigningKeys {  // as they stand in files
  struct OfHost {
    std::string host{}, pinned{};
    std::string shown{};  // in place of the pinned one, or where none is; empty: no such
    bool operator==(const OfHost&) const = default;
    template <class Archive>
    void serialize(Archive& archive) {
      archive(host, pinned, shown);
    }
  };
  std::string own{};  // empty: it cannot be read
  std::vector<OfHost> others{};
  bool operator==(const SigningKeys&) const = default;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(own, others);
  }
};
using ToTool = std::variant<Sites, Decided, Undecided, CannotTell, Entered, Missing, Begun, Withdrawn, Busy,
                            DealIs, Standing, LogIs, Circles, SigningKeys, PassedOn, Steps>;

}  // namespace coord::agreements
