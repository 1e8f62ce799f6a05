// SPDX-License-Identifier: MIT
// Agreement among nodes that crash; among such that lie: pbft.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "classical/traits.hpp"
#include "protocol/consensus/ben_or.hpp"
#include "protocol/consensus/exchange.hpp"
#include "protocol/consensus/multi_paxos.hpp"
#include "protocol/consensus/paxos.hpp"

namespace coord::classical {

struct Exchange {
  using Core = consensus::PromiseExchange;
  static constexpr Identity identity{"promise-exchange", "consensus",
                                     "propose, promise, commit: right with one proposer only"};
  static constexpr std::span<const Option> options = no_options;
  static constexpr std::array<std::string_view, 4> types = {"propose", "promise", "commit", "acknowledge"};
  static Result<Core> make(const Setup& setup, const Given&) { return Core({setup.group}); }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<Exchange>(message); }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Core::Event event(const Propose& wish) { return consensus::Propose{wish.value}; }
  static std::optional<Told> told(const consensus::Decided& what) { return Decided{what.value}; }
  static std::optional<Told> told(const Core::Completed&) { return Completed{}; }
  static std::string state(const Core& core) {
    return core.decided() ? "decided " + *core.decided() : "undecided";
  }
};

struct Paxos {
  using Core = consensus::Paxos;
  using Durable = Core::Durable;
  using Record = std::variant<Core::Persist>;
  static constexpr Identity identity{"paxos", "consensus",
                                     "a majority promises, then accepts (Lamport 1998)"};
  static constexpr std::array options{
      duration_option("retry_ms", 0, 300, "a ballot that has not succeeded by then is given up; 0: never"),
      duration_option("backoff_ms", 0, 40,
                      "beaten by a higher one: again after a random time up to this, doubled")};
  static constexpr std::array<std::string_view, 6> types = {"prepare",  "promise",  "accept",
                                                            "accepted", "rejected", "chosen"};
  static Result<Core> make(const Setup& setup, const Given& given, const Durable* restored) {
    const Core::Config config{setup.group, setup.seed, given.duration("retry_ms"),
                              given.duration("backoff_ms")};
    return restored ? Core(config, *restored) : Core(config);
  }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<Paxos>(message); }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Core::Event event(const Propose& wish) { return consensus::Propose{wish.value}; }
  static std::optional<Told> told(const consensus::Decided& what) { return Decided{what.value}; }
  static std::string state(const Core& core) {
    return core.chosen() ? "decided " + *core.chosen() : "undecided, ballot " + core.ballot().text();
  }
  static std::string key(const Core::Persist&) { return "state"; }
  static void apply(Durable& durable, const Core::Persist& what) { durable = what.state; }
};

struct MultiPaxos {
  using Core = consensus::MultiPaxos;
  using Durable = Core::Durable;
  using Record = std::variant<Core::PersistPromise, Core::PersistVote>;
  static constexpr Identity identity{"multi-paxos", "consensus",
                                     "phase 1 once, then one round trip a command (Lamport 1998)", 1, true};
  static constexpr std::array options{
      duration_option("heartbeat_ms", 1, 50, "of a leader"),
      duration_option("election_low_ms", 2, 200,
                      "without a heartbeat: when a follower stands, at the earliest"),
      duration_option("election_high_ms", 2, 500, "and at the latest"),
      number_option("places", 0, 1'000'000'000, 0, "of the log; 0: any number")};
  static constexpr std::array<std::string_view, 9> types = {
      "prepare", "promise", "accept", "accepted", "rejected", "chosen", "heartbeat", "missing", "forward"};
  static Result<Core> make(const Setup& setup, const Given& given, const Durable* restored) {
    const Core::Config config{setup.group,
                              setup.seed,
                              given.duration("heartbeat_ms"),
                              given.duration("election_low_ms"),
                              given.duration("election_high_ms"),
                              given.number("places")};
    if (config.heartbeat >= config.election_low || config.election_low > config.election_high)
      return Error{ErrorKind::usage, std::string(identity.name), "its times are not in their order",
                   "heartbeat_ms is below election_low_ms, and that not above election_high_ms"};
    return restored ? Core(setup.now, config, *restored) : Core(setup.now, config);
  }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<MultiPaxos>(message); }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Core::Event event(const Propose& wish, std::uint64_t sequence) {
    return Core::Submit{sequence, wish.value};
  }
  static std::optional<Told> told(const Core::Delivered& what) {
    return Decided{what.command.value, what.slot};
  }
  static std::optional<Told> told(const Core::Leads& what) { return Led{what.ballot.node}; }
  static std::string state(const Core& core) {
    const std::string role = core.leads() ? "leads" : "follows " + std::to_string(core.leader().value);
    return role + ", delivered to " + std::to_string(core.delivered_to());
  }
  static std::string key(const Core::PersistPromise&) { return "promise"; }
  static std::string key(const Core::PersistVote& what) { return "vote/" + std::to_string(what.vote.slot); }
  // Votes may be applied in any order: what was promised only rises.
  static void apply(Durable& durable, const Core::PersistPromise& what) {
    durable.round = what.round;
    durable.promised = std::max(durable.promised, what.promised);
  }
  static void apply(Durable& durable, const Core::PersistVote& what) {
    durable.promised = std::max(durable.promised, what.promised);
    durable.accepted[what.vote.slot] = what.vote;
  }
};

struct BenOr {
  using Core = consensus::BenOr;
  static constexpr Identity identity{"ben-or", "consensus",
                                     "reports, proposals and a coin: no clock needed (Ben-Or 1983)", 3};
  static constexpr std::array options{
      number_option("crashes", 0, nodes_limit, 0, "how many may crash; 0: as many as are less than half"),
      duration_option("resend_ms", 0, 0,
                      "interval of repeated messages; 0: never, for links that lose nothing")};
  static constexpr std::array<std::string_view, 3> types = {"report", "proposal", "decision"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    const std::size_t most = (setup.group.size() - 1) / 2;
    const auto crashes = static_cast<std::size_t>(given.number("crashes"));
    if (crashes > most)
      return Error{ErrorKind::usage, std::string(identity.name),
                   "cannot withstand " + std::to_string(crashes) + " crashes",
                   "of its nodes less than half may crash"};
    return Core({setup.group, crashes == 0 ? most : crashes, setup.seed, given.duration("resend_ms")});
  }
  static std::string_view type_of(const Core::Message& message) {
    const auto* say = std::get_if<Core::Say>(&message);
    return !say ? types[2] : say->proposal ? types[1] : types[0];
  }
  static std::string describe(const Core::Message& message) { return text(message); }
  static Result<Core::Event> event(const Propose& wish) {
    if (wish.value != "0" && wish.value != "1")
      return Error{ErrorKind::usage, std::string(identity.name), "decides on one bit", "propose 0 or 1"};
    return Core::Event(Core::Begin{wish.value == "1"});
  }
  static std::optional<Told> told(const Core::DecidedBit& what) { return Decided{what.bit ? "1" : "0"}; }
  static std::optional<Told> told(const Core::Tossed&) { return std::nullopt; }
  static std::string state(const Core& core) {
    if (core.decided()) return std::string("decided ") + (*core.decided() ? "1" : "0");
    return "undecided in round " + std::to_string(core.round());
  }
};

}  // namespace coord::classical
