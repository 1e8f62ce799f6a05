// SPDX-License-Identifier: MIT
// The algorithms for mutual exclusion, and leases from a store.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "classical/traits.hpp"
#include "protocol/election/lease_race.hpp"
#include "protocol/mutex/lamport.hpp"
#include "protocol/mutex/maekawa.hpp"
#include "protocol/mutex/quorums.hpp"
#include "protocol/mutex/redlock.hpp"
#include "protocol/mutex/ricart_agrawala.hpp"
#include "protocol/mutex/suzuki_kasami.hpp"
#include "protocol/mutex/token_ring.hpp"

namespace coord::classical {

// What a site's user wishes and is told.
template <class Site>
struct SiteUser {
  using Core = Site;
  static typename Core::Event event(const Enter&) { return mutex::Acquire{}; }
  static typename Core::Event event(const Leave&) { return mutex::Release{}; }
  static std::optional<Told> told(const mutex::Granted& what) { return Granted{what.token}; }
  static std::optional<Told> told(const mutex::Refused& what) { return Refused{what.why}; }
  static std::string state(const Core& site) {
    switch (site.phase()) {
      case mutex::Phase::inside:
        return "inside";
      case mutex::Phase::waiting:
        return list("waits for", site.missing());
      case mutex::Phase::idle:
        break;
    }
    return "idle";
  }
};

// A site that has crashed is never waited out: the others begin the next epoch without it (mutex/types.hpp).
inline constexpr Option epoch_option =
    number_option("epoch", 0, (1U << 20U) - 1, 0, "the epoch of these sites");
inline constexpr Option floor_option =
    number_option("floor", 0, mutex::token_limit - 1, 0, "the highest token of the epochs before");

inline mutex::Membership membership(const Setup& setup, const Given& given) {
  return {setup.group.self, setup.group.nodes, given.number("epoch"), Token{given.number("floor")}};
}

struct Lamport : SiteUser<mutex::Lamport> {
  static constexpr Identity identity{"lamport", "mutual exclusion",
                                     "a queue at every site, by timestamps (Lamport 1978)"};
  static constexpr std::array options{epoch_option, floor_option};
  static constexpr std::array<std::string_view, 3> types = {"request", "acknowledge", "release"};
  static Result<Core> make(const Setup& setup, const Given& given) { return Core(membership(setup, given)); }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<Lamport>(message); }
  static std::string describe(const Core::Message& message) {
    const std::uint64_t time = std::visit([](const auto& what) { return what.time; }, message);
    return std::string(type_of(message)) + " " + std::to_string(time);
  }
};

struct RicartAgrawala : SiteUser<mutex::RicartAgrawala> {
  static constexpr Identity identity{"ricart-agrawala", "mutual exclusion",
                                     "ask all; the earlier timestamp first (Ricart, Agrawala 1981)"};
  static constexpr std::array options{
      epoch_option, floor_option,
      duration_option("resend_ms", 0, 0,
                      "how often a request is repeated; 0: never, for links that lose nothing")};
  static constexpr std::array<std::string_view, 2> types = {"request", "reply"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    const mutex::Membership members = membership(setup, given);
    Core::Config config;
    config.self = members.self;
    config.sites = members.sites;
    config.epoch = members.epoch;
    config.clock_start = mutex::StampedToken::clock_start(members);
    config.resend = given.duration("resend_ms");
    return Core(config);
  }
  static std::string_view type_of(const Core::Message& message) {
    return type_by_index<RicartAgrawala>(message);
  }
  static std::string describe(const Core::Message& message) {
    const std::uint64_t time = std::visit([](const auto& what) { return what.time; }, message);
    return (std::holds_alternative<Core::Request>(message) ? "request " : "reply to ") + std::to_string(time);
  }
};

struct Maekawa : SiteUser<mutex::Maekawa> {
  static constexpr Identity identity{"maekawa", "mutual exclusion",
                                     "quorums of about sqrt(N) sites (Maekawa 1985, Sanders 1987)"};
  static constexpr std::array options{epoch_option, floor_option};
  static constexpr std::array<std::string_view, 6> types = {"request", "locked", "failed",
                                                            "inquire", "yield",  "release"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    const mutex::Membership members = membership(setup, given);
    return Core({members, mutex::quorum_of(members.sites, *mutex::rank_of(members, members.self))});
  }
  static std::string_view type_of(const Core::Message& message) {
    return types[static_cast<std::size_t>(message.what)];
  }
  static std::string describe(const Core::Message& message) {
    return std::string(type_of(message)) + " " + std::to_string(message.time);
  }
};

struct TokenRing : SiteUser<mutex::TokenRing> {
  static constexpr Identity identity{"token-ring", "mutual exclusion",
                                     "a token goes round; a lost one is replaced (Le Lann 1977)", 2, true};
  static constexpr std::array options{
      epoch_option, floor_option,
      duration_option("rest_ms", 0, 5, "how long a site that does not want the token keeps it"),
      duration_option("lost_after_ms", 0, 0, "without the token: when it is taken for lost; 0: never")};
  static constexpr std::array<std::string_view, 3> types = {"token", "census", "ask"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    return Core({membership(setup, given), given.duration("rest_ms"), given.duration("lost_after_ms")});
  }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<TokenRing>(message); }
  static std::string describe(const Core::Message& message) {
    if (const auto* token = std::get_if<mutex::token_ring::Pass>(&message))
      return "token of generation " + std::to_string(token->generation.number) + " after " +
             std::to_string(token->entries) + " entries";
    if (std::holds_alternative<mutex::token_ring::Ask>(message)) return "ask for the token";
    const auto& census = std::get<mutex::token_ring::Census>(message);
    return "census " + std::to_string(census.generation.number) + " of " +
           std::to_string(census.generation.maker.value);
  }
};

struct SuzukiKasami : SiteUser<mutex::SuzukiKasami> {
  static constexpr Identity identity{"suzuki-kasami", "mutual exclusion",
                                     "a token that is asked for (Suzuki and Kasami 1985)"};
  static constexpr std::array options{epoch_option, floor_option};
  static constexpr std::array<std::string_view, 2> types = {"request", "token"};
  static Result<Core> make(const Setup& setup, const Given& given) { return Core(membership(setup, given)); }
  static std::string_view type_of(const Core::Message& message) {
    return type_by_index<SuzukiKasami>(message);
  }
  static std::string describe(const Core::Message& message) {
    if (const auto* request = std::get_if<mutex::suzuki_kasami::Request>(&message))
      return "request " + std::to_string(request->number);
    const auto& token = std::get<mutex::suzuki_kasami::Privilege>(message);
    std::string text = "token after " + std::to_string(token.entries) + " entries, for";
    for (const NodeId site : token.queue) text += " " + std::to_string(site.value);
    return text + (token.queue.empty() ? " nobody else" : " next");
  }
};

struct Redlock : SiteUser<mutex::Redlock> {
  static constexpr Identity identity{"redlock", "mutual exclusion",
                                     "a majority of independent stores (Redlock 2014)"};
  static constexpr std::array options{
      duration_option("ttl_ms", 1, 400, "a store keeps a key so long after it heard of it last"),
      duration_option("retry_ms", 1, 100, "the longest pause between two attempts")};
  static constexpr std::array<std::string_view, 3> types = {"set", "drop", "answer"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    constexpr unsigned attempts_of_a_life = 32;  // bits
    return Core({setup.group.self, setup.group.nodes, given.duration("ttl_ms"), given.duration("retry_ms"),
                 setup.group.self.value, (setup.life - 1) << attempts_of_a_life});
  }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<Redlock>(message); }
  static std::string describe(const Core::Message& message) {
    if (const auto* set = std::get_if<mutex::redlock::Set>(&message))
      return (set->longer ? "keep longer " : "set ") + std::to_string(set->attempt);
    if (const auto* answer = std::get_if<mutex::redlock::Answer>(&message))
      return (answer->kept ? "kept " : "not kept ") + std::to_string(answer->attempt);
    return "drop " + std::to_string(std::get<mutex::redlock::Drop>(message).attempt);
  }
  using SiteUser::told;
  static std::optional<Told> told(const election::Lost&) { return Lost{}; }
};

template <bool herd>
struct Lease : SiteUser<election::LeaseRace> {
  static constexpr Identity identity =
      herd ? Identity{"lease-herd", "leader election",
                      "a lease; when it is free all race for it (ZooKeeper 2010)", 3}
           : Identity{"lease-race", "leader election",
                      "a lease; candidates in line, one is told (ZooKeeper 2010)", 3};
  static constexpr std::array options{
      duration_option("ttl_ms", 1, 400, "an entry lives so long after the store last heard of it"),
      node_option("store", "the node that keeps the entries and is no candidate; 0: the first")};
  static constexpr std::array<std::string_view, 5> types = {"join", "look", "leave", "kept", "notice"};
  static Result<Core> make(const Setup& setup, const Given& given) {
    const NodeId store = given.flag("store") ? given.node("store") : setup.group.nodes.front();
    if (!setup.group.knows(store))
      return Error{ErrorKind::usage, std::string(identity.name), "its store is none of its nodes",
                   "name one of them"};
    // Bits. A life may be a number of milliseconds: 270 years of them stay below what
    // is believed (meaning.hpp).
    constexpr unsigned attempts_of_a_life = 10;
    const std::uint64_t before = (setup.life - 1) << attempts_of_a_life;
    return Core({setup.group.self, store, given.duration("ttl_ms"), herd, before});
  }
  static std::string_view type_of(const Core::Message& message) { return type_by_index<Lease>(message); }
  static std::string describe(const Core::Message& message) {
    const auto* kept = std::get_if<election::lease_race::Kept>(&message);
    if (kept != nullptr && kept->token != 0) return "kept, leads with token " + std::to_string(kept->token);
    return std::string(type_of(message));
  }
  using SiteUser::told;
  static std::optional<Told> told(const election::Lost&) { return Lost{}; }
};

}  // namespace coord::classical
