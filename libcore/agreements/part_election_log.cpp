// SPDX-License-Identifier: MIT
// The events of leaderships that hosts settle by themselves (part_elections.cpp), as dclock(1) reads them:
// for delect --log, and for coordd --trace-log.
//
// As of an epoch (part_log.cpp), each message carries how many events of each host its sender knew. A leader
// says again and again that it leads: only the first time is an event, and what is no event carries no clock.
// A host on which nobody stands takes no part: what comes there is none either, but for who gives leases.
#include <algorithm>
#include <utility>

#include "agreements/election_roles.hpp"
#include "agreements/part.hpp"
#include "base/format.hpp"

namespace coord::agreements {

namespace {

constexpr std::size_t most_election_logs = 16;

}  // namespace

// A log goes when there are too many: one of those for which nobody stands here, if there is one.
EventLog& AgreementsPart::election_log(const RaceKey& key) {
  const auto found = election_logs_.find(key);
  if (found != election_logs_.end()) return found->second;
  if (election_logs_.size() >= most_election_logs) {
    const auto idle = std::ranges::find_if(election_logs_,
                                           [&](const auto& entry) { return !races_.contains(entry.first); });
    election_logs_.erase(idle == election_logs_.end() ? election_logs_.begin() : idle);
  }
  return election_logs_.emplace(key, EventLog{key.second, {}, {}, true}).first->second;
}

void AgreementsPart::election_event(const node::Moment& moment, const RaceKey& key, const std::string& what) {
  event_in(moment, election_log(key), what);
}

std::string AgreementsPart::words_of(const Election& message) const {
  if (message.kind != Election::Kind::message) return name_of(message.kind);
  return words_of(hosted(name_of(message.by)), message.message);
}

void AgreementsPart::send(const node::Moment& moment, NodeId to, Election message) {
  EventLog& log = election_log({message.by, message.name});
  event_in(moment, log, fmt::format("{} to {}", words_of(message), host_of(to)));
  message.clock = log.clock;
  if (trace_) message.trace_clock = trace_clock_;
  say(to, message);
}

void AgreementsPart::note_received(const node::Moment& moment, NodeId from, const Election& message) {
  const RaceKey key{message.by, message.name};
  const bool gives = message.by == ElectBy::lease_race && message.to == a_store && self_ == giver();
  if (message.clock.empty() || !(gives || races_.contains(key))) return;
  event_in(moment, election_log(key), fmt::format("{} from {}", words_of(message), host_of(from)),
           &message.clock, &message.trace_clock);
}

void AgreementsPart::asked(const node::Moment&, Tool tool, const GetElectionLog& what) {
  const auto found = election_logs_.find({what.by, what.name});
  tell_log(tool, found == election_logs_.end() ? nullptr : &found->second, what.after);
}

}  // namespace coord::agreements
