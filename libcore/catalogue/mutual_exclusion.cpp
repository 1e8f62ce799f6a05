// SPDX-License-Identifier: MIT
// The algorithms for mutual exclusion, as dsim knows them.
#include "catalogue/families.hpp"
#include "catalogue/mutex_model.hpp"
#include "catalogue/runner.hpp"
#include "catalogue/theory.hpp"

namespace coord::catalogue {

namespace {

const char* const family = "mutual exclusion";

// Runs without options, whether or not messages may be lost.
template <class Of>
struct Plain {
  using Algorithm = Of;
  static constexpr NodeId no_user{0};
  static Options options(const Setup&, bool) { return {}; }
};
struct RicartAgrawala : Plain<classical::RicartAgrawala> {
  static Options options(const Setup&, bool lossy) { return {{"resend_ms", lossy ? "200" : "0"}}; }
};
struct Redlock : Plain<classical::Redlock> {  // ttl_ms, of its leases
  static Options options(const Setup& setup, bool) {
    const auto given = setup.options.find("ttl_ms");
    return given == setup.options.end() ? Options{} : Options{*given};
  }
};
struct TokenRing : Plain<classical::TokenRing> {
  // Often too early: that must do no harm.
  static Options options(const Setup&, bool lossy) { return {{"lost_after_ms", lossy ? "250" : "0"}}; }
};

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

Protocol ricart_agrawala() {
  Protocol p = named(classical::RicartAgrawala::identity);
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

Protocol lamport() {
  Protocol p = named(classical::Lamport::identity);
  p.stands = nothing_lost();
  p.stands.reordering = false;
  p.rules = {"lamport_clock_exceeds_all_seen", "lamport_tie_by_site", "lamport_first_in_queue",
             "lamport_later_from_everyone"};
  const auto messages = [](std::size_t n) { return 3 * (real(n) - 1); };
  p.theory = {exactly(Theory::Measure::messages, Load::one_by_one, "3(N-1)", messages),
              exactly(Theory::Measure::messages, Load::together, "3(N-1)", messages), one_transit()};
  return describe<MutexModel<Plain<classical::Lamport>>>(std::move(p));
}

Protocol suzuki_kasami() {
  Protocol p = named(classical::SuzukiKasami::identity);
  p.stands = nothing_lost();
  p.rules = {"sk_late_request_changes_nothing", "sk_token_stays_while_inside", "sk_token_counts_entries"};
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
  return describe<MutexModel<Plain<classical::SuzukiKasami>>>(std::move(p));
}

Protocol token_ring() {
  Protocol p = named(classical::TokenRing::identity);
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.insert(sim::FaultKind::process_crash);
  p.stands.lossy_links = true;
  p.least_nodes = 2;
  p.rules = {"ring_old_generations_are_void", "ring_token_is_taken_once", "ring_holder_swallows_census",
             "ring_census_counts_entries", "ring_census_is_a_promise"};
  p.theory = {exactly(Theory::Measure::messages, Load::together, "1 if all want (then two idle rounds)",
                      [](std::size_t) { return 1.0; }),
              one_transit()};
  return describe<MutexModel<TokenRing>>(std::move(p));
}

// Clocks that run at other rates do no harm; a holder that is paused does, and so would a clock that is set.
Protocol redlock() {
  Protocol p = named(classical::Redlock::identity);
  p.stands.kinds = Stands::of_links();
  p.stands.kinds.erase(sim::FaultKind::pause);
  p.stands.lossy_links = true;
  p.rules = {"redlock_majority", "redlock_set_if_absent", "redlock_drops_its_own"};
  p.theory = {{Theory::Measure::messages,
               Load::one_by_one,
               "3(N-1), without renewals",
               [](std::size_t n) {
                 return Range{3 * (real(n) - 1), 3 * (real(n) - 1)};
               },
               {},
               [](Setup& setup) { setup.options["ttl_ms"] = "100000000"; }}};
  return describe<MutexModel<Redlock>>(std::move(p));
}

// The mean over the sites: where N is no square, quorums differ in size.
double quorum_size(std::size_t n) {
  std::vector<NodeId> sites;
  for (std::size_t i = 1; i <= n; ++i) sites.push_back(NodeId{i});
  double all = 0;
  for (std::size_t rank = 0; rank < n; ++rank) all += real(mutex::quorum_of(sites, rank).size());
  return all / real(n);
}

Protocol maekawa() {
  Protocol p = named(classical::Maekawa::identity);
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
  return describe<MutexModel<Plain<classical::Maekawa>>>(std::move(p));
}

}  // namespace

std::vector<Protocol> mutual_exclusion() {
  std::vector<Protocol> protocols = {lamport(),    ricart_agrawala(), maekawa(),
                                     token_ring(), suzuki_kasami(),   redlock()};
  for (Protocol& protocol : protocols) protocol.family = family;
  return protocols;
}

}  // namespace coord::catalogue
