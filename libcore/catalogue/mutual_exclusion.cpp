// The algorithms for mutual exclusion, as dsim knows them.
#include <array>

#include "catalogue/families.hpp"
#include "catalogue/mutex_model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"
#include "protocol/mutex/lamport.hpp"
#include "protocol/mutex/maekawa.hpp"
#include "protocol/mutex/quorums.hpp"
#include "protocol/mutex/ricart_agrawala.hpp"
#include "protocol/mutex/suzuki_kasami.hpp"
#include "protocol/mutex/token_ring.hpp"

namespace coord::catalogue {

namespace {

using mutex::Membership;

const char* const family = "mutual exclusion";
constexpr Duration lost_after = std::chrono::milliseconds(250);  // often too early: that must do no harm
constexpr Duration resend = std::chrono::milliseconds(200);

Theory one_transit() {
  return exactly(Theory::Measure::hand_over, Load::together, "T",
                 [](std::size_t n) { return n > 1 ? 1.0 : 0.0; });
}

// What needs every message: delays, pauses and clocks go wrong, and sites crash.
Stands nothing_lost() {
  Stands stands;
  stands.kinds = Stands::of_time();
  stands.kinds.insert(sim::FaultKind::process_crash);
  return stands;
}

struct RicartAgrawala {
  using Site = mutex::RicartAgrawala;
  static constexpr bool never_idle = false;
  static constexpr NodeId no_user{0};
  static Site make(const Membership& members, bool lossy) {
    Site::Config config;
    config.self = members.self;
    config.sites = members.sites;
    config.epoch = members.epoch;
    config.clock_start = mutex::StampedToken::clock_start(members);
    if (lossy) config.resend = resend;
    return Site(config);
  }
  static std::string_view type_of(const Site::Message& message) {
    return std::holds_alternative<Site::Request>(message) ? "request" : "reply";
  }
  static std::string describe(const Site::Message& message) {
    const std::uint64_t time = std::visit([](const auto& what) { return what.time; }, message);
    return (std::holds_alternative<Site::Request>(message) ? "request " : "reply to ") + std::to_string(time);
  }
};

Protocol ricart_agrawala() {
  Protocol p;
  p.name = "ricart-agrawala";
  p.summary = "ask all; the earlier timestamp first (Ricart, Agrawala 1981)";
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert(sim::FaultKind::process_crash);
  p.stands.lossy_links = true;
  p.rules = {"ra_request_timestamp_not_live_clock",
             "ra_tie_by_site",
             "ra_replies_are_a_set",
             "ra_defer_while_inside",
             "ra_reply_names_its_request",
             "ra_clock_exceeds_all_seen"};
  const auto messages = [](std::size_t n) { return 2 * (real(n) - 1); };
  p.theory = {exactly(Theory::Measure::messages, Load::one_by_one, "2(N-1)", messages),
              exactly(Theory::Measure::messages, Load::together, "2(N-1)", messages), one_transit()};
  return describe<MutexModel<RicartAgrawala>>(std::move(p));
}

struct Lamport {
  using Site = mutex::Lamport;
  static constexpr bool never_idle = false;
  static constexpr NodeId no_user{0};
  static Site make(const Membership& members, bool) { return Site(members); }
  static std::string_view type_of(const Site::Message& message) {
    static constexpr std::array<std::string_view, 3> names = {"request", "acknowledge", "release"};
    return names[message.index()];
  }
  static std::string describe(const Site::Message& message) {
    const std::uint64_t time = std::visit([](const auto& what) { return what.time; }, message);
    return std::string(type_of(message)) + " " + std::to_string(time);
  }
};

Protocol lamport() {
  Protocol p;
  p.name = "lamport";
  p.summary = "a queue at every site, by timestamps (Lamport 1978)";
  p.stands = nothing_lost();
  p.stands.reordering = false;
  p.rules = {"lamport_clock_exceeds_all_seen", "lamport_tie_by_site", "lamport_first_in_queue",
             "lamport_later_from_everyone"};
  const auto messages = [](std::size_t n) { return 3 * (real(n) - 1); };
  p.theory = {exactly(Theory::Measure::messages, Load::one_by_one, "3(N-1)", messages),
              exactly(Theory::Measure::messages, Load::together, "3(N-1)", messages), one_transit()};
  return describe<MutexModel<Lamport>>(std::move(p));
}

struct SuzukiKasami {
  using Site = mutex::SuzukiKasami;
  static constexpr bool never_idle = false;
  static constexpr NodeId no_user{0};
  static Site make(const Membership& members, bool) { return Site(members); }
  static std::string_view type_of(const Site::Message& message) {
    return message.index() == 0 ? "request" : "token";
  }
  static std::string describe(const Site::Message& message) {
    if (const auto* request = std::get_if<mutex::suzuki_kasami::Request>(&message))
      return "request " + std::to_string(request->number);
    const auto& token = std::get<mutex::suzuki_kasami::Privilege>(message);
    std::string text = "token after " + std::to_string(token.entries) + " entries, for";
    for (const NodeId site : token.queue) text += " " + std::to_string(site.value);
    return text + (token.queue.empty() ? " nobody else" : " next");
  }
};

Protocol suzuki_kasami() {
  Protocol p;
  p.name = "suzuki-kasami";
  p.summary = "a token that is asked for (Suzuki and Kasami 1985)";
  p.stands = nothing_lost();
  p.rules = {"sk_late_request_changes_nothing", "sk_token_stays_while_inside", "sk_token_counts_entries",
             "sk_served_is_written_down"};
  // The very first entry is the first site's, which has the token: it is the only one of all that are
  // measured which costs nothing.
  p.theory = {{Theory::Measure::messages, Load::one_by_one, "N, or 0 if it has the token",
               [](std::size_t n) {
                 return Range{real(n) - 0.5, real(n)};
               }},
              {Theory::Measure::messages, Load::together, "N, or 0 if it has the token",
               [](std::size_t n) {
                 return Range{real(n) - 0.1, real(n)};
               }},
              one_transit()};
  return describe<MutexModel<SuzukiKasami>>(std::move(p));
}

struct TokenRing {
  using Site = mutex::TokenRing;
  static constexpr bool never_idle = true;
  static constexpr NodeId no_user{0};
  static Site make(const Membership& members, bool lossy) {
    return Site({members, std::chrono::milliseconds(5), lossy ? lost_after : Duration{}});
  }
  static std::string_view type_of(const Site::Message& message) {
    return message.index() == 0 ? "token" : "census";
  }
  static std::string describe(const Site::Message& message) {
    if (const auto* token = std::get_if<mutex::token_ring::Pass>(&message))
      return "token of generation " + std::to_string(token->generation.number) + " after " +
             std::to_string(token->entries) + " entries";
    const auto& census = std::get<mutex::token_ring::Census>(message);
    return "census " + std::to_string(census.generation.number) + " of " +
           std::to_string(census.generation.maker.value);
  }
};

Protocol token_ring() {
  Protocol p;
  p.name = "token-ring";
  p.summary = "a token goes round; a lost one is replaced (Le Lann 1977)";
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert(sim::FaultKind::process_crash);
  p.stands.lossy_links = true;
  p.least_nodes = 2;
  p.rules = {"ring_old_generations_are_void", "ring_token_is_taken_once", "ring_holder_swallows_census",
             "ring_census_counts_entries", "ring_census_is_a_promise"};
  p.theory = {exactly(Theory::Measure::messages, Load::together, "1 if all want (idle: for ever)",
                      [](std::size_t) { return 1.0; }),
              one_transit()};
  return describe<MutexModel<TokenRing>>(std::move(p));
}

struct Maekawa {
  using Site = mutex::Maekawa;
  static constexpr bool never_idle = false;
  static constexpr NodeId no_user{0};
  static Site make(const Membership& members, bool) {
    return Site({members, mutex::quorum_of(members.sites, *mutex::rank_of(members, members.self))});
  }
  static std::string_view type_of(const Site::Message& message) {
    static constexpr std::array<std::string_view, 6> names = {"request", "locked", "failed",
                                                              "inquire", "yield",  "release"};
    return names[static_cast<std::size_t>(message.what)];
  }
  static std::string describe(const Site::Message& message) {
    return std::string(type_of(message)) + " " + std::to_string(message.time);
  }
};

// The mean over the sites: where N is no square, quorums differ in size.
double quorum_size(std::size_t n) {
  std::vector<NodeId> sites;
  for (std::size_t i = 1; i <= n; ++i) sites.push_back(NodeId{i});
  double all = 0;
  for (std::size_t rank = 0; rank < n; ++rank) all += real(mutex::quorum_of(sites, rank).size());
  return all / real(n);
}

Protocol maekawa() {
  Protocol p;
  p.name = "maekawa";
  p.summary = "quorums of about sqrt(N) sites (Maekawa 1985, Sanders 1987)";
  p.stands = nothing_lost();
  p.stands.reordering = false;
  p.sweep_most = 9;
  p.sizes = {4, 7, 9, 13, 16, 25};
  p.rules = {"maekawa_one_lock_at_a_time", "maekawa_superseded_head_is_told", "maekawa_yield_is_a_failure",
             "maekawa_inquire_is_kept", "maekawa_token_above_quorum"};
  p.theory = {
      exactly(Theory::Measure::messages, Load::one_by_one, "3(K-1)",
              [](std::size_t n) { return 3 * (quorum_size(n) - 1); }),
      {Theory::Measure::messages, Load::together, "3(K-1) to 5(K-1)",
       [](std::size_t n) {
         return Range{3 * (quorum_size(n) - 1), 5 * (quorum_size(n) - 1)};
       }},
      {Theory::Measure::hand_over, Load::together, "2T, T if the leaver is the arbiter", [](std::size_t) {
         return Range{1, 2};
       }}};
  return describe<MutexModel<Maekawa>>(std::move(p));
}

}  // namespace

std::vector<Protocol> mutual_exclusion() {
  std::vector<Protocol> protocols = {lamport(), ricart_agrawala(), maekawa(), token_ring(), suzuki_kasami()};
  for (Protocol& protocol : protocols) protocol.family = family;
  return protocols;
}

}  // namespace coord::catalogue
